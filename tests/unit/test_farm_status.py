"""The health of boards and the status of places, without a coordinator."""

import io
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

import harness
from harness import python_api
from harness.board.board_options import BoardOptions
from harness.board.device_info import DeviceInfo
from harness.board.labgrid.farm_state import FarmState, Match, Place, Resource
from harness.board.labgrid.place_choice import PlaceInUseError
from harness.board.labgrid.session_name import own_name
from harness.cli import mlperf_command
from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError, InputError
from harness.measure.core_clock import ClockBounds
from harness.model.folder import Model, load_model
from harness.model.mlperf_benchmarks import BENCHMARKS
from harness.report.farm_table import print_farm
from harness.results.farm.check_files import read_checks, write_check
from harness.results.farm.failed_runs import FailedRun, read_failures, write_failure
from harness.results.farm.farm_status import FarmStatus, LastRecord, status_of
from harness.results.farm.keep_failure import keep_failure
from harness.results.farm.status_file import read_status, with_known, write_status
from harness.results.record import Record
from harness.results.record_file import read_record, write_record
from harness.results.store.open_results import open_store
from harness.runs.check.check_result import BoardCheck, CheckLine
from harness.runs.check.checked_boards import CheckedBoard
from harness.runs.check.place_target import target_of
from harness.runs.request import RunRequest
from harness.simulator.board_process import VirtualBoard
from harness.support.bundled_files import bundled
from harness.support.lease import Lease
from harness.support.progress import Progress
from harness.support.terminal import Terminal
from harness.target.find_target import find_target
from harness.workspace import Workspace, find_workspace
from tests.unit.test_report import RECORDS, Page

WRONG = CheckLine("line", False, "9 damaged frames\nand more", "check the cable")


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caches: Path) -> Path:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(caches))
    (tmp_path / "harness.toml").touch()
    (tmp_path / "targets").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    return tmp_path


def check_of(place: str = "", *lines: CheckLine) -> BoardCheck:
    return BoardCheck(
        target="nucleo-f429zi",
        place=place,
        healthy=not lines,
        checked="2026-03-01T02:00:00+00:00",
        seconds=3.0,
        host="desk-3",
        harness="0.1.0",
        lines=list(lines) or [CheckLine("flash", True, "fine")],
    )


def place_of(name: str, match: Match | None = None, holder: str = "", reserved: str = "") -> Place:
    return Place(name, (), {}, [match] if match else [], holder, reserved, 1e9)


def resource(exporter: str, group: str, name: str, *, available: bool = True) -> Resource:
    return Resource(exporter, group, "NetworkService", name, available, {}, {})


def status(*places: Place, resources: tuple[Resource, ...] = ()) -> FarmStatus:
    state = FarmState({each.name: each for each in places}, {each.key: each for each in resources})
    return status_of("farm:20408", state, {"TOKEN": "desk-3/anna"}, datetime.now(UTC))


# The check of a board, here a virtual one


def test_a_board_on_the_desk_is_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["farm", "check", "--target=virtual-stm32"]) == ExitCode.PASSED
    out = capsys.readouterr().out
    assert "10 vectors have golden's outputs" in out
    assert "0 damaged frames and 0 retries in 220 exchanges" in out
    assert "1 board: 1 healthy" in out
    (check,) = read_checks(folder / "reports" / "checks")
    assert check.healthy
    assert (check.target, check.place) == ("virtual-stm32", "")


@pytest.mark.parametrize(
    ("fault", "found", "text"),
    [
        ("brown-out=30000000", [True, True, False, None, None], "restarted"),
        ("probe-busy", [False, None, None, None, None], "session"),
    ],
)
def test_a_part_that_fails_ends_the_check(
    fault: str, found: list[bool | None], text: str, folder: Path
) -> None:
    with VirtualBoard.start("stm32f429xi") as board:
        board.set_fault(fault)
        options = [f"--probe={board.probe_id}", f"--serial={board.port}"]
        command = ["farm", "check", "--target=virtual-stm32", *options]
        assert main(command) == ExitCode.INFRASTRUCTURE
    (check,) = read_checks(folder / "reports" / "checks")
    assert [line.ok for line in check.lines] == found
    assert text in check.summary


