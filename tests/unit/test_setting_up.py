"""What a fresh checkout runs before any package is installed: Makefile and the scripts in .ci."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import psutil
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def progress() -> ModuleType:
    spec = spec_from_file_location("setup_progress", ROOT / ".ci" / "progress.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shell(progress: ModuleType, script: str, *, terminal: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    code = progress.run("Installing", ["sh", "-c", script], out=out, terminal=terminal, every=0.05)
    return code, out.getvalue()


def test_a_log_gets_the_command_s_last_line_again_and_again(progress: ModuleType) -> None:
    code, text = shell(progress, "echo first; sleep 0.3; echo 'Downloading zig'; sleep 0.3")
    assert code == 0
    lines = text.splitlines()
    assert lines[0] == "Installing ..."
    assert sum(line.endswith("s  first") for line in lines) >= 2
    assert sum(line.endswith("s  Downloading zig") for line in lines) >= 2
    assert lines[-1].startswith("Installing: done in ")
    assert "\r" not in text


def test_a_terminal_gets_one_line_that_is_rewritten(progress: ModuleType) -> None:
    _, text = shell(progress, "echo first; sleep 0.3", terminal=True)
    assert text.count("\n") == 1
    assert all(part.startswith("\x1b[K") for part in text.split("\r")[1:])


@pytest.mark.parametrize("terminal", [False, True])
def test_no_line_is_longer_than_80_columns(progress: ModuleType, terminal: bool) -> None:
    packages = " ".join(f"package-{number}" for number in range(60))
    _, text = shell(progress, f"echo 'Collected:\t{packages}'; sleep 0.3", terminal=terminal)
    shown = text.replace("\r\x1b[K", "\n").splitlines()
    assert any("Collected: package-0" in line for line in shown)
    assert max(map(len, shown)) <= 80


def test_a_failure_shows_the_whole_message_and_keeps_the_exit_code(progress: ModuleType) -> None:
    message = "ERROR: no wheel for " + "x" * 200
    code, text = shell(progress, f"echo collecting; echo '{message}' >&2; exit 7")
    assert code == 7
    assert "Installing failed after" in text
    assert f"\ncollecting\n{message}\nexit code 7 of: sh -c" in text


def test_a_program_in_the_background_is_not_waited_for(progress: ModuleType) -> None:
    started = time.monotonic()
    assert shell(progress, "sleep 60 & echo done")[0] == 0
    assert time.monotonic() - started < 30


def test_sigterm_ends_the_command_too(tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path / 'pid'}; exec sleep 600"
    command = [sys.executable, str(ROOT / ".ci" / "progress.py"), "Waiting", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            time.sleep(0.01)
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    pid = int((tmp_path / "pid").read_text())
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(30)


def test_sigterm_while_the_command_starts_ends_it(tmp_path: Path) -> None:
    script = f"""
import os, runpy, signal, subprocess, sys
start = subprocess.Popen
def interrupted(*arguments, **options):
    process = start(*arguments, **options)
    open({str(tmp_path / "pid")!r}, "w").write(str(process.pid))
    os.kill(os.getpid(), signal.SIGTERM)
    return process
subprocess.Popen = interrupted
sys.argv = ["progress.py", "Waiting", "sleep", "600"]
runpy.run_path({str(ROOT / ".ci" / "progress.py")!r}, run_name="__main__")
"""
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=30)
    assert ended.returncode == 128 + signal.SIGTERM
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int((tmp_path / "pid").read_text())).wait(30)


def test_output_that_is_no_text_is_no_failure(progress: ModuleType) -> None:
    assert shell(progress, r"printf '\377\n'; sleep 0.1")[0] == 0


def plan(target: str, path: str, *variables: str) -> str:
    """Return the commands that `make target` would run in a fresh checkout."""
    command = ["make", "--dry-run", "--always-make", target, "VENV=fresh", *variables]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout


def link(folder: Path, *names: str) -> None:
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)


def tool(folder: Path, name: str, script: str = "true") -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs, to be used as PATH: a shell, git and python3, and no compiler."""
    link(tmp_path, "sh", "git", "make")
    (tmp_path / "python3").symlink_to(sys.executable)
    return tmp_path


def test_bench_installs_clang_only_where_gnu_arm_is_missing(programs: Path) -> None:
    assert "--editable '.[clang]'" in plan("bench", str(programs))
    tool(programs, "arm-none-eabi-gcc", "echo nano.specs")  # a compiler without newlib
    assert "--editable '.[clang]'" in plan("bench", str(programs))
    tool(programs, "arm-none-eabi-gcc", "echo /usr/lib/nano.specs")
    assert "--editable . " in plan("bench", str(programs))


