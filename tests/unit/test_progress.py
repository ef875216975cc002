"""What is shown while the harness works: on a terminal, in a log, and in pytest's output."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.cli.main import main
from harness.image.compilation import files_done
from harness.pytest_plugin.terminal_progress import _Workers
from harness.support.progress import Progress
from harness.support.progress_log import INTERVAL
from harness.support.progress_step import WIDTH, Step

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
WORK = """
import sys
from harness.errors import InputError
from harness.support.command import guarded
from harness.support.progress import Progress

def work():
    with Progress(sys.stderr, patience=0).step("streaming digits", 3, "vectors") as advance:
        advance()
        print("a result")
        if "fail" in sys.argv:
            raise InputError("has no vectors", where="vectors.npz", remedy="add some")
    return 0

sys.exit(guarded("harness", work, lambda: None))
"""


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Log(Progress):
    """Progress into a text, with a clock that a test moves; no thread looks at it."""

    def __init__(self, patience: float = INTERVAL) -> None:
        self.clock, self.text = Clock(), StringIO()
        super().__init__(self.text, patience=patience, clock=self.clock)

    def after(self, seconds: float) -> list[str]:
        """Return the lines so far, after so many more seconds."""
        self.clock.now += seconds
        self._show()
        return self.text.getvalue().splitlines()


# A log


def test_a_long_step_has_a_line_every_few_seconds() -> None:
    log = Log()
    with log.step("streaming digits to virtual-stm32", 200, "vectors") as advance:
        assert log.after(INTERVAL - 0.1) == []
        for _ in range(120):
            advance()
        first = log.after(0.1)
        assert first == ["streaming digits to virtual-stm32: 120 of 200 vectors, 4 s"]
        assert log.after(INTERVAL - 0.1) == first
        assert log.after(0.1)[1:] == ["streaming digits to virtual-stm32: 120 of 200 vectors, 8 s"]


def test_the_first_line_can_come_at_once_and_quick_steps_have_none() -> None:
    log = Log(patience=0)
    with log.step("starting"):
        pass
    for name in ("digits", "vowels", "faces"):
        with log.step(f"reading {name}"):
            log.after(1)
    with log.step("flashing", 200, "%") as advance:
        advance()
        assert log.after(1) == ["starting", "flashing: 0 %, 1 s"]


def test_the_line_of_a_step_that_is_over_does_not_stay_while_another_one_works() -> None:
    log = Log()
    with log.step("flashing", 200, "%"):
        assert log.after(INTERVAL) == ["flashing, 4 s"]  # nothing of it is done: no "0 %"
    with log.step("streaming", 200, "vectors") as advance:
        advance()
        assert log.after(1)[1:] == []
        assert log.after(1)[1:] == ["streaming: 1 of 200 vectors, 2 s"]
        assert log.after(INTERVAL - 1)[2:] == []


def test_an_inner_step_does_not_make_the_line_of_an_outer_one_stale() -> None:
    log = Log()
    with log.step("digits on virtual-stm32"):
        assert len(log.after(INTERVAL)) == 1
        with log.step("preparing digits"):
            assert len(log.after(INTERVAL - 1)) == 1


def test_a_line_shows_the_innermost_step_and_what_it_does_now() -> None:
    log = Log()
    with log.step("digits on virtual-stm32"):
        log.clock.now += 1
        with log.step("preparing digits"):
            log.say("building digits: 3 of 20 files")
            assert log.after(INTERVAL)[-1] == "building digits: 3 of 20 files, 4 s"
        assert log.after(INTERVAL)[-1] == "digits on virtual-stm32, 9 s"
    assert len(log.after(INTERVAL)) == 2  # nothing is being done


def test_steps_with_equal_texts_are_apart() -> None:
    log = Log()
    with log.step("starting"):
        with log.step("starting"):
            log.say("flashing")
        with log.step("starting"):
            pass
        assert log.after(INTERVAL)[-1] == "starting, 4 s"


def test_a_line_waits_when_others_have_written() -> None:
    log = Log()
    with log.step("streaming"):
        log.clock.now += INTERVAL - 1
        log.postpone()
        assert log.after(INTERVAL - 1) == []
        assert len(log.after(1)) == 1


def test_a_thread_writes_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.support.progress_log._LOOK", 0.001)
    log = Log()
    with log.step("waiting"):
        log.clock.now += INTERVAL
        while not log.text.getvalue():
            pass
    assert log.text.getvalue() == "waiting, 4 s\n"


def test_quiet_progress_shows_only_warnings() -> None:
    text = StringIO()
    clock = Clock()
    progress = Progress(text, patience=0, quiet=True, clock=clock)
    with progress.step("streaming"):
        clock.now += 100
        progress.say("still streaming")
        progress.warn("an image is damaged")
    assert text.getvalue() == "harness: an image is damaged\n"


@given(
    text=st.text(max_size=200) | st.text("語日🎉é\u202e\x1b\r\n\t", max_size=100),
    seconds=st.floats(0, 1e6),
    done=st.integers(0, 10**9),
    total=st.integers(0, 10**9),
    unit=st.sampled_from(["vectors", "%", "windows", ""]),
    width=st.integers(60, WIDTH),
)
def test_no_line_is_too_long_or_acts_on_a_terminal(
    text: str, seconds: float, done: int, total: int, unit: str, width: int
) -> None:
    line = Step(text, 0.0, total, unit, done).line(seconds, width)
    assert cell_len(line) <= width
    assert not any(
        unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in line
    )
    if seconds >= 1:
        assert line.endswith(f"{seconds:.0f} s")


def test_a_log_has_no_control_characters() -> None:
    environment = os.environ | {"CI": "true", "FORCE_COLOR": "1", "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", WORK], env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.stdout == b"a result\n"
    assert done.stderr == b"streaming digits: 0 of 3 vectors\n"


# A terminal


def on_terminal(*arguments: str, **variables: str) -> str:
    """Return what the work writes to a terminal."""
    return written_by([sys.executable, "-c", WORK, *arguments], None, **variables)


def written_by(command: list[str], folder: Path | None, **variables: str) -> str:
    """Return what `command` writes to a terminal."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", **variables},
    ) as process:
        os.close(terminal)
        written = b"".join(_all_of(controller))
        process.wait(60)
    return written.decode()


