"""Several places are checked at once, each by a process; here small programs stand in for it."""

import io
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.board.board_options import BoardOptions
from harness.cli import checks_at_once
from harness.cli.checks_at_once import Outcome, check_at_once
from harness.errors import InfrastructureError, InputError, InUseError
from harness.report.json_documents.farm_documents import farm_check_document
from harness.runs.check.check_result import BoardCheck, CheckLine
from harness.runs.check.checked_boards import CheckedBoard
from harness.support.json_output import ErrorDocument, as_json
from harness.support.progress import Progress
from tests.support.processes import until

_UNUSED = InputError("nobody reads the target")


def check_of(place: str) -> BoardCheck:
    return BoardCheck(
        target="t",
        place=place,
        healthy=True,
        checked="2026-03-01T02:00:00+00:00",
        seconds=3.0,
        host="desk-3",
        harness="0.1.0",
        lines=[CheckLine("flash", True, "fine")],
    )


def document(place: str) -> str:
    return as_json(farm_check_document([check_of(place)], {}, {}))


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that checks places by programs, as (name, program) in their order."""

    def checked(programs: Sequence[tuple[str, str]], said: io.StringIO) -> Any:
        code = dict(programs)

        def command(board: CheckedBoard, _: str) -> list[str]:
            return [sys.executable, "-I", "-S", "-c", code[board.name]]

        monkeypatch.setattr(checks_at_once, "_command", command)
        monkeypatch.setattr(checks_at_once, "_AT_ONCE", 2)
        boards = [CheckedBoard(name, BoardOptions(), _UNUSED) for name, _ in programs]
        return check_at_once(boards, "", Progress(said))

    return checked


def test_two_run_at_once_and_all_come_in_order(check: Any, tmp_path: Path) -> None:
    """The first one ends only after the second one has ended, and the third one waits for both."""
    waits = (
        "import os, time\n"
        f"while not os.path.exists({str(tmp_path / 'b')!r}): time.sleep(0.01)\n"
        f"print({document('a')!r})"
    )
    ends = f"open({str(tmp_path / 'b')!r}, 'w')\nprint({document('b')!r})"
    programs = [("a", waits), ("b", ends), ("c", f"print({document('c')!r})")]
    assert list(check(programs, io.StringIO())) == [check_of(name) for name in "abc"]


def test_what_goes_wrong_is_an_outcome_and_the_others_go_on(check: Any) -> None:
    busy = farm_check_document([], {"a": InUseError("is held by anna", where="place a")}, {})
    wrong = ErrorDocument.of(InputError("is wrong", where="a file", remedy="mend it"))
    said = io.StringIO()
    warns = f"import sys\nprint('harness: a warning', file=sys.stderr)\nprint({document('d')!r})"
    programs = [
        ("a", f"print({as_json(busy)!r})"),
        ("b", f"print({as_json(wrong)!r})"),
        ("c", "import sys\nsys.exit('harness: killed')"),
        ("d", warns),
    ]
    outcomes: list[Outcome] = list(check(programs, said))
    assert [type(each) for each in outcomes] == [
        InUseError,
        InputError,
        InfrastructureError,
        BoardCheck,
    ]
    assert str(outcomes[1]) == "a file: is wrong\n  -> mend it"
    assert "place c: the check ended without a result: harness: killed" in str(outcomes[2])
    assert said.getvalue().count("harness: a warning") == 1


def test_a_check_that_is_late_ends_without_a_result(
    check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_at_once, "_LIMIT", 0.1)
    (outcome,) = check([("a", "import time\ntime.sleep(600)")], io.StringIO())
    assert "it was killed, or is late" in str(outcome)


def test_an_interrupted_check_releases_its_places(check: Any, tmp_path: Path) -> None:
    releases = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(tmp_path / 'end')!r}, 'w')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(tmp_path / 'began')!r}, 'w')\n"
        "time.sleep(600)"
    )
    programs = [("a", f"print({document('a')!r})"), ("b", releases)]
    with closing(check(programs, io.StringIO())) as outcomes:
        assert next(outcomes) == check_of("a")
        until((tmp_path / "began").exists, 30)
    assert (tmp_path / "end").exists()
