"""`harness baseline`, and `harness export` without runs: what they say."""

from pathlib import Path

import pytest
from msgspec import structs

from harness.cli import main
from harness.errors import ExitCode
from harness.measure.subset import Subset
from harness.results.combination import of_subset
from harness.results.record import Record
from harness.results.record_file import write_record
from harness.workspace import Workspace
from tests.unit.test_compare import run


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harness.toml").touch()
    return Workspace(tmp_path)


def partial(record: Record) -> Record:
    """Return `record` as a run of some of 900 vectors."""
    return structs.replace(record, subset=Subset(900, list(range(len(record.ticks)))))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed, without the ends of lines."""
    return " ".join(capsys.readouterr().out.split())


def test_a_folder_without_baselines_says_how_to_make_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["baseline", "list"]) == ExitCode.PASSED
    told = said(capsys)
    assert "there are no baselines in " in told
    assert "harness baseline accept last --baseline=" in told
    Path("mine").mkdir()
    assert main.main(["baseline", "list", "--baseline=mine"]) == ExitCode.PASSED
    assert "--baseline=mine --because" in said(capsys)


def test_a_folder_that_does_not_exist_is_an_input_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["baseline", "list", "--baseline=nowhere"]) == ExitCode.USAGE
    assert "--baseline=nowhere: is not a folder" in capsys.readouterr().err


def test_accepting_names_the_runs_and_the_folder(
    repository: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    record = run()
    write_record(record, repository.runs)
    command = ["baseline", "accept", "last", "--baseline=my baselines", "--because", "first"]
    assert main.main(command) == ExitCode.PASSED
    told = said(capsys)
    assert f"virtual-stm32, faces (cmsis-nn, gcc -O2) run {record.id}," in told
    assert "1 baseline accepted, in my baselines" in told
    assert "harness run --baseline='my baselines'" in told
    assert "only" not in told
    assert main.main(["baseline", "list", "--baseline=my baselines"]) == ExitCode.PASSED
    told = said(capsys)
    assert "2026" in told
    assert f": first run {record.id}" in told


def test_accepting_a_run_of_some_vectors_says_so(
    repository: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    record = partial(run())
    write_record(record, repository.runs)
    assert record.engine.endswith(of_subset(len(record.ticks), 900))
    assert main.main(["baseline", "accept", "last", "--because", "first"]) == ExitCode.PASSED
    note = f"only {record.subset} ran: only runs of as many are compared with this baseline"
    assert note in said(capsys)
    assert main.main(["baseline", "list"]) == ExitCode.PASSED
    assert note in said(capsys)


@pytest.mark.parametrize("option", ["--csv=x.csv", "--parquet=x.parquet", "--boards=x.json"])
def test_exporting_nothing_is_an_input_error(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["export", option]) == ExitCode.USAGE
    assert "there is no run to export\n  -> make one with harness run" in capsys.readouterr().err
    assert not Path(option.partition("=")[2]).exists()


def test_the_newest_run_of_each_combination_is_accepted(
    repository: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = structs.replace(run(), verdict="failed", reasons=["3 of 9 are wrong"])
    passed = run(day=1)
    assert passed.combination == failed.combination
    for record in (failed, passed):
        write_record(record, repository.runs)
    assert main.main(["baseline", "accept", "reports/runs", "--because=first"]) == ExitCode.PASSED
    assert passed.id in said(capsys)
    failed = structs.replace(run(day=2), verdict="failed", reasons=["3 of 9 are wrong"])
    write_record(failed, repository.runs)
    assert main.main(["baseline", "accept", "reports/runs", "--because=more"]) == ExitCode.USAGE
    assert "3 of 9 are wrong" in capsys.readouterr().err
