"""The models of one pytest session on several equal boards, with pytest-xdist."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.board.labgrid.acquired_place import AcquiredPlace
from harness.board.labgrid.acquiring import Wanted, free_places
from harness.board.labgrid.place_choice import PlaceChoice
from harness.board.labgrid.session_places import SessionPlaces
from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError
from harness.results.farm.failed_runs import read_failures
from tests.support import labgrid_programs
from tests.support.farm import CHIP, Farm, target_file
from tests.support.models import few_digits

pytestmark = pytest.mark.skipif(bool(labgrid_programs.why_not()), reason=labgrid_programs.why_not())

# A test that kills its own board once, between start and run, if the model is FRAGILE.
_TEST = """
import json, os, pathlib, signal

def test_model(dut):
    done = pathlib.Path("killed")
    if dut.model.name == os.environ.get("FRAGILE") and not done.exists():
        done.touch()
        os.kill(json.loads(os.environ["PIDS"])[dut.board.device.place], signal.SIGKILL)
    dut.run().check()
"""
# A process of the session in the folder argv[3], which holds the place argv[2].
_HOLDER = """
import sys
from pathlib import Path
from harness.board.labgrid.acquired_place import AcquiredPlace
from harness.board.labgrid.acquiring import Wanted
from harness.board.labgrid.place_choice import PlaceChoice
from harness.board.labgrid.session_name import own_name
from harness.board.labgrid.session_places import SessionPlaces
SessionPlaces(Path(sys.argv[3])).join(own_name())
wanted = Wanted(PlaceChoice(sys.argv[2]), 0.0, 0.0, lambda *_: None, print)
place = AcquiredPlace(sys.argv[1], wanted, print)
print("held", flush=True)
sys.stdin.readline()
place.release()
"""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with Farm(tmp_path_factory.mktemp("farm"), boards=3) as started:
        yield started


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "harness.toml").write_text("")
    (folder / "targets").mkdir()
    tags = {"board.tags": f'{{ chip = "{CHIP}" }}'}
    (folder / "targets" / "farm.toml").write_text(target_file(**tags))
    (folder / "test_models.py").write_text(_TEST)
    wrong = few_digits(folder / "models" / "wrong", 20).path / "vectors.npz"
    held = dict(np.load(wrong))
    np.savez(wrong, **held | {"labels": (held["labels"] + 1) % 10})
    return folder


def session(farm: Farm, workspace: Path, *options: str, **variables: str) -> tuple[int, str]:
    """Run pytest in `workspace`; return its exit code and its output."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--target=farm", *options]
    variables |= {"LG_COORDINATOR": farm.address, "PIDS": json.dumps(farm.pids)}
    for name in ("PYTEST_XDIST_TESTRUNUID", "PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
        variables.setdefault(name, "")
    environment = {name: text for name, text in {**os.environ, **variables}.items() if text}
    done = subprocess.run(
        command, cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def new_records(folder: Path) -> dict[str, Any]:
    """Return the Records by model, and remove them."""
    records = {}
    for path in folder.glob("reports/runs/*.json"):
        record = json.loads(path.read_text())
        records[record["model"]["name"]] = record
        path.unlink()
    return records


def test_a_run_of_several_models_leaves_out_a_board_that_fails(
    farm: Farm,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("LG_COORDINATOR", farm.address)
    command = ["run", "--target=farm", "--model=faces,anomaly", "--vectors=5"]
    for name in ("board-0", "board-1"):
        farm.kill_board(name)
    try:
        assert main(command) == ExitCode.PASSED
        error = capsys.readouterr().err
        assert error.count("is left out of this session") <= 2
        records = new_records(workspace)
        assert {record["device"]["place"] for record in records.values()} == {"board-2"}
        moves = [move for record in records.values() for move in record["recoveries"]]
        assert all(move.endswith("; its work moved to board-2") for move in moves)
        failures = read_failures(workspace / "reports" / "failures")
        assert len(failures) == len(moves) == error.count("is left out of this session")
        assert {failed.moved_to for failed in failures} <= {"board-2"}

        assert main([*command, "--place=number=0"]) == ExitCode.INFRASTRUCTURE
        error = capsys.readouterr().err
        assert "no other place with number=0 is left" in error
        failures = read_failures(workspace / "reports" / "failures")
        last = [failed for failed in failures if failed.place == "board-0"]
        assert {(failed.model, failed.moved_to) for failed in last} == {
            ("faces", ""),
            ("anomaly", ""),
        }
    finally:
        for name in ("board-0", "board-1"):
            farm.cycle(name)


def test_a_failed_board_passes_its_work_on_and_a_verdict_does_not(
    farm: Farm, workspace: Path
) -> None:
    code, output = session(farm, workspace, "--model=wrong,faces")
    assert code == 1, output
    one = new_records(workspace)
    assert {name: record["verdict"] for name, record in one.items()} == {
        "wrong": "failed",
        "faces": "passed",
    }
    assert not any(record["recoveries"] for record in one.values())

    models = "--model=faces,anomaly"
    code, output = session(farm, workspace, models, "-n", "2", FRAGILE="faces")
    assert code == 0, output
    several = new_records(workspace)
    assert several["faces"]["ticks"] == one["faces"]["ticks"]
    assert several["faces"]["numbers"]["bytes_differing"]["value"] == 0
    (move,) = several["faces"]["recoveries"]
    assert " failed: " in move
    assert move.endswith(f"; its work moved to {several['faces']['device']['place']}")
    assert several["anomaly"]["recoveries"] == []
    session_of = several["faces"]["session"]
    failures = read_failures(workspace / "reports" / "failures")
    (failed,) = (each for each in failures if each.session == session_of)
    assert (failed.model, failed.moved_to) == ("faces", several["faces"]["device"]["place"])
    assert output.count("is left out of this session") == 1


def test_a_place_that_cannot_exist_is_an_input_error_of_the_session(
    farm: Farm, workspace: Path
) -> None:
    code, output = session(farm, workspace, "-n2", "--place=chip=none")
    assert code == 4, output
    assert "INTERNALERROR" not in output
    assert "has no place with the tags chip=none" in output


def choice(folder: Path | None, text: str) -> Wanted:
    session_places = SessionPlaces(folder)
    return Wanted(PlaceChoice.parse(text), 0, 0, lambda *_: None, print, session_places)


def test_a_worker_waits_for_a_place_of_its_own_session_only(farm: Farm, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLDER, farm.address, "board-1", str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InfrastructureError, match="is held by"):
            AcquiredPlace(farm.address, choice(None, "board-1"), print)
        threading.Timer(0.5, holder.stdin.close).start()
        AcquiredPlace(farm.address, choice(tmp_path, "board-1"), print).release()


def test_places_that_are_held_or_left_out_are_not_free(farm: Farm, tmp_path: Path) -> None:
    wanted = choice(tmp_path, "number=1")
    assert free_places(farm.address, wanted) == 1
    place = AcquiredPlace(farm.address, wanted, print)
    try:
        assert free_places(farm.address, wanted) == 0
    finally:
        place.release()
    wanted.session.leave_out("board-1", "it is broken")
    assert free_places(farm.address, wanted) == 0
    with pytest.raises(InfrastructureError, match="left out of this session: it is broken"):
        AcquiredPlace(farm.address, choice(tmp_path, "number=1"), print)
    wanted.session.take_back("board-1")
    assert free_places(farm.address, wanted) == 1