def _all_of(controller: int) -> Iterator[bytes]:
    with os.fdopen(controller, "rb", 0) as file:
        while True:
            try:
                data = file.read(65536)
            except OSError:  # the terminal's other end is closed
                return
            if not data:
                return
            yield data


def test_a_terminal_shows_the_step_live_and_keeps_only_results() -> None:
    written = on_terminal()
    assert "streaming digits" in written
    assert "a result\r\n" in written
    assert written.endswith("\r\x1b[2K\x1b[?25h\r")  # the display is erased


def test_an_error_during_a_step_is_whole() -> None:
    written = on_terminal("fail")
    _, erased, rest = written.rpartition("\x1b[2K")
    assert erased
    assert "harness: vectors.npz: has no vectors\r\n  -> add some\r\n" in rest
    assert not CONTROL.search(rest.removeprefix("\x1b[?25h\r").replace("\r\n", "\n"))


def test_a_dumb_terminal_has_the_lines_of_a_log() -> None:
    assert on_terminal(TERM="dumb") == "streaming digits: 0 of 3 vectors\r\na result\r\n"


def set_columns(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))


@pytest.fixture
def live() -> Iterator[tuple[Progress, int, int]]:
    """A live display, and the two ends of its terminal of 80 columns."""
    controller, terminal = pty.openpty()
    set_columns(terminal, 80)
    with (
        pytest.MonkeyPatch.context() as patch,
        open(controller, "rb", 0),
        open(terminal, "w", encoding="utf-8") as stream,
    ):
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "80")
        yield Progress(stream), controller, terminal


