"""`harness runs` and `harness show`: what is in the store."""

import json
from pathlib import Path

import pytest
from msgspec import structs

from harness.cli import main
from harness.errors import ExitCode
from harness.results.record import Record
from harness.results.record_file import write_record
from harness.workspace import Workspace
from tests.unit.test_compare import run


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harness.toml").touch()
    return Workspace(tmp_path)


def recorded(workspace: Workspace, minute: int, **changed: object) -> Record:
    """Write a Record of this minute."""
    record = structs.replace(
        run(), id=f"run-{minute}", started=f"2026-03-01T00:{minute:02}:00+00:00", **changed
    )
    write_record(record, workspace.runs)
    return record


def test_runs_lists_the_newest_first_and_counts_the_rest(
    repository: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    for minute in range(3):
        recorded(repository, minute)
    assert main.main(["runs", "--limit=2"]) == ExitCode.PASSED
    out = capsys.readouterr().out
    assert out.index("run-2") < out.index("run-1")
    assert "run-0" not in out
    assert "the newest 2 of 3 runs" in out
    assert main.main(["runs", "--limit=2", "--json"]) == ExitCode.PASSED
    document = json.loads(capsys.readouterr().out)
    assert document["count"] == 3
    assert [each["id"] for each in document["runs"]] == ["run-2", "run-1"]


def test_runs_that_failed_can_be_selected_and_shown(
    repository: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(repository, 0)
    recorded(
        repository, 1, verdict="failed", reasons=["3 of 9 are wrong"], log=["hot: 80 C\x1b[2J"]
    )
    assert main.main(["runs", "--failed"]) == ExitCode.PASSED
    out = capsys.readouterr().out
    assert "run-1" in out
    assert "run-0" not in out
    assert main.main(["show", "run-1"]) == ExitCode.PASSED
    out = capsys.readouterr().out
    assert "3 of 9 are wrong" in out
    assert "log: hot: 80 C" in out
    assert "\x1b[2J" not in out
    assert main.main(["show", "run-1", "--json"]) == ExitCode.PASSED
    [shown] = json.loads(capsys.readouterr().out)["runs"]
    assert shown["outcome"] == "failed"
    assert shown["record"]["reasons"] == ["3 of 9 are wrong"]


def test_without_runs_the_list_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["runs", "--model=none"]) == ExitCode.PASSED
    assert "no run matches; make one with harness run" in capsys.readouterr().out
    assert main.main(["runs", "--json"]) == ExitCode.PASSED
    assert json.loads(capsys.readouterr().out)["runs"] == []
    assert main.main(["show", "last"]) == ExitCode.USAGE
    assert "there are no runs yet" in capsys.readouterr().err
