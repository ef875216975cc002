"""A board of a place that does not answer gets a power cycle by labgrid's own client."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import ExitCode
from tests.support import labgrid_programs
from tests.support.farm import Farm, target_file

pytestmark = pytest.mark.skipif(bool(labgrid_programs.why_not()), reason=labgrid_programs.why_not())


class Switch:
    """A power switch with labgrid's simplest protocol, for one board of a farm."""

    def __init__(self) -> None:
        self.farm: Farm | None = None
        self.switched: list[str] = []
        switch = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                value = self.path.rpartition("/")[2]
                switch.switched.append(value)
                if value == "1" and switch.farm:
                    switch.farm.cycle("board-0")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/relay/{{index}}/{{value}}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def switch() -> Iterator[Switch]:
    made = Switch()
    yield made
    made.close()


def test_a_place_is_power_cycled_by_its_switch(
    tmp_path: Path,
    switch: Switch,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    power = {"cls": "NetworkPowerPort", "model": "simplerest", "host": switch.url, "index": 0}
    with Farm(tmp_path / "farm", more={"board-0": {"power": power}}) as farm:
        switch.farm = farm
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", str(labgrid_programs.folder()), prepend=os.pathsep)
        (tmp_path / "harness.toml").write_text("")
        (tmp_path / "targets").mkdir()
        (tmp_path / "targets" / "desk.toml").write_text(target_file("board-0"))
        farm.fault("board-0", "no-power")
        options = ["--model=digits", "--vectors=10", "--target=desk"]
        code = main(["run", *options, f"--coordinator={farm.address}"])
        assert code == ExitCode.PASSED, capsys.readouterr().err
        assert switch.switched == ["0", "1"]
        assert farm.client("-p", "board-0", "show").count("acquired: None") == 1
    (path,) = (tmp_path / "reports" / "runs").iterdir()
    record = json.loads(path.read_text())
    (recovery,) = record["recoveries"]
    assert recovery.startswith("power cycle after 'connecting: ")
    assert record["device"]["place"] == "board-0"
