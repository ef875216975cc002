"""`harness farm` on a real coordinator: boards are checked, and their places are shown."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.board.device_info import DeviceInfo
from harness.board.labgrid.session_name import own_name
from harness.cli import doctor
from harness.cli.main import main
from harness.errors import ExitCode
from harness.results.record_file import read_record, write_record
from tests.support import labgrid_programs
from tests.support.farm import Farm, free_ports, target_file
from tests.support.processes import until
from tests.unit.test_report import RECORDS

pytestmark = pytest.mark.skipif(bool(labgrid_programs.why_not()), reason=labgrid_programs.why_not())

_USER = "@".join(reversed(own_name().partition(":")[0].split("/")))
_NO_SERIAL = {
    "probe": {"cls": "NetworkService", "address": "127.0.0.1", "port": 1, "username": "pyocd"}
}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    exported: dict[str, dict[str, Any] | None] = {"board-2": _NO_SERIAL, "board-3": None}
    with Farm(folder, boards=4, exporters=2, exported=exported) as started:
        until(lambda: started.client("resources").count("/board-") > 4, 30)
        yield started


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, farm: Farm, caches: Path) -> Path:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(caches))
    (tmp_path / "targets").mkdir()
    text = target_file(**{"board.tags": '{ chip = "stm32f429xi" }'})
    (tmp_path / "targets" / "simulated.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LG_COORDINATOR", farm.address)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def taken(farm: Farm) -> Iterator[str]:
    """A place that a person has acquired."""
    assert "acquired" in farm.client("-p", "board-1", "acquire")
    yield "board-1"
    farm.client("-p", "board-1", "release")


def parts(workspace: Path, name: str) -> dict[str, bool | None]:
    """Return what the last check of a place found."""
    check = json.loads((workspace / "reports" / "checks" / f"{name}.json").read_text())
    return {line["part"]: line["ok"] for line in check["lines"]}


def status(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["farm", "status", "--json"]) == ExitCode.PASSED
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {place["name"]: place for place in answer["places"]}


def test_every_place_is_checked_and_a_busy_one_is_named(
    farm: Farm, workspace: Path, taken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["farm", "check"]) == ExitCode.INFRASTRUCTURE
    out = capsys.readouterr().out
    assert "board-0 (simulated, exporter pi-0" in out
    assert f"{taken}: skipped, because it is held by {_USER}, since 20" in out
    assert "has no serial line; it has probe (NetworkService)" in out
    assert "no exporter that is connected offers pi-1/board-3/*" in out
    assert "4 boards: 1 healthy, 2 not healthy, 1 busy" in out
    every = ("flash", "hello", "vectors", "line", "clock")
    assert parts(workspace, "place-board-0") == dict.fromkeys(every, True)
    assert parts(workspace, "place-board-3") == {"place": False} | dict.fromkeys(every)
    assert not (workspace / "reports" / "checks" / f"place-{taken}.json").exists()

    # What is known then is shown, as JSON and as a table.
    record = read_record(RECORDS[0])
    run = msgspec.structs.replace(record, device=DeviceInfo(place="board-0", exporter="pi-0"))
    write_record(run, workspace / "reports" / "runs")
    places = status(capsys)
    assert places["board-0"]["last_record"]["id"] == record.id
    assert places[taken]["last_record"] is None
    assert places["board-0"]["health"]["healthy"]
    assert places["board-0"]["tags"] == {"chip": "stm32f429xi", "number": "0"}
    assert places["board-0"]["holder"] == ""
    assert places[taken]["holder"] == _USER
    assert places[taken]["health"] is None
    (exporter,) = places["board-3"]["exporters"]
    assert exporter == {"name": "pi-1", "present": True, "resources": [], "unavailable": []}
    assert main(["farm", "status"]) == ExitCode.PASSED
    table = " ".join(capsys.readouterr().out.split())
    assert f"{taken} {_USER} none not checked on pi-1 since 20" in table
    assert "✗ exporter pi-1 offers nothing for it" in table


def test_one_healthy_place_is_enough_and_only_busy_ones_are_not(
    farm: Farm, workspace: Path, taken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["farm", "check", "number=0", taken]) == ExitCode.PASSED
    assert "2 boards: 1 healthy, 1 busy" in capsys.readouterr().out
    assert main(["farm", "check", taken]) == ExitCode.INFRASTRUCTURE
    assert "1 board: 0 healthy, 1 busy" in capsys.readouterr().out


def test_noise_on_the_line_is_counted(
    farm: Farm, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in (200, 300, 400, 500):
        farm.fault("board-0", f"serial-corrupt=to-host:{index}")
    assert main(["farm", "check", "board-0"]) == ExitCode.INFRASTRUCTURE
    assert "4 damaged frames and 4 retries in 220 exchanges" in capsys.readouterr().out
    found = parts(workspace, "place-board-0")
    assert [part for part, ok in found.items() if not ok] == ["line"]


def test_an_exporter_that_ends_is_absent(
    farm: Farm, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    farm.kill("pi-1")
    try:
        until(lambda: not status(capsys)["board-1"]["exporters"][0]["present"], 30)
        assert main(["farm", "status"]) == ExitCode.PASSED
        assert "✗ exporter pi-1 is absent" in " ".join(capsys.readouterr().out.split())
    finally:
        farm.start_exporter("pi-1")
        until(lambda: status(capsys)["board-1"]["exporters"][0]["present"], 30)


@pytest.mark.parametrize("command", ["check", "status"])
def test_a_coordinator_that_is_down_is_an_infrastructure_error(
    command: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    begin = time.monotonic()
    assert main(["farm", command, f"--coordinator={address}"]) == ExitCode.INFRASTRUCTURE
    assert time.monotonic() - begin < 60
    assert f"coordinator {address}: cannot be reached" in capsys.readouterr().err


def test_doctor_asks_the_coordinator(workspace: Path) -> None:
    assert doctor._coordinator() == "4 places"


@pytest.fixture
def tagged(farm: Farm) -> Iterator[None]:
    farm.client("-p", "board-0", "set-tags", "target=other")
    yield
    farm.client("-p", "board-0", "set-tags", "target=")


def test_a_place_names_its_target(
    farm: Farm, workspace: Path, tagged: None, capsys: pytest.CaptureFixture[str]
) -> None:
    by_tags = (workspace / "targets" / "simulated.toml").rename(
        workspace / "targets" / "other.toml"
    )
    by_tags.write_text(by_tags.read_text().replace("board.tags", "# board.tags"))
    command = ["run", "--model=digits", "--vectors=2"]
    assert main([*command, "--place=board-0"]) == ExitCode.PASSED
    assert "place board-0: the target is other\n" in capsys.readouterr().err
    (path,) = (workspace / "reports" / "runs").glob("*.json")
    assert read_record(path).target.name == "other"
    assert main([*command, "--place=chip=stm32f429xi"]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "--place=chip=stm32f429xi: has places of several targets: board-0 (other), " in error
    assert "board-1 (chip:stm32f429xi)" in error


def test_a_place_of_an_unknown_target_says_how_to_name_it(
    farm: Farm, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "targets" / "simulated.toml").unlink()
    farm.client("-p", "board-1", "set-tags", "chip=")
    try:
        assert main(["farm", "check", "board-1"]) == ExitCode.INFRASTRUCTURE
    finally:
        farm.client("-p", "board-1", "set-tags", "chip=stm32f429xi")
    error = capsys.readouterr().err
    assert "place board-1: nothing says which target it is" in error
    assert "labgrid-client -p board-1 set-tags target=NAME" in error


def test_an_unknown_place_is_an_input_error(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["farm", "check", "board-9"]) == ExitCode.USAGE
    assert "has no place 'board-9'" in capsys.readouterr().err
