"""Tells our failures from the user's, in each test and in the exit code of the session.

pytest ends with 1 if a test failed. That is right for a verdict and for the user's own errors.
"""

import sysconfig
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode, HarnessError, Regression, Verdict
from harness.support.terminal import shown
from harness.support.uncaught import explain

_CODE = "harness_code"  # attribute of a report; it also comes from the workers of xdist
_PACKAGE = str(Path(__file__).parents[1]) + "/"
_LIBRARIES = (
    "<",  # code without a file
    *(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
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
        item: pytest.Item,  # noqa: ARG002 - pytest's name
        call: pytest.CallInfo[None],
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show only the message of our own errors, and note what kind of failure it is."""
        report = yield
        if call.excinfo is None or not report.failed:
            return report
        error = explained(call.excinfo.value, self._logs)
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


def session_code(codes: set[ExitCode]) -> int:
    """Return the exit code of a session with these failures; pytest's 4 is a wrong input."""
    code = next(code for code in _ORDER if code in codes)
    return pytest.ExitCode.USAGE_ERROR if code is ExitCode.USAGE else code


def explained(error: BaseException, logs: Path) -> BaseException:
    """Return `error` as an error for a person if it is ours; otherwise unchanged."""
    if isinstance(error, BaseExceptionGroup):  # several fixtures failed to end
        parts = (explained(each, logs) for each in error.exceptions)
        return next((each for each in parts if isinstance(each, HarnessError)), error)
    if isinstance(error, Verdict) or not isinstance(error, Exception):
        return error
    return explain(error, logs) if isinstance(error, HarnessError) or _is_ours(error) else error


def _is_ours(error: Exception) -> bool:
    """Tell whether our code raised `error`, or called the library that did."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        path = frame.f_code.co_filename
        if path.startswith(_PACKAGE):
            return True
        if any(part in path for part in _PYTEST) or not path.startswith(_LIBRARIES):
            return False
    return False
