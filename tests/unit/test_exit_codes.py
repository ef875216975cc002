"""What a command ends with, whatever happens inside: its exit code and its message."""

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from harness.cli import command_line
from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError, InputError
from harness.simulator import __main__ as simulator
from harness.simulator import serve
from harness.support import uncaught
from harness.support.local_socket import listen_at
from harness.support.uncaught import explain

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, and a temporary folder of its own."""
    (tmp_path / "harness.toml").touch()
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let every command raise `error`."""

    def command_parser() -> None:
        raise error

    monkeypatch.setattr(command_line, "command_parser", command_parser)


def harness(
    *arguments: str, before: Callable[[], None] | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        preexec_fn=before,
        timeout=60,
        check=False,
    )


# Defects


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), OSError(errno.EBADF, "bad")])
def test_an_exception_that_nobody_expected_is_a_defect_with_its_traceback_in_a_file(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, error)
    assert main(["list", "models"]) == 70
    said = capsys.readouterr().err
    assert said.startswith(f"harness: a defect of the harness: {type(error).__name__}")
    assert "Traceback" not in said
    (file,) = Path("build/logs").iterdir()
    assert f"-> report it with this traceback: {file.absolute()}" in said
    text = file.read_text()
    assert text.startswith("harness ")
    assert "Traceback" in text
    assert "in command_parser" in text


def test_the_traceback_goes_where_a_file_can_be_written(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "build").write_text("a file, not a folder")
    raising(monkeypatch, KeyError("x"))
    assert main([]) == ExitCode.DEFECT
    (file,) = (repository / "tmp").iterdir()
    assert str(file) in capsys.readouterr().err
    monkeypatch.setattr("tempfile.tempdir", str(repository / "build"))
    assert main([]) == ExitCode.DEFECT
    said = capsys.readouterr().err
    assert "in command_parser" in said  # it is printed
    assert "-> report it with this traceback" in said


def test_a_defect_of_a_virtual_board_has_the_same_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(serve, "Board", fail)
    monkeypatch.setenv("HARNESS_VIRTUAL_DIR", str(Path("boards").absolute()))
    monkeypatch.setattr("sys.argv", ["harness.simulator", "serve", "stm32f429xi"])
    assert simulator.main() == ExitCode.DEFECT
    assert main(["virtual", "serve", "stm32f429xi"]) == ExitCode.DEFECT
    assert capsys.readouterr().err.count("a defect of the harness: ZeroDivisionError") == 2


# Conditions of the machine


