"""Tells our failures from the user's, in each test and in the exit code of the session.

pytest ends with 1 if a test failed. That is right for a verdict and for the user's own errors.
"""

import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode, HarnessError, Regression, Verdict
from harness.pytest_plugin import fixtures
from harness.support.shown import shown
from harness.support.uncaught import explain

_CODE = "harness_code"  # attribute of a report; it also comes from the workers of xdist
_PACKAGE = str(Path(__file__).parents[1]) + "/"
_FACES = (f"{_PACKAGE}python_api.py", f"{_PACKAGE}pytest_plugin/")
_PYTEST = ("/_pytest/", "/pluggy/")  # they call us, and the user's code
# The exit code of a session in which all these failed: the first one.
_ORDER = (ExitCode.DEFECT, ExitCode.FAILED, ExitCode.INFRASTRUCTURE, ExitCode.USAGE)


class FailuresPlugin:
    """Shows our own errors without the call stack; chooses the exit code of the session.

    The traceback of a defect goes to the folder `logs`.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._codes: set[ExitCode] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self,
        item: pytest.Item,
        call: pytest.CallInfo[None],
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show only the message of our own errors, and note what kind of failure it is."""
        report = yield
        if call.excinfo is None or not report.failed:
            return report
        only_api = not uses_our_fixtures(item)
        error = explained(call.excinfo.value, self._logs, only_api=only_api)
        if isinstance(error, (HarnessError, Regression)):
            report.longrepr = shown(error)
        if isinstance(error, HarnessError):
            setattr(report, _CODE, int(error.exit_code))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the kinds of failures; the main process does this too."""
        if report.failed:
            self._codes.add(ExitCode(getattr(report, _CODE, ExitCode.FAILED)))

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """End the session with our own exit code if one of our hooks failed."""
        error = explained(excinfo.value, self._logs)
        if isinstance(error, HarnessError):
            pytest.exit(shown(error), returncode=error.exit_code)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Note that a hook of ours failed in a worker of xdist."""
        if getattr(node, "workeroutput", {}).get("exitstatus") == ExitCode.DEFECT:
            self._codes.add(ExitCode.DEFECT)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End with the exit code of the failures, if pytest's says no more than "a test failed"."""
        if self._codes and session.exitstatus == pytest.ExitCode.TESTS_FAILED:
            session.exitstatus = session_code(self._codes)
        elif ExitCode.DEFECT in self._codes:
            session.exitstatus = ExitCode.DEFECT


@contextmanager
def reported(logs: Path) -> Iterator[None]:
    """End the session with our own exit code if what is inside fails, after the last test."""
    try:
        yield
    except Exception as problem:  # the boundary, as of the command line
        error = explain(problem, logs)
        pytest.exit(shown(error), returncode=session_code({error.exit_code}))


def session_code(codes: set[ExitCode]) -> int:
    """Return the exit code of a session with these failures; pytest's 4 is a wrong input."""
    code = next(code for code in _ORDER if code in codes)
    return pytest.ExitCode.USAGE_ERROR if code is ExitCode.USAGE else code


def explained(error: BaseException, logs: Path, *, only_api: bool = False) -> BaseException:
    """Return `error` as an error for a person if our code raised it; otherwise unchanged.

    With `only_api`, that means our Python API or this plugin: tests of internals keep their errors.
    """
    if isinstance(error, BaseExceptionGroup):  # several fixtures failed to end
        parts = (explained(each, logs, only_api=only_api) for each in error.exceptions)
        return next((each for each in parts if isinstance(each, HarnessError)), error)
    if isinstance(error, Verdict) or not isinstance(error, Exception):
        return error
    entry = _entry(error)
    ours = entry.startswith(_FACES) if only_api else bool(entry)
    return explain(error, logs) if isinstance(error, HarnessError) or ours else error


def _entry(error: Exception) -> str:
    """Return our file that pytest or the user called before `error`; empty if there is none."""
    entry = ""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        path = frame.f_code.co_filename
        if path.startswith(_PACKAGE):
            entry = path
        elif any(part in path for part in _PYTEST):
            break
    return entry


def uses_our_fixtures(item: pytest.Item) -> bool:
    """Tell whether a test names a fixture of ours, or uses one that does."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs.values() if info else ()
    return any(each[-1].func.__module__ == fixtures.__name__ for each in definitions)