def test_a_board_that_others_use_is_busy_and_not_ill(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with VirtualBoard.start("stm32f429xi") as board:
        lease = Lease(f"probe {board.probe_id}", wait=0)
        try:
            options = [f"--probe={board.probe_id}", f"--serial={board.port}"]
            command = ["farm", "check", "--target=virtual-stm32", *options]
            assert main(command) == ExitCode.INFRASTRUCTURE
        finally:
            lease.release()
    out = capsys.readouterr().out
    assert f"virtual-stm32: skipped, because it is in use by process {os.getpid()}" in out
    assert "1 board: 0 healthy, 1 busy" in out


def test_a_reason_that_boards_have_in_common_is_said_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = InfrastructureError("no compiler is on PATH", remedy="install one")
    boards = [CheckedBoard(name, BoardOptions(), error) for name in "abc"]
    monkeypatch.setattr("harness.cli.farm_check.find_boards", lambda *_: boards)
    assert main(["farm", "check"]) == ExitCode.INFRASTRUCTURE
    said = capsys.readouterr()
    assert said.err.count("no compiler is on PATH\n  -> install one") == 1
    assert "harness: c cannot be checked, for the same reason as a\n" in said.err
    assert "3 boards: 0 healthy, 3 cannot be checked" in said.out


def test_wrong_outputs_and_a_wrong_clock_are_both_found(
    folder: Path, cycles: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "targets" / "other.toml").write_text(
        'base = "virtual-stm32"\ndescription = "another"\ncounter.ticks = "cycles"\n'
        'clock.hz = 999_000_000\nclock.source = "a guess"\n'
    )
    vectors = load_model(bundled("models") / "digits").vectors
    assert vectors.golden is not None
    golden = vectors.golden.copy()
    golden[3] = 0
    monkeypatch.setattr(Model, "vectors", replace(vectors, all_golden=(golden,)))
    assert main(["farm", "check", "--target=other"]) == ExitCode.INFRASTRUCTURE
    (check,) = read_checks(folder / "reports" / "checks")
    outputs, clock = check.wrong
    assert outputs.text == "1 of 10 vectors differ from golden: 3"
    assert "the stated clock is 999 MHz" in clock.text
    assert check.summary == f"vectors: {outputs.text}"
    assert "1 board: 0 healthy, 1 not healthy" in capsys.readouterr().out


def test_a_vague_clock_is_neither_right_nor_wrong(
    folder: Path, cycles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "targets" / "other.toml").write_text(
        'base = "virtual-stm32"\ndescription = "another"\ncounter.ticks = "cycles"\n'
        'clock.hz = 16_000_000\nclock.source = "a guess"\n'
    )
    bounds = ClockBounds(1e6, 19e6)
    monkeypatch.setattr("harness.runs.check.board_check.measure_clock", lambda *_: bounds)
    assert main(["farm", "check", "--target=other"]) == ExitCode.PASSED
    (check,) = read_checks(folder / "reports" / "checks")
    (clock,) = [line for line in check.lines if line.part == "clock"]
    assert clock.ok is None
    assert "10 MHz ± 90 %; stated are 16 MHz ± 4 %: too vague to compare" in clock.text


# The files


def test_a_check_replaces_the_last_one_of_the_same_board(tmp_path: Path) -> None:
    write_check(check_of("lab/a b", WRONG), tmp_path / "checks")
    path = write_check(check_of("lab/a b"), tmp_path / "checks")
    write_check(check_of(), tmp_path / "checks")
    assert path.name == "place-lab%2Fa%20b.json"
    assert [check.place for check in read_checks(tmp_path / "checks")] == ["lab/a b", ""]


def test_a_place_with_a_name_that_no_file_can_have_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 90 bytes"):
        write_check(check_of("x" * 90), tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[", '{"lines": []}', "\udcff"])
def test_what_is_not_a_check_is_named_and_skipped(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_check(check_of("board-0"), tmp_path)
    (tmp_path / "bad.json").write_bytes(text.encode(errors="surrogateescape"))
    assert [check.place for check in read_checks(tmp_path)] == ["board-0"]
    assert "bad.json: is not a check of a board" in capsys.readouterr().err


def test_a_damaged_status_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "farm.json"
    assert read_status(path) is None
    write_status(status(place_of("board-0")), path)
    assert read_status(path) == status_from(path)
    path.write_text("{")
    with pytest.raises(InputError, match="is not the status of a farm") as caught:
        read_status(path)
    assert "harness farm status" in caught.value.remedy


def status_from(path: Path) -> FarmStatus:
    return msgspec.json.decode(path.read_bytes(), type=FarmStatus)


# What the coordinator says


def test_holders_and_reservations_are_shown() -> None:
    held, reserved, unknown = status(
        place_of("a", holder="desk-3/anna:42-1-abc-7", reserved="TOKEN"),
        place_of("b", reserved="TOKEN"),
        place_of("c", reserved="GONE"),
    ).places
    assert (held.holder, held.reserved_for) == ("anna@desk-3 (process 42)", "")
    assert (reserved.holder, reserved.reserved_for) == ("", "anna@desk-3")
    assert (unknown.holder, unknown.reserved_for) == ("", "")
    assert datetime.fromisoformat(held.changed).timestamp() == 1e9


def ended_holder() -> str:
    """Return the name of a session of this user on this machine, whose process has ended."""
    user, _, process = own_name().partition(":")
    if not process:
        pytest.skip("without /proc, nothing proves that a process has ended")
    return f"{user}:{process.replace(f'{os.getpid()}-', f'{os.getpid()}-9', 1)}"


def test_a_holder_that_is_gone_and_a_place_without_an_exporter_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    offered = (resource("pi-0", "a", "probe"), resource("pi-0", "c", "probe"))
    farm = status(
        place_of("a", Match("pi-0", "a", "*"), holder=ended_holder()),
        place_of("b", Match("pi-1", "b", "*")),
        place_of("c", Match("pi-0", "c", "*"), holder=own_name()),
        resources=offered,
    )
    gone, unreachable, living = farm.places
    assert (gone.holder_is_gone, unreachable.holder_is_gone, living.holder_is_gone) == (
        True,
        False,
        False,
    )
    print_farm(farm, Terminal())
    words = " ".join(capsys.readouterr().out.split())
    assert "holder is gone, swept" in words
    assert "b no exporter" in words
    assert words.count("since 2001") == 1


def test_the_status_fits_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    places = status(
        place_of("nucleo-1", Match("pi-1", "a", "*"), holder="desk-3/anna:4242-1-abc-7"),
        place_of("nrf52840-dk", Match("pi-1", "a", "*"), reserved="TOKEN"),
        resources=(resource("pi-1", "a", "probe"),),
    ).places
    run = LastRecord("x", "2026-11-29T13:05:00+00:00", "nucleo-f429zi", "digits", "passed")
    tags = {"chip": "stm32f429xi", "target": "nucleo-f429zi"}
    known = {"health": check_of("nucleo-1", WRONG), "last_record": run, "tags": tags}
    full = [msgspec.structs.replace(place, **known) for place in places]
    print_farm(FarmStatus("", "", full), Terminal())
    out = capsys.readouterr().out
    heading, rule, *lines = out.strip().splitlines()
    assert heading.split() == ["place", "used", "by", "last", "run", "health"]
    assert all(len(line) <= 80 for line in [rule, *lines])
    health = heading.index("health")
    assert any(line[health:].startswith("✗ line: 9 damaged") for line in lines)


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ((resource("pi-0", "a", "probe"),), ""),
        ((resource("pi-0", "a", "probe", available=False),), "probe of pi-0 is not available"),
        ((resource("pi-0", "other", "probe"),), "pi-0 offers nothing for it"),
        ((resource("pi-1", "a", "probe"),), "pi-0 is absent"),
        ((), "pi-0 is absent"),
    ],
)
def test_exporters_are_present_or_not(resources: tuple[Resource, ...], problem: str) -> None:
    (place,) = status(place_of("a", Match("pi-0", "a", "*")), resources=resources).places
    assert place.problem == problem


# Which target a place has


def test_a_target_file_comes_before_tags(folder: Path) -> None:
    place = Place("a", ("nick",), {"chip": "nrf52840", "target": "nucleo-f429zi"}, (), "", "", 0.0)
    workspace = Workspace(folder)
    assert target_of(place, workspace).name == "nucleo-f429zi"
    assert target_of(tagged(place, {"chip": "nrf52840"}), workspace).name == "chip:nrf52840"
    text = 'base = "nrf52840-dk"\nboard.kind = "labgrid"\n'
    (folder / "targets" / "tagged.toml").write_text(f'{text}board.tags = {{ chip = "nrf52840" }}\n')
    assert target_of(place, workspace).name == "tagged"
    (folder / "targets" / "zz-named.toml").write_text(f'{text}board.place = "nick"\n')
    assert target_of(place, workspace).name == "zz-named"
    with pytest.raises(InputError, match="nothing says which target it is"):
        target_of(tagged(place, {}, name="b"), workspace)


def tagged(place: Place, tags: dict[str, str], name: str = "a") -> Place:
    return Place(name, (), tags, place.matches, "", "", 0.0)


# The report


def test_the_report_shows_boards_without_a_network(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = read_record(RECORDS[0])
    run = msgspec.structs.replace(record, device=DeviceInfo(place="board-0", exporter="pi-0"))
    write_record(run, folder / "reports" / "runs")
    write_check(check_of("board-0"), folder / "reports" / "checks")
    write_check(check_of(), folder / "reports" / "checks")
    summary = folder / "summary.md"
    assert main(["report"]) == ExitCode.PASSED
    words = shown(folder)
    assert "No coordinator was asked" in words
    assert f"board-0 not known {record.model.name} passed" in words
    assert "nucleo-f429zi on the desk none ✓ healthy 2026-03-01 02:00 UTC by desk-3" in words

    write_check(check_of("board-1", WRONG), folder / "reports" / "checks")
    farm = status(
        place_of("board-0", Match("pi-0", "a", "*")),
        place_of("board-1", holder="desk-3/<b>anna</b>"),
    )
    write_status(farm, folder / "reports" / "farm.json")
    assert main(["report", f"--markdown={summary}"]) == ExitCode.PASSED
    words = shown(folder)
    assert "Boards 1 not healthy" in words
    assert "board-0 no exporter ✗ pi-0 pi-0 is absent" in words
    assert "board-1 <b>anna</b>@desk-3 since 2001-09-0" in words
    assert "line: 9 damaged frames and more → check the cable" in words
    assert "what the coordinator farm:20408 said on" in words
    assert "- board-1: line\\: 9 damaged frames, checked on 2026-03-01" in summary.read_text()
    capsys.readouterr()


def shown(folder: Path) -> str:
    return Page((folder / "reports" / "report.html").read_text()).words


# Runs that end with an infrastructure error


def failed_run(record: Record, ended: datetime, **changes: str) -> FailedRun:
    failed = FailedRun(
        ended=ended.isoformat(),
        session="s",
        target=record.target.name,
        model=record.model.name,
        engine=record.image.engine,
        toolchain=record.image.toolchain,
        optimize=record.image.optimize,
        place="board-0",
        moved_to="",
        error="the probe was unplugged\nin the middle",
        where="probe <b>1</b>",
        remedy="plug it in",
        host="desk-3",
        harness="0.1.0",
    )
    return msgspec.structs.replace(failed, **changes)


@pytest.fixture
def record(folder: Path) -> Record:
    """The Record of a run an hour ago."""
    started = datetime.now(UTC) - timedelta(hours=1)
    record = msgspec.structs.replace(
        read_record(RECORDS[0]),
        started=started.isoformat(timespec="milliseconds"),
        device=DeviceInfo(place="board-0", exporter="pi-0"),
    )
    write_record(record, folder / "reports" / "runs")
    return record


def known(folder: Path) -> FarmStatus:
    workspace = Workspace(folder)
    with open_store("", workspace) as store:
        return with_known(None, workspace, store)


def test_a_failed_run_spoils_the_headline_and_is_shown_with_its_place(
    folder: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    failures, summary = folder / "reports" / "failures", folder / "summary.md"
    write_failure(failed_run(record, datetime.now(UTC)), failures)
    elsewhere = failed_run(record, datetime.now(UTC), place="board-1", moved_to="board-0")
    write_failure(msgspec.structs.replace(elsewhere, model="other"), failures)
    badge = folder / "badge.json"
    assert main(["report", f"--markdown={summary}", f"--badge={badge}"]) == ExitCode.PASSED
    assert "1 did not finish; 1 in all" in capsys.readouterr().out
    assert '"1 did not finish"' in badge.read_text()
    words = shown(folder)
    title = f"{record.model.name} on {record.target.name} at board-0"
    assert f"Did not finish 1 {title}" in words
    assert "probe <b>1</b>: the probe was unplugged → plug it in" in words
    assert f"board-0 not known {record.model.name} ✗ error" in words
    assert "✗ run: the probe was unplugged; its work moved to board-0" in words
    assert "the probe was unplugged" in summary.read_text()

    print_farm(known(folder), Terminal())
    words = " ".join(capsys.readouterr().out.split())
    assert f"✗ did not finish: {title}" in words
    assert f"board-0 not known {record.model.name} ✗ error" in words


def test_a_failed_run_is_forgotten_when_it_has_run_again(folder: Path, record: Record) -> None:
    failures, now = folder / "reports" / "failures", datetime.now(UTC)
    for model, ended in (
        (record.model.name, now - timedelta(hours=2)),
        ("newer", now),
        ("old", now - timedelta(days=31)),
    ):
        write_failure(failed_run(record, ended, model=model), failures)
    write_failure(failed_run(record, now, model="newer", error="the last one"), failures)
    farm = known(folder)
    assert [(failed.model, failed.error) for failed in farm.not_repeated] == [
        ("newer", "the last one")
    ]
    (place,) = farm.places
    assert place.failed == farm.not_repeated[0]
    (failures / "bad.json").write_text("{}")
    text = next(failures.glob("*[0-9].json")).read_text()
    (failures / "late.json").write_text(text.replace('"ended": "20', '"ended": "no-'))
    assert len(read_failures(failures)) == 3


def test_a_combination_that_failed_last_night_is_not_also_one_that_did_not_run(
    folder: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    days = timedelta(days=2)
    older = msgspec.structs.replace(
        read_record(RECORDS[1]), started=(datetime.now(UTC) - days).isoformat()
    )
    write_record(older, folder / "reports" / "runs")
    assert main(["report"]) == ExitCode.PASSED
    assert "1 did not run; 2 in all" in capsys.readouterr().out
    write_failure(failed_run(older, datetime.now(UTC)), folder / "reports" / "failures")
    assert main(["report"]) == ExitCode.PASSED
    assert "1 did not finish; 2 in all" in capsys.readouterr().out
    assert main(["report", "--json"]) == ExitCode.PASSED
    runs = msgspec.json.decode(capsys.readouterr().out)["combinations"]
    assert {run["status"] for run in runs} == {"passed", "did not run"}


@pytest.mark.parametrize("name", ["run", "sweep"])
def test_a_run_that_ends_with_an_infrastructure_error_is_noted(folder: Path, name: str) -> None:
    with VirtualBoard.start("stm32f429xi") as board:
        board.set_fault("probe-busy")
        options = [f"--probe={board.probe_id}", f"--serial={board.port}", "--model=digits"]
        command = [name, "--target=virtual-stm32", "--vectors=2", *options]
        assert main(command) == ExitCode.INFRASTRUCTURE
    (failed,) = read_failures(folder / "reports" / "failures")
    assert (failed.title, failed.place) == ("digits on virtual-stm32", "")
    assert "session" in failed.error


@pytest.mark.parametrize(
    ("error", "place"),
    [(InfrastructureError("hangs"), "a"), (PlaceInUseError("was released by somebody else"), "")],
)
def test_a_place_that_others_have_got_is_not_to_blame(
    folder: Path, error: InfrastructureError, place: str
) -> None:
    workspace = find_workspace()
    request = RunRequest(
        target=find_target("nucleo-f429zi", workspace.targets),
        model=load_model(bundled("models") / "digits"),
        workspace=workspace,
        progress=Progress(io.StringIO()),
    )
    keep_failure(request, error, "a")
    (failed,) = read_failures(workspace.failures)
    assert failed.place == place


@pytest.mark.parametrize("record", [True, False])
def test_a_run_of_the_python_api_is_noted_if_it_is_recorded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, record: bool
) -> None:
    def fails(_: object) -> None:
        raise InfrastructureError("the board is gone")

    monkeypatch.setattr(python_api, "link_bench", fails)
    with pytest.raises(InfrastructureError):
        harness.run("virtual-stm32", "digits", record=record)
    failures = read_failures(folder / "reports" / "failures")
    assert [failed.error for failed in failures] == ["the board is gone"] * record


def test_a_run_of_mlperf_tiny_is_noted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise InfrastructureError("the board is gone")

    monkeypatch.setattr(mlperf_command, "mlperf_bench", fails)
    id_of_first = next(iter(BENCHMARKS))
    monkeypatch.setattr(mlperf_command, "models_of", lambda models: {id_of_first: next(models)})
    assert main(["mlperf", "--target=virtual-stm32"]) == ExitCode.INFRASTRUCTURE
    (failed,) = read_failures(folder / "reports" / "failures")
    assert failed.error == "the board is gone"


def test_a_failure_that_cannot_be_written_does_not_hide_the_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "reports").mkdir()
    (folder / "reports" / "failures").touch()
    with VirtualBoard.start("stm32f429xi") as board:
        board.set_fault("probe-busy")
        options = [f"--probe={board.probe_id}", f"--serial={board.port}", "--model=digits"]
        assert main(["run", "--target=virtual-stm32", *options]) == ExitCode.INFRASTRUCTURE
    error = capsys.readouterr().err
    assert "session" in error
    assert "the report will not show that digits on virtual-stm32 failed" in error


def test_a_report_without_boards_has_no_such_section(folder: Path) -> None:
    write_record(read_record(RECORDS[0]), folder / "reports" / "runs")
    assert main(["report"]) == ExitCode.PASSED
    assert "Boards" not in shown(folder)


@pytest.mark.parametrize("command", ["check", "status"])
def test_without_grpc_the_error_says_how_to_install_it(
    command: str, no_grpc: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["farm", command]) == ExitCode.USAGE
    assert "pip install 'tinyml-harness[labgrid]'" in capsys.readouterr().err


def test_an_option_of_another_board_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["farm", "check", "--target=virtual-stm32", "--coordinator=farm"]
    assert main(command) == ExitCode.USAGE
    assert "--coordinator=farm: does not apply to virtual-stm32" in capsys.readouterr().err