def test_bench_installs_no_development_tools_and_nothing_with_apt(programs: Path) -> None:
    commands = plan("bench", str(programs))
    assert "[dev]" not in commands
    assert ".ci/system" not in commands
    assert "--editable '.[dev]'" in plan("test", str(programs))


def test_uv_installs_if_it_is_there_and_not_switched_off(programs: Path) -> None:
    assert "fresh/bin/python -m pip install" in plan("bench", str(programs))
    tool(programs, "uv")
    commands = plan("bench", str(programs))
    assert f'"{programs}/uv" venv' in commands
    assert f'"{programs}/uv" pip install --python fresh/bin/python' in commands
    assert "make UV= bench" in commands
    assert "/uv" not in plan("bench", str(programs), "UV=")


@pytest.mark.parametrize(
    ("version", "code", "text"),
    [
        ((3, 10), 1, "Python 3.11 to 3.14 is needed, this is 3.10"),
        ((3, 11), 0, ""),
        ((3, 14), 0, ""),
        ((3, 15), 0, "Python 3.15 is not tested yet"),
    ],
)
def test_a_python_that_is_too_old_is_refused_and_a_new_one_warned_of(
    version: tuple[int, int], code: int, text: str
) -> None:
    program = f"import sys, runpy; sys.version_info = {(*version, 0)}; runpy.run_path(sys.argv[1])"
    result = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / ".ci" / "check_python.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    shown = result.stdout + result.stderr
    assert result.returncode == code
    assert shown.startswith(text)
    assert ("make bench PYTHON=" in shown) == bool(text)


def system(programs: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "CI"} | variables
    return subprocess.run(
        ["/bin/bash", str(ROOT / ".ci" / "system"), *options],
        env=environment | {"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def fresh_debian(programs: Path) -> Path:
    """As `programs`, with an apt-get that cannot install anything, for a user without sudo."""
    link(programs, "dirname", "fold", "sed")
    tool(programs, "id", "echo 1000")
    tool(programs, "sudo", "echo a password is required >&2; exit 1")
    tool(programs, "apt-get", "echo no network; exit 100")
    tool(programs, "env", 'exec "$@"')
    return programs


def test_without_sudo_the_packages_are_named_and_it_goes_on(fresh_debian: Path) -> None:
    result = system(fresh_debian)
    assert result.returncode == 0, result.stderr
    assert "missing: arm-none-eabi-gcc\n" in result.stdout
    command = " ".join(result.stdout.replace("\\\n", " ").split())
    assert "sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu" in command
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "libstdc++" not in result.stdout
    assert "libstdc++-arm-none-eabi-newlib" in system(fresh_debian, "--cxx").stdout


def test_if_apt_fails_a_person_goes_on_and_ci_stops(fresh_debian: Path) -> None:
    tool(fresh_debian, "id", "echo 0")
    result = system(fresh_debian)
    assert result.returncode == 0, result.stderr
    assert "no network\nexit code 100" in result.stdout
    assert result.stdout.endswith("Tests that need them are skipped.\n")
    assert system(fresh_debian, CI="true").returncode == 1


def test_what_is_installed_is_not_installed_again(fresh_debian: Path) -> None:
    for name in ("qemu-system-arm", "gdb-multiarch"):
        tool(fresh_debian, name)
    tool(fresh_debian, "arm-none-eabi-gcc", "echo /usr/lib/nano.specs")
    result = system(fresh_debian)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    tool(fresh_debian, "arm-none-eabi-g++", "exit 1")
    assert "missing: the C++ library" in system(fresh_debian, "--cxx").stdout


def test_without_apt_the_programs_are_named(fresh_debian: Path) -> None:
    (fresh_debian / "apt-get").unlink()
    result = system(fresh_debian)
    assert result.returncode == 0
    assert "brew install" in result.stdout


def test_on_windows_the_import_says_where_it_runs() -> None:
    program = "import sys; sys.platform = 'win32'; import harness"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ImportError: tinyml-harness runs on Linux and macOS. On Windows,")
    assert "WSL 2" in last


def test_pytest_runs_without_the_development_tools() -> None:
    """`make bench` does not install pytest-timeout, whose key stands in pyproject.toml."""
    code = (
        "import importlib.util, sys, pytest; found = importlib.util.find_spec; "
        "importlib.util.find_spec = lambda name: None if 'timeout' in name else found(name); "
        "sys.exit(pytest.main())"
    )
    options = ["-p", "no:timeout", "--target=virtual-stm32", "--collect-only", "-q"]
    command = [sys.executable, "-c", code, *options]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ctrl_c_ends_the_line(tmp_path: Path) -> None:
    script = f"touch {tmp_path / 'begun'}; exec sleep 600"
    command = [sys.executable, str(ROOT / ".ci" / "progress.py"), "Waiting", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert output.endswith(b"Waiting: interrupted\n")
    assert b"Traceback" not in output