def read_until(controller: int, ended: Callable[[str], bool]) -> str:
    written = ""
    while not ended(written):
        written += os.read(controller, 65536).decode()
        assert len(written) < 5_000  # the display is shown again and again
    return written


@pytest.mark.parametrize(
    ("target", "has_bar"), [("virtual-stm32", True), ("virtual-stm32-with-camera", False)]
)
def test_a_name_is_worth_more_than_a_bar(
    live: tuple[Progress, int, int], target: str, *, has_bar: bool
) -> None:
    progress, controller, _ = live
    with progress.step(f"streaming digits to {target}", 200, "vectors"):
        written = read_until(controller, lambda text: "of 200 vectors" in text)
    assert f"streaming digits to {target}: 0 of 200 vectors" in written
    assert ("\N{BOX DRAWINGS HEAVY HORIZONTAL}" in written) == has_bar


def test_a_terminal_that_becomes_narrow_has_shorter_lines(
    live: tuple[Progress, int, int],
) -> None:
    progress, controller, terminal = live
    with progress.step("streaming digits to virtual-stm32-with-camera"):
        read_until(controller, lambda text: "camera" in text)
        set_columns(terminal, 30)
        read_until(controller, lambda text: "streaming digits to..." in text)


# Compilation


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", ""),
        ("-- Configuring done\n", ""),
        ("[1/12] Building C object a.obj\n[2/12] Building C object b.obj\n", "2 of 12"),
        ("[3/12] Building\n[4/12", "3 of 12"),
        ("FAILED: x\nint a[3/4] = 0;\n", ""),
    ],
)
def test_ninja_s_count_of_files_is_read(log: str, expected: str) -> None:
    assert files_done(log) == expected


@given(log=st.text("[0123456789/] \nB", max_size=60))
def test_no_log_of_ninja_is_an_error(log: str) -> None:
    assert re.fullmatch(r"(\d+ of \d+)?", files_done(log))


# pytest

TESTS = """
import pytest
from harness.pytest_plugin.terminal_progress import progress_of

@pytest.mark.parametrize("where", ["virtual-stm32"])
def test_long(where, request):
    progress = progress_of(request.config)
    progress._view._due = getattr(progress._view, "_due", 0) - 60  # a line at once, unless quiet
    with progress.step("streaming digits"):
        print("the test's own output")

def test_quick():
    pass
"""
CONFTEST = """
import pytest
from harness.pytest_plugin.terminal_progress import progress_of

@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session):
    view = progress_of(session.config)._view
    view._due = getattr(view, "_due", 0) - 60  # a line at once, unless it is quiet
"""


def pytest_in(folder: Path, *options: str) -> list[str]:
    """Return a command that runs the tests, which it puts into `folder`."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_steps.py").write_text(TESTS)
    plain = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    return [sys.executable, "-m", "pytest", *plain, *options]


def run_pytest(folder: Path, *options: str) -> str:
    command = pytest_in(folder, *options)
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--capture=fd", "\ntest_steps.py \nstreaming digits\n..   "),
        (
            "-v",
            "\ntest_steps.py::test_long[virtual-stm32] \nstreaming digits\n"
            "\ntest_steps.py::test_long[virtual-stm32] PASSED ",
        ),
    ],
)
def test_a_line_in_pytest_s_output_stands_alone(tmp_path: Path, option: str, expected: str) -> None:
    output = run_pytest(tmp_path, option)
    assert expected in output
    assert "the test's own output" not in output


def test_a_line_in_uncaptured_output_stands_alone(tmp_path: Path) -> None:
    assert "\nstreaming digits\n" in run_pytest(tmp_path, "-s")


def test_the_display_in_pytest_s_terminal_leaves_its_line_as_it_was(tmp_path: Path) -> None:
    written = written_by(pytest_in(tmp_path), tmp_path)
    before, _, rest = written.partition("test_steps.py \n".replace("\n", "\r\n"))
    assert "streaming digits" not in before
    shown, back, after = rest.partition(f"\x1b[A\x1b[{len('test_steps.py ')}C")
    assert back
    assert "streaming digits" in shown
    assert "streaming digits" not in after


def test_quiet_pytest_has_no_progress(tmp_path: Path) -> None:
    assert "streaming" not in run_pytest(tmp_path, "-q")


def test_the_main_process_tells_what_workers_run(tmp_path: Path) -> None:
    output = run_pytest(tmp_path, "-n", "1")
    assert "\nrunning test_steps.py::test_long[virtual-stm32]\n" in output
    assert "test_quick" not in output


WARNING = """
import pytest
from harness.pytest_plugin.terminal_progress import progress_of

