"""SIGTERM and SIGHUP end a session as Ctrl-C does: boards are closed, and pytest reports."""

from contextlib import ExitStack

import pytest

from harness.support.end_signals import EndSignal, raised_signals


class SignalsPlugin:
    """Raises the signals in the tests; the exit code of the session is that of the signal."""

    def __init__(self) -> None:
        self._exit_code: int | None = None
        self._stack = ExitStack()
        self._stack.enter_context(raised_signals())

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note which signal ended the session, if it was one of ours."""
        if isinstance(excinfo.value, EndSignal):
            self._exit_code = excinfo.value.exit_code

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End with the exit code of the signal."""
        if self._exit_code is not None:
            session.exitstatus = self._exit_code

    def pytest_unconfigure(self) -> None:
        """Restore what the signals did before the session."""
        self._stack.close()
