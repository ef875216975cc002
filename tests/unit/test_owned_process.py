"""A process that is owned: whoever is killed or stopped, and when, nothing is left of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.support.owned_process import OwnedProcess
from tests.support.processes import processes, until

OWNER = """\
import sys, time
from pathlib import Path
from harness.support.owned_process import OwnedProcess
folder = Path(sys.argv[1])
with (folder / "log").open("wb") as log:
    process = OwnedProcess(["sh", "-c", sys.argv[2]], log, scratch=folder / "scratch")
print("started", flush=True)
if sys.argv[3] == "fork":
    import os
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
sys.stdin.read()
process.stop()
"""
CLOSER = """\
import os, sys, time
from pathlib import Path
from harness.support.owned_process import OwnedProcess
folder = Path(sys.argv[1])
with (folder / "log").open("wb") as log:
    process = OwnedProcess(["cat"], log, talks=True, scratch=folder / "scratch")
process.stdin.write(b"runs")
assert process.stdout.read(4) == b"runs"
process.stdin.close()
time.sleep(0.3)
os._exit(0)
"""
linux = pytest.mark.skipif(
    sys.platform != "linux", reason="macOS does not tell a child about the end of its parent"
)


def family(folder: Path) -> str:
    """Return a command: a child that has a child, both with `folder` in their command lines.

    The child's child has a process group of its own, as a compiler that ninja starts.
    """
    program = "import os, time; os.setpgid(0, 0); time.sleep(60)"
    grandchild = f"{sys.executable} -c '{program}' {folder}"
    return f": {folder}; {grandchild} & touch {folder / 'scratch' / 'ready'}; wait"


def supervisor_of(folder: Path) -> int:
    (number,) = (
        number for number, line in processes(str(folder)).items() if "supervisor.py" in line
    )
    return number


def child_runs(folder: Path) -> bool:
    return any(line.startswith("sh ") for line in processes(str(folder)).values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path


def test_a_command_that_ends_just_before_its_owner_leaves_no_folder(folder: Path) -> None:
    """So it is when an owner is killed: the kernel closes its files one after the other."""
    subprocess.run([sys.executable, "-c", CLOSER, str(folder)], check=True, timeout=60)
    until(lambda: not (folder / "scratch").exists(), 10)


@contextmanager
def owner(folder: Path, *, fork: bool = False) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that owns a child with a child, which all run."""
    command = [sys.executable, "-c", OWNER, str(folder), family(folder), "fork" if fork else ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            until((folder / "scratch" / "ready").exists, 20)
            yield process
        finally:
            process.kill()


def nothing_is_left(folder: Path) -> None:
    until(lambda: not processes(str(folder)), 10, lambda: processes(str(folder)))
    until(lambda: not (folder / "scratch").exists(), 5)


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_supervisor_that_is_ended_takes_the_child_with_it(
    folder: Path, number: signal.Signals
) -> None:
    with (folder / "log").open("wb") as log:
        process = OwnedProcess(["sh", "-c", family(folder)], log, scratch=folder / "scratch")
    until((folder / "scratch" / "ready").exists, 10)
    os.kill(supervisor_of(folder), number)
    assert process.wait(10)  # the owner sees it
    until(lambda: not child_runs(folder), 5)
    process.stop()
    nothing_is_left(folder)


def test_a_supervisor_that_is_stopped_ends_at_once_with_its_owner(folder: Path) -> None:
    with (folder / "log").open("wb") as log:
        process = OwnedProcess(["sh", "-c", family(folder)], log, scratch=folder / "scratch")
    until((folder / "scratch" / "ready").exists, 10)
    os.kill(supervisor_of(folder), signal.SIGSTOP)
    process.stop()
    nothing_is_left(folder)


@linux
def test_a_supervisor_that_is_stopped_notices_that_its_owner_was_killed(folder: Path) -> None:
    with owner(folder) as process:
        os.kill(supervisor_of(folder), signal.SIGSTOP)
        process.kill()
        process.wait()
        nothing_is_left(folder)


@linux
def test_an_owner_and_its_supervisor_that_are_killed_leave_no_child(folder: Path) -> None:
    with owner(folder) as process:
        for number in (supervisor_of(folder), process.pid):
            os.kill(number, signal.SIGKILL)
        process.wait()
        until(lambda: not child_runs(folder), 5)
        for number in processes(str(folder)):  # the child's child has no owner left
            os.kill(number, signal.SIGKILL)


@pytest.mark.parametrize("stopped", ["child", "nobody"])
def test_an_owner_that_is_killed_leaves_nothing(folder: Path, stopped: str) -> None:
    with owner(folder) as process:
        if stopped == "child":
            (child,) = (n for n, line in processes(str(folder)).items() if line.startswith("sh"))
            os.kill(child, signal.SIGSTOP)
        process.kill()
        process.wait()
        nothing_is_left(folder)


@linux
def test_a_fork_of_the_owner_does_not_keep_the_child_alive(folder: Path) -> None:
    with owner(folder, fork=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.wait()
        until(lambda: not child_runs(folder), 2.9)


@pytest.mark.parametrize("delay", [0, 0.01, 0.03, 0.1])
def test_an_owner_that_is_killed_while_it_starts_the_child_leaves_nothing(
    folder: Path, delay: float
) -> None:
    command = [sys.executable, "-c", OWNER, str(folder), family(folder), ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.wait()
    nothing_is_left(folder)


def test_a_thread_that_ends_does_not_end_the_child_that_it_started(folder: Path) -> None:
    started = []
    with (folder / "log").open("wb") as log:
        thread = threading.Thread(target=lambda: started.append(OwnedProcess(["sleep", "60"], log)))
        thread.start()
        thread.join()
        started.append(OwnedProcess([sys.executable, "-c", "import sys; sys.exit(7)"], log))
    assert started[1].wait(10)
    assert started[0].poll() is None
    for process in started:
        process.stop()


def test_a_process_inherits_the_descriptors_that_it_is_given(folder: Path) -> None:
    reading, writing = os.pipe()
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-c", f"import os; os.write({writing}, b'hello')"]
        process = OwnedProcess(command, log, descriptors=[writing])
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"hello"  # to its end: nobody else keeps it open
    process.stop()


@pytest.mark.parametrize(("script", "code"), [("pass", 0), ("import sys; sys.exit(7)", 7)])
def test_an_owned_process_ends_with_its_own_code(tmp_path: Path, script: str, code: int) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = OwnedProcess([sys.executable, "-c", script], log)
        until(lambda: process.poll() is not None, 10)
        assert process.poll() == code
        process.stop()


def test_an_owned_process_that_ignores_signals_is_ended(tmp_path: Path) -> None:
    script = (
        "import signal, time\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'ready')!r}, 'w').close()\n"
        "time.sleep(60)\n"
    )
    with (tmp_path / "log").open("wb") as log:
        process = OwnedProcess([sys.executable, "-c", script], log)
        until((tmp_path / "ready").exists, 10)
        process.stop()
    assert process.poll() is not None
    assert processes(str(tmp_path)) == {}


def test_what_an_owned_process_writes_is_in_its_log(tmp_path: Path) -> None:
    script = "import os; os.write(1, b'out '); os.write(2, b'error')"
    with (tmp_path / "log").open("wb") as log:
        process = OwnedProcess([sys.executable, "-c", script], log)
        until(lambda: process.poll() is not None, 10)
        process.stop()
    assert (tmp_path / "log").read_text() == "out error"


def test_an_owned_process_that_talks_sees_the_end_of_its_input(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = OwnedProcess(["cat"], log, talks=True)
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"hello\n"
        process.stdin.close()
        assert process.wait(10)
        assert process.stdout.read() == b""
        process.stop()
    assert process.poll() == 0


def test_an_owned_process_takes_its_children_and_its_folder_with_it(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    child = f"{sys.executable} -c 'import time; time.sleep(60)' {tmp_path}"
    script = f"{child} & touch {scratch / 'ready'}; wait"
    with (tmp_path / "log").open("wb") as log:
        process = OwnedProcess(["sh", "-c", script], log, scratch=scratch)
        until((scratch / "ready").exists, 10)
        process.stop()
    assert not scratch.exists()
    assert processes(str(tmp_path)) == {}


def test_a_command_that_does_not_exist_is_an_end_too(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = OwnedProcess([str(tmp_path / "nothing")], log)
        until(lambda: process.poll() is not None, 10)
        process.stop()
    assert process.poll() == 1
    assert (tmp_path / "log").read_text() == (
        f"{tmp_path / 'nothing'}: cannot be started: No such file or directory\n"
    )
