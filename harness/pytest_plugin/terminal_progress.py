"""Progress on pytest's terminal or in its log, between pytest's own output."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast

import pytest

from harness.support.progress import Progress

_KEY = pytest.StashKey[Progress]()


def add_progress(config: pytest.Config, targets: Sequence[str], note: str) -> None:
    """Show progress in this session; `targets` are names of targets in ids of tests.

    Workers of xdist have no terminal: the main process shows which of their tests run, and at the
    end their warnings, which reach it as user properties `note`. With -q, only warnings are shown.
    """
    if hasattr(config, "workerinput"):
        warnings = _Warnings(note)
        config.stash[_KEY] = Progress(cast(IO[str], warnings), quiet=True)
        config.pluginmanager.register(warnings)
        return
    reporter = config.pluginmanager.getplugin("terminalreporter")
    terminal = _copy_of_stdout()
    if terminal is not None:
        config.add_cleanup(terminal.close)
    quiet = config.get_verbosity() < 0
    if reporter is None or terminal is None:
        config.stash[_KEY] = Progress(terminal or sys.stderr, quiet=True)
    elif config.getoption("dist", "no") != "no":
        main: Any = _MainProcess(reporter)
        config.stash[_KEY] = progress = Progress(main, quiet=quiet)
        config.pluginmanager.register(_Workers(progress, targets))
    else:
        stream: Any = _Stream(reporter, terminal)
        config.stash[_KEY] = progress = Progress(stream, quiet=quiet, aside=stream.aside)
        config.pluginmanager.register(_Reports(progress))


@contextmanager
def step_before_tests(config: pytest.Config, text: str) -> Iterator[None]:
    """Show the step `text` meanwhile, while pytest has no terminal and no session yet."""
    terminal = _copy_of_stdout()
    quiet = config.get_verbosity() < 0 or hasattr(config, "workerinput")
    try:
        with Progress(terminal or sys.stderr, patience=0, quiet=quiet).step(text):
            yield
    finally:
        if terminal is not None:
            terminal.close()


def progress_of(config: pytest.Config) -> Progress:
    """Return the session's progress."""
    return config.stash[_KEY]


def _copy_of_stdout() -> IO[str] | None:
    """Return the standard output as it is before pytest captures it; None if it is closed."""
    original = sys.__stdout__
    if original is None:
        return None
    try:
        descriptor = os.dup(original.fileno())
    except (OSError, ValueError):
        return None
    return os.fdopen(descriptor, "w", encoding=original.encoding, errors="backslashreplace")


class _Reports:
    """Waits with the next line when pytest has written something."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def pytest_runtest_logreport(self) -> None:
        self._progress.postpone()


class _Workers(_Reports):
    """Shows in the main process of xdist which tests of the targets its workers run."""

    def __init__(self, progress: Progress, targets: Sequence[str]) -> None:
        super().__init__(progress)
        self._targets = targets
        self._running: list[str] = []
        self._step = ExitStack()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if any(target in nodeid.partition("[")[2] for target in self._targets):
            self._running.append(nodeid)
            if self._running[1:]:
                self._progress.say(self._text())
            else:
                self._step.enter_context(self._progress.step(self._text()))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if nodeid in self._running:
            self._running.remove(nodeid)
            if self._running:
                self._progress.say(self._text())
            else:
                self._step.close()

    def pytest_handlecrashitem(self, report: pytest.TestReport) -> None:
        """Note a test that ended its worker: xdist calls no logfinish for it."""
        self.pytest_runtest_logfinish(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self._step.close()

    def _text(self) -> str:
        more = f"{len(self._running)} tests, " if self._running[1:] else ""
        return f"running {more}{self._running[0]}"


class _Warnings:
    """Warnings in a worker of xdist: the next report of a test takes them to the main process."""

    def __init__(self, note: str) -> None:
        self._note = note
        self._lines: list[str] = []

    def write(self, text: str) -> None:
        self._lines.append(text.rstrip("\n"))

    def flush(self) -> None:
        """Do nothing: the lines wait for the report."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> None:
        """Add the lines to the test, before pytest makes its report."""
        item.user_properties += [(self._note, line) for line in self._lines]
        self._lines.clear()


class _Stream:
    """pytest's terminal, past its capture of output; what is written begins in a new line."""

    def __init__(self, reporter: Any, terminal: IO[str]) -> None:
        self._reporter = reporter
        self._file = terminal
        self._aside = False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Meanwhile, write below pytest's unfinished line; then go back to its end."""
        writer = self._reporter._tw
        column = writer.width_of_current_line % writer.fullwidth
        self._file.write("\n" if column else "")
        self._aside = True
        try:
            yield
        finally:
            self._aside = False
            self._file.write(f"\x1b[A\x1b[{column}C" if column else "")
            self._file.flush()

    def write(self, text: str) -> int:
        reporter = self._reporter
        if not self._aside and reporter._tw.width_of_current_line:
            self._file.write("\n")
            reporter._tw._current_line = ""
            if reporter.showlongtestinfo:
                reporter.currentfspath = None  # so that pytest repeats the test's name
        return self._file.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _MainProcess:
    """The terminal of xdist's main process, whose tests are in its workers; has no live display."""

    def __init__(self, reporter: Any) -> None:
        self._reporter = reporter

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> None:
        writer = self._reporter._tw
        if writer.width_of_current_line:
            writer.line()
        self._reporter.currentfspath = None
        writer.write(text)

    def flush(self) -> None:
        self._reporter.flush()