@pytest.mark.parametrize("number", sorted(uncaught._REMEDIES))
def test_what_the_machine_does_to_any_program_is_no_defect(number: int) -> None:
    error = explain(OSError(number, os.strerror(number), "/some/file"), None)
    wanted = InputError if number == errno.ENAMETOOLONG else InfrastructureError
    assert type(error) is wanted
    assert error.where == "/some/file"
    assert os.strerror(number) in error.what
    assert error.remedy


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "the memory is exhausted"),
        (subprocess.TimeoutExpired(["git"], 10), "a program failed: Command '['git']' timed out"),
        (ModuleNotFoundError("No module named 'x'", name="x"), "a Python package cannot be loaded"),
    ],
)
def test_other_conditions_are_infrastructure_too(
    error: Exception,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raising(monkeypatch, error)
    assert main([]) == ExitCode.INFRASTRUCTURE
    said = capsys.readouterr().err
    assert said.startswith(f"harness: {text}")
    assert "\n  -> " in said


def test_a_module_of_ours_that_is_missing_is_a_defect() -> None:
    error = ModuleNotFoundError("No module named 'harness.x'", name="harness.x")
    assert explain(error, Path("logs")).exit_code is ExitCode.DEFECT


def test_a_full_disk_below_a_path_of_the_user_is_not_a_wrong_input(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = InputError("cannot be written: No space left on device", where="out.html")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    raising(monkeypatch, error)
    assert main([]) == ExitCode.INFRASTRUCTURE
    assert "-> free some space" in capsys.readouterr().err
    error.__cause__ = OSError(errno.ENOENT, "No such file or directory")
    assert main([]) == ExitCode.USAGE


@pytest.mark.parametrize("blocked", ["build", "reports"])
def test_a_place_that_cannot_be_written_is_infrastructure(repository: Path, blocked: str) -> None:
    (repository / blocked).write_text("a file, not a folder")
    command = ("run", "--model=faces") if blocked == "build" else ("report",)
    ended = harness(*command)
    assert ended.returncode == ExitCode.INFRASTRUCTURE
    assert f"{repository / blocked}" in ended.stderr
    assert "\n  -> " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_locked_database_is_infrastructure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harness.results.store.database._LOCK_TIMEOUT", 0.0)
    assert main(["report"]) == ExitCode.USAGE  # there is no run
    with sqlite3.connect("reports/index.sqlite", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert main(["report"]) == ExitCode.INFRASTRUCTURE
        other.execute("ROLLBACK")
    said = capsys.readouterr().err
    assert "index.sqlite: the store failed: database is locked" in said
    assert "-> wait until the process that uses it ends" in said


def test_a_socket_with_a_long_path_is_infrastructure(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with pytest.raises(InfrastructureError, match="a socket cannot be opened here: AF_UNIX path"):
        listen_at(folder / "serial")


@pytest.mark.parametrize("name", ["x" * 300, "./" + "x" * 300, "./" + "x/" * 3000])
@pytest.mark.parametrize("option", ["--model", "--target"])
def test_a_long_name_is_a_wrong_input(
    option: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", f"{option}={name}"]) == ExitCode.USAGE
    assert "a defect" not in capsys.readouterr().err


def test_the_current_folder_may_be_gone(repository: Path) -> None:
    gone = repository / "gone"
    gone.mkdir()

    def leave() -> None:
        os.chdir(gone)
        gone.rmdir()

    ended = harness("list", "models", before=leave)
    assert ended.returncode == ExitCode.INFRASTRUCTURE
    assert ended.stderr.startswith("harness: the current folder no longer exists\n  -> ")


def test_a_user_without_a_home_can_use_what_needs_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert main(["list", "models"]) == ExitCode.PASSED
    assert main(["setup", "arduino"]) == ExitCode.INFRASTRUCTURE
    assert "your home folder is unknown\n  -> set HOME" in capsys.readouterr().err


# Interruptions, and the output


def test_ctrl_c_has_the_exit_code_of_shells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    assert main([]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "harness: interrupted\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [("--help",), ("list", "models"), ("models", "show", "faces")])
def test_a_reader_that_ends_early_is_no_error(command: tuple[str, ...], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "harness", *command],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert ended.stderr == b""
    assert ended.returncode in (ExitCode.PASSED, ExitCode.PIPE_CLOSED)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_output_that_cannot_be_written_is_infrastructure() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "harness", "list", "models"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == ExitCode.INFRASTRUCTURE
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams_change_nothing(closed: tuple[int, ...]) -> None:
    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    ended = harness("list", "models", before=close)
    assert ended.returncode == ExitCode.PASSED
    assert "Traceback" not in ended.stderr


def test_an_encoding_without_our_characters_is_no_error(repository: Path) -> None:
    (repository / "models" / "größe").mkdir(parents=True)
    (repository / "models" / "größe" / "model.toml").write_text('description = "→"\n')
    ended = harness("list", "models", PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert ended.returncode == ExitCode.PASSED
    assert "gr\\xf6\\xdfe" in ended.stdout


@pytest.mark.parametrize("files", [6, 12, 20])
def test_few_descriptors_are_no_defect(files: int) -> None:
    resource = pytest.importorskip("resource")
    limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (files, files))
    ended = harness("run", "--target=virtual-stm32", "--model=nonsense", before=limit)
    assert ended.returncode in (ExitCode.USAGE, ExitCode.INFRASTRUCTURE)
    assert "Traceback" not in ended.stderr
