"""SIGTERM and SIGHUP end a session as Ctrl-C does: boards are closed, and pytest reports."""

from contextlib import ExitStack

import pytest

from harness.support.end_signals import EndSignal, raised_signals

_CODE = pytest.StashKey[int]()


class SignalsPlugin:
    """Raises the signals in the tests; `end_code` is the exit code of the session then."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._stack = ExitStack()
        self._stack.enter_context(raised_signals())

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note which signal ended the session, if it was one of ours."""
        if isinstance(excinfo.value, EndSignal):
            self._config.stash[_CODE] = excinfo.value.exit_code

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End with the exit code of the signal."""
        session.exitstatus = end_code(self._config, session.exitstatus)

    def pytest_unconfigure(self) -> None:
        """Restore what the signals did before the session."""
        self._stack.close()


def end_code(config: pytest.Config, code: int) -> int:
    """Return the exit code of the signal that ended the session; `code` if none did.

    A session that has not begun yet, because xdist starts its workers, has no `sessionfinish`.
    """
    return config.stash.get(_CODE, code)
