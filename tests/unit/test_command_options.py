"""What the command line refuses, forgives and suggests, and how much it says."""

import logging
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import ExitCode
from harness.report.runs_report import left_out_text
from harness.runs.movable_dut import MovableDut, movable_bench
from harness.runs.request import RunRequest
from harness.support.details import detail, shown_details
from tests.support.models import ROOT
from tests.support.repository import Repository

MISBEHAVING = ("--engine=misbehaving", "--target=qemu-stm32", "--model=small")


@pytest.fixture(autouse=True)
def empty_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harness.toml").touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "usage", "message"),
    [
        ("run --modle=x", "harness run [-h]", "run: unrecognized arguments: --modle=x\n  -> did"),
        ("baseline lst", "harness baseline [-h]", "baseline: unknown command 'lst'\n  -> did you"),
        ("baseline list --basline", "harness baseline list [-h]", "did you mean --baseline?"),
        ("lst", "harness [-h]", "unknown command 'lst'\n  -> did you mean list?"),
        ("run --input-via=dbg", "harness run [-h]", "--input-via: 'dbg' is unknown\n  -> did you"),
        ("list nothing", "harness list [-h]", "known: engines, models, targets, toolchains"),
        ("list models more", "harness list [-h]", "list: unrecognized arguments: more"),
        ("run --targ=x", "harness run [-h]", "did you mean --target?"),
        ("run -q -v", "harness run [-h]", "not allowed with argument -q/--quiet"),
    ],
)
def test_a_wrong_argument_stands_below_the_usage_of_its_command(
    arguments: str, usage: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert f"usage: {usage}" in said
    assert message in said


def test_a_flag_may_stand_apart_from_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-q", "--opt", "-O7", "--model=faces"]) == ExitCode.USAGE
    assert "unknown optimization flag '-O7'" in capsys.readouterr().err


def test_baselines_that_do_not_exist_are_refused_before_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder, what in (("/nope", "there is no such folder"), ("harness.toml", "is a file")):
        assert main(["run", "-q", f"--baseline={folder}"]) == ExitCode.USAGE
        said = capsys.readouterr().err
        assert said.startswith(f"harness: --baseline={folder}: {what}")
        assert "harness baseline accept" in said


def test_a_folder_of_models_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "one").mkdir(parents=True)
    (tmp_path / "models" / "one" / "model.toml").touch()
    for name in ("models", "models/", "."):
        assert main(["run", "-q", f"--model={name}"]) == ExitCode.USAGE
        said = capsys.readouterr().err
        assert "is not a model, but holds 1 model" in said
        assert "-> name one of them: models/one" in said
    monkeypatch.chdir(tmp_path / "models" / "one")
    assert main(["run", "-q", "--model=."]) == ExitCode.USAGE
    assert "model.toml" in capsys.readouterr().err  # it is read, and empty
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["run", "-q", "--model=."]) == ExitCode.USAGE
    assert "harness: .: is not a model: it has no model.toml" in capsys.readouterr().err


# How much it says


@pytest.mark.parametrize("arguments", ["-q list models", "list -q models", "list models --quiet"])
def test_how_much_it_says_may_stand_anywhere(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == ExitCode.PASSED
    assert "faces" in capsys.readouterr().out


def test_quiet_prints_only_the_result(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *MISBEHAVING]) == ExitCode.PASSED
    loud = capsys.readouterr()
    assert "starting harness run" in loud.err
    assert "\nrecords: " in loud.out
    assert main(["run", *MISBEHAVING, "--no-progress"]) == ExitCode.PASSED
    silent = capsys.readouterr()
    assert (silent.err, "\nrecords: " in silent.out) == ("", True)
    assert main(["-q", "run", *MISBEHAVING]) == ExitCode.PASSED
    quiet = capsys.readouterr()
    assert (quiet.err, "\nrecords: " in quiet.out) == ("", False)
    assert "passed  qemu-stm32" in quiet.out


def test_verbose_prints_commands_and_logs(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", *MISBEHAVING[:2], "--opt", "-O1", "-v"]) == ExitCode.PASSED
    said = capsys.readouterr().err
    assert "runs: " in said
    assert " -O1 " in said  # of the compiler
    assert "built now)\n  log: " in said
    assert main(["run", *MISBEHAVING, "--verbose"]) == ExitCode.PASSED
    said = capsys.readouterr().err
    assert "qemu-system-arm" in said
    assert "/build/logs/" in said
    assert main(["list", "engines"]) == ExitCode.PASSED
    assert capsys.readouterr().err == ""


def test_details_go_through_logging(caplog: pytest.LogCaptureFixture) -> None:
    lines: list[str] = []
    detail("nobody asked")
    with shown_details(lines.append):
        detail("100 % of it")
    detail("too late")
    assert lines == ["100 % of it"]
    with caplog.at_level(logging.INFO, logger="harness"):
        detail("for a library")
    assert caplog.messages == ["100 % of it", "for a library"]


# Interruptions


@pytest.mark.parametrize(
    ("ran", "failed", "selected", "expected"),
    [
        (8, 0, 8, ""),
        (3, 0, 8, "not complete: 3 of 8 ran"),
        (3, 1, 8, "not complete: 3 of 8 ran"),
        (3, 5, 8, "3 of 8 ran: infrastructure errors ended the others"),
        (0, 0, 1, ""),
        (0, 1, 1, ""),
        (0, 0, 8, "not complete: 0 of 8 ran"),
    ],
)
def test_what_did_not_run_is_counted(ran: int, failed: int, selected: int, expected: str) -> None:
    assert left_out_text(ran, failed, selected) == expected


@pytest.mark.parametrize(("command", "module"), [("run", "run_commands"), ("sweep", "sweep")])
def test_an_interrupted_command_says_how_many_ran(
    command: str,
    module: str,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rest = [movable_bench]

    def bench_once(request: RunRequest) -> AbstractContextManager[MovableDut]:
        if not rest:
            raise KeyboardInterrupt
        return rest.pop()(request)

    monkeypatch.setattr(f"harness.cli.{module}.movable_bench", bench_once)
    targets = "--target=qemu-stm32,qemu-m3"
    asked = (command, "-q", "--engine=misbehaving", "--model=small", targets)
    assert main(asked) == ExitCode.INTERRUPTED
    printed = capsys.readouterr()
    assert "not complete: 1 of 2 ran" in printed.out
    assert printed.err == "harness: interrupted\n"


def test_the_root_of_the_repository_is_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-q", f"--model={ROOT}"]) == ExitCode.USAGE
    assert "is not a model, but holds 5 models" in capsys.readouterr().err
