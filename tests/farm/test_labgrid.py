"""Places of a real coordinator with real exporters: acquired, waited for, kept and released."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.board.device_info import DeviceInfo
from harness.board.labgrid.acquired_place import AcquiredPlace
from harness.board.labgrid.acquiring import Wanted
from harness.board.labgrid.coordinator import Coordinator
from harness.board.labgrid.place_choice import PlaceChoice, PlaceInUseError
from harness.board.labgrid.session_name import own_name
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.board.pyocd.server_lock import ServerLock
from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError, InputError
from tests.support import labgrid_programs
from tests.support.farm import Farm, target_file
from tests.support.processes import until

pytestmark = pytest.mark.skipif(bool(labgrid_programs.why_not()), reason=labgrid_programs.why_not())

_USER = own_name().partition(":")[0]
_NO_SERIAL = {
    "probe": {"cls": "NetworkService", "address": "127.0.0.1", "port": 1, "username": "pyocd"}
}
# A session that holds the place until it is killed.
_HOLDER = """
import sys, time
from harness.board.labgrid.acquired_place import AcquiredPlace
from harness.board.labgrid.acquiring import Wanted
from harness.board.labgrid.place_choice import PlaceChoice
wanted = Wanted(PlaceChoice.parse(sys.argv[2]), 0.0, 0.0, lambda *_: None, print)
AcquiredPlace(sys.argv[1], wanted, print)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    exported: dict[str, dict[str, Any] | None] = {"board-2": _NO_SERIAL, "board-3": None}
    with Farm(folder, boards=4, exporters=2, exported=exported) as started:
        yield started


@pytest.fixture
def said() -> list[str]:
    return []


def wanted(text: str, said: list[str], *, wait: float = 0, priority: float = 0) -> Wanted:
    return Wanted(PlaceChoice.parse(text), priority, wait, lambda *_: None, said.append)


def holder(farm: Farm, place: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _HOLDER, farm.address, place]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while (line := process.stdout.readline()) != "held\n":
        assert line
    return process


def held_by(farm: Farm, place: str) -> str:
    with Coordinator(farm.address) as coordinator:
        return coordinator.synchronize().places[place].holder


def run(folder: Path, *options: str) -> int:
    before = Path.cwd()
    os.chdir(folder)
    try:
        return main(["run", "--model=digits", "--vectors=10", *options])
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "harness.toml").write_text("")
    (folder / "targets").mkdir()
    for place in ("board-0", "board-2", "board-3"):
        (folder / "targets" / f"{place}.toml").write_text(target_file(place))
    local = target_file().replace('board.kind = "labgrid"', 'board.kind = "virtual"')
    (folder / "targets" / "local.toml").write_text(f'{local}board.chip = "stm32f429xi"\n')
    return folder