@pytest.fixture(scope="session")
def image(request):
    progress_of(request.config).warn("an image is damaged")
    yield
    progress_of(request.config).warn("the board is lost")

@pytest.mark.xfail
def test_that_fails(image):
    assert False
"""


@pytest.mark.parametrize("options", [(), ("-q",), ("-n", "1"), ("-q", "-n", "1")])
def test_a_warning_is_shown_once_whatever_the_options(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "test_warning.py").write_text(WARNING)
    output = run_pytest(tmp_path, *options)
    for warning in ("an image is damaged", "the board is lost"):
        assert re.findall(f".*{warning}.*", output) == [f"harness: {warning}"]


CRASH = """
import os
import pytest

@pytest.mark.parametrize("where", ["virtual-stm32"])
def test_that_ends_its_worker(where):
    os._exit(1)
"""
STEPS = """
@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    print("\\nsteps at the end:", progress_of(session.config)._steps)
"""


def test_a_test_that_ended_its_worker_is_not_running(tmp_path: Path) -> None:
    command = pytest_in(tmp_path, "-n", "1")
    (tmp_path / "test_steps.py").write_text(CRASH)
    (tmp_path / "conftest.py").write_text(CONFTEST + STEPS)
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert "\nrunning test_steps.py::test_that_ends_its_worker[virtual-stm32]\n" in done.stdout
    assert "\nsteps at the end: []\n" in done.stdout


def crashed(nodeid: str) -> pytest.TestReport:
    return pytest.TestReport(nodeid, (nodeid, None, ""), {}, "failed", "", "call")


def test_tests_of_several_workers_are_one_step() -> None:
    log = Log()
    workers = _Workers(log, ["virtual-stm32"])
    first, second, third = (f"test_steps.py::test_{name}[virtual-stm32]" for name in "abc")
    workers.pytest_runtest_logstart(first)
    assert log.after(INTERVAL)[-1] == f"running {first}, 4 s"
    workers.pytest_runtest_logstart(second)
    workers.pytest_runtest_logfinish(first)
    workers.pytest_runtest_logstart(third)
    assert log.after(INTERVAL)[-1] == f"running 2 tests, {second}, 8 s"
    workers.pytest_handlecrashitem(crashed(second))
    assert log.after(INTERVAL)[-1] == f"running {third}, 12 s"
    workers.pytest_runtest_logfinish(third)
    assert len(log.after(INTERVAL)) == 3


# The first line

FIRST = """
import os, sys

class First:
    isatty = lambda self: False
    flush = lambda self: None

    def write(self, text):
        loaded = {"numpy", "msgspec", "pyocd", "pandas", "matplotlib"} & set(sys.modules)
        os.write(1, f"{text.strip()}; loaded: {sorted(loaded)}".encode())
        os._exit(0)

sys.stderr = First()
from harness.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_long_commands_say_what_they_do_before_they_load_packages(command: str) -> None:
    program = [sys.executable, "-c", FIRST, command]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"starting harness {command}; loaded: []"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_the_help_loads_no_package(arguments: list[str]) -> None:
    code = "import sys\nfrom harness.cli.main import main\ntry: main(sys.argv[1:])\n"
    code += "finally: sys.exit('numpy' in sys.modules or 'msgspec' in sys.modules)"
    program = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout


def test_help_and_lists_have_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    main(["list", "engines"])
    assert capsys.readouterr().err == ""