def records(folder: Path) -> dict[str, Any]:
    """Return the last Record of each target."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("reports/runs/*.json"))]
    return {record["target"]["name"]: record for record in found}


def test_a_run_at_a_place_is_the_run_on_the_desk(
    farm: Farm, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(workspace, "--target=local") == 0
    # A session that has lost the place may still lock the probe for a while.
    monkeypatch.setattr("harness.board.pyocd.server_lock._MOMENT", 0.2)
    before = ServerLock(("127.0.0.1", farm.board("board-0").probe_port), "probe", wait=0)
    threading.Timer(2.5, before.release).start()
    assert run(workspace, "--target=board-0", f"--coordinator={farm.address}") == 0
    local, remote = (records(workspace)[name] for name in ("local", "board-0"))
    assert remote["numbers"]["bytes_differing"]["value"] == 0
    assert remote["ticks"] == local["ticks"]
    assert remote["image"]["build_id"] == local["image"]["build_id"]
    chip_id = b"board-0".hex().rjust(24, "0")
    place = {"place": "board-0", "exporter": "pi-0", "chip_id": chip_id, "coordinator_lost": 0.0}
    assert remote["device"] == place
    assert local["device"] == msgspec.to_builtins(DeviceInfo(chip_id="1".rjust(24, "0")))
    assert held_by(farm, "board-0") == ""
    opened = [each["line"] for each in farm.sessions("board-0") if each["what"] == "open"]
    assert "serial" in opened
    assert "probe" in opened


@pytest.mark.parametrize(
    ("where", "shown"),
    [("", "place board-0"), ("probe 1", "place board-0: probe 1"), ("place board-0", None)],
)
def test_an_error_of_a_board_names_its_place(
    where: str,
    shown: str | None,
    farm: Farm,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: object) -> None:
        raise InfrastructureError("it failed", where=where)

    monkeypatch.setattr(PyocdBoard, "start", fails)
    options = ["--target=board-0", f"--coordinator={farm.address}"]
    assert run(workspace, *options) == ExitCode.INFRASTRUCTURE
    assert f"{shown or where}: it failed" in capsys.readouterr().err


def test_a_place_that_is_deleted_while_a_session_waits_is_named(
    farm: Farm, said: list[str]
) -> None:
    farm.client("-p", "gone", "create")
    with Coordinator(farm.address) as other:
        other.acquire("gone")

        def delete() -> None:
            until(lambda: said, 20)
            other.release("gone", other.name)
            other._protocol.call("DeletePlace", 10, name="gone")  # before the session asks again

        thread = threading.Thread(target=delete)
        thread.start()
        with pytest.raises(InputError, match="has no place 'gone'"):
            AcquiredPlace(farm.address, wanted("gone", said, wait=20), said.append)
        thread.join()


def test_a_held_place_is_refused_with_its_holder(
    farm: Farm, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "acquired" in farm.client("-p", "board-0", "acquire")
    try:
        code = run(workspace, "--target=board-0", f"--coordinator={farm.address}")
    finally:
        farm.client("-p", "board-0", "release")
    assert code == ExitCode.INFRASTRUCTURE
    host, user = _USER.split("/")
    error = capsys.readouterr().err
    assert f"place board-0: is held by {user}@{host}, since 20" in error
    assert "--lock-timeout=SECONDS" in error


def test_a_place_without_an_exporter_is_refused(
    farm: Farm, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(workspace, "--target=board-3", f"--coordinator={farm.address}")
    assert code == ExitCode.INFRASTRUCTURE
    error = capsys.readouterr().err
    assert "no exporter that is connected offers pi-1/board-3/*" in error
    assert held_by(farm, "board-3") == ""


def test_a_place_gets_its_exporter_back_while_a_session_waits(
    tmp_path: Path, said: list[str]
) -> None:
    def usable(place: Any, state: Any) -> None:
        if not state.resources_of(place):
            raise InfrastructureError("has no resources", where=f"place {place.name}")

    with Farm(tmp_path) as farm:
        farm.kill("pi-0")
        until(lambda: "board-0" not in farm.client("resources"), 30)
        threading.Timer(1, farm.start_exporter, ["pi-0"]).start()
        choice = Wanted(PlaceChoice("board-0"), 0, 30, usable, said.append)
        AcquiredPlace(farm.address, choice, said.append).release()
        assert "place board-0: has no resources; trying again" in said


def test_a_place_without_a_serial_line_names_what_to_add(
    farm: Farm, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(workspace, "--target=board-2", f"--coordinator={farm.address}")
    assert code == ExitCode.INFRASTRUCTURE
    error = capsys.readouterr().err
    assert "has no serial line; it has probe (NetworkService)" in error
    assert "the file of the exporter pi-0" in error
    assert "cls: NetworkSerialPort" in error


def test_a_session_waits_until_the_place_is_released(farm: Farm, said: list[str]) -> None:
    first = AcquiredPlace(farm.address, wanted("board-1", said), said.append)
    threading.Timer(1, first.release).start()
    second = AcquiredPlace(farm.address, wanted("board-1", said, wait=60), said.append)
    try:
        assert any("waiting for the place board-1: is held by" in line for line in said)
    finally:
        second.release()
    assert held_by(farm, "board-1") == ""


def test_a_reservation_of_another_is_named(farm: Farm, said: list[str]) -> None:
    reserved = farm.client("reserve", "name=board-1")
    token = next(word for word in reserved.split() if len(word) == 10 and word.isupper())
    try:
        with pytest.raises(InfrastructureError, match="is reserved for") as caught:
            AcquiredPlace(farm.address, wanted("board-1", said), said.append)
        assert _USER.split("/")[1] in caught.value.what
    finally:
        farm.client("cancel-reservation", token)


def test_the_higher_priority_gets_the_place(farm: Farm, said: list[str]) -> None:
    order: list[float] = []

    def take(priority: float) -> None:
        choice = wanted("board-1", said, wait=60, priority=priority)
        place = AcquiredPlace(farm.address, choice, said.append)
        order.append(priority)
        place.release()

    first = AcquiredPlace(farm.address, wanted("board-1", said), said.append)
    threads = [threading.Thread(target=take, args=(priority,)) for priority in (1.0, 5.0)]
    try:
        with Coordinator(farm.address) as coordinator:
            for number, thread in enumerate(threads):
                thread.start()
                until(lambda n=number: len(coordinator.reservations()) > n, 30)  # type: ignore[misc]
    finally:
        first.release()
    for thread in threads:
        thread.join()
    assert order == [5.0, 1.0]


def test_tags_take_a_free_place_that_can_be_used(farm: Farm, said: list[str]) -> None:
    def usable(place: Any, _: Any) -> None:
        if place.name in ("board-0", "board-2", "board-3"):
            raise InfrastructureError("is of no use", where=place.name)

    choice = Wanted(PlaceChoice.parse("chip=stm32f429xi"), 0, 0, usable, said.append)
    place = AcquiredPlace(farm.address, choice, said.append)
    try:
        assert place.name == "board-1"
        with Coordinator(farm.address) as coordinator:
            assert coordinator.reservations() == []
    finally:
        place.release()


def test_the_place_of_a_killed_session_is_swept(farm: Farm, said: list[str]) -> None:
    process = holder(farm, "board-1")
    process.kill()
    process.wait()
    assert held_by(farm, "board-1").startswith(f"{_USER}:{process.pid}-")
    AcquiredPlace(farm.address, wanted("board-1", said), said.append).release()
    assert any(f"(process {process.pid}) has ended" in line for line in said)


def test_the_place_of_a_living_session_is_not_swept(farm: Farm, said: list[str]) -> None:
    process = holder(farm, "board-1")
    process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(InfrastructureError, match=f"process {process.pid}"):
            AcquiredPlace(farm.address, wanted("board-1", said), said.append)
        assert held_by(farm, "board-1").startswith(f"{_USER}:{process.pid}-")
    finally:
        process.kill()
        process.wait()
    AcquiredPlace(farm.address, wanted("board-1", said), said.append).release()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_releases_the_place(farm: Farm, workspace: Path, number: signal.Signals) -> None:
    options = ["--model=digits", "--target=board-0", f"--coordinator={farm.address}"]
    command = [sys.executable, "-P", "-m", "harness", "run", *options]
    with subprocess.Popen(command, cwd=workspace, stderr=subprocess.PIPE) as process:
        until(lambda: held_by(farm, "board-0"), 60)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert held_by(farm, "board-0") == ""


def test_a_run_survives_a_new_coordinator_and_keeps_its_place(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.board.labgrid.acquired_place._RELEASE_DEADLINE", 2.0)
    with Farm(tmp_path) as farm:
        place = AcquiredPlace(farm.address, wanted("board-0", said), said.append)
        farm.kill("coordinator")
        until(place._coordinator.lost.is_set, 30)
        farm.start_coordinator()
        until(lambda: held_by(farm, "board-0"), 30)
        place.check()
        place.release()
        assert any("the coordinator was lost for" in line for line in said)
        assert place.seconds_away > 0
        assert held_by(farm, "board-0") == ""

        said.clear()
        place = AcquiredPlace(farm.address, wanted("board-0", said), said.append)
        farm.kill("coordinator")
        begin = time.monotonic()
        place.release()
        assert time.monotonic() - begin < 60
        assert any("the run went on without it" in line for line in said)
        assert any("cannot be released" in line for line in said)


def test_a_place_that_somebody_released_is_lost(farm: Farm, said: list[str]) -> None:
    place = AcquiredPlace(farm.address, wanted("board-1", said), said.append)
    try:
        place.check()
        with Coordinator(farm.address) as coordinator:
            coordinator.release("board-1", own_name())  # as `labgrid-client release --kick`
        until(lambda: place.why_lost, 30)
        with pytest.raises(PlaceInUseError, match="was released by somebody else"):
            place.check()
    finally:
        place.release()


def test_a_place_that_another_took_is_an_error(farm: Farm, said: list[str]) -> None:
    place = AcquiredPlace(farm.address, wanted("board-1", said), said.append)
    try:
        with Coordinator(farm.address) as coordinator:
            coordinator.release("board-1", own_name())
        farm.client("-p", "board-1", "acquire")
        place._coordinator.close()  # as after a cut cable
        until(lambda: place.why_lost, 30)
        with pytest.raises(InfrastructureError, match="was acquired by"):
            place.check()
    finally:
        place.release()
        farm.client("-p", "board-1", "release")


def _modules(arguments: Sequence[str]) -> list[str]:
    """Return what a command imports of the farm."""
    program = (
        "import sys\nfrom harness.cli.main import main\nmain(sys.argv[1:])\n"
        "names = ('grpc', 'google.protobuf', 'harness.board.labgrid')\n"
        "print(sorted({name for name in names if name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    result: list[str] = json.loads(done.stderr.splitlines()[-1].replace("'", '"'))
    return result


@pytest.mark.parametrize(
    "arguments", [["list", "targets"], ["run", "--model=digits", "--vectors=2", "--target=local"]]
)
def test_without_a_farm_nothing_of_it_is_imported(
    arguments: list[str], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("LG_COORDINATOR", "127.0.0.1:1")
    assert _modules(arguments) == []


@pytest.mark.skipif(not Path("/usr/sbin/ser2net").is_file(), reason="ser2net is not installed")
def test_an_exporter_starts_ser2net_when_its_board_is_acquired(
    tmp_path: Path, workspace: Path
) -> None:
    with Farm(tmp_path, ser2net=True) as farm:
        assert run(workspace, "--target=board-0", f"--coordinator={farm.address}") == 0
        remote = records(workspace)["board-0"]
        assert remote["numbers"]["bytes_differing"]["value"] == 0
        assert "rfc2217" in farm.logs()
