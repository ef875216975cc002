"""Ends a session with a usage error after the collection, also if workers of xdist collected."""

from typing import Any

import pytest

from harness.support.shown import shown

_OUTPUT = "harness_refusal"  # what a worker tells the main process when it ends


def refuse(session: pytest.Session, text: str) -> None:
    """End the session, because `text` is wrong; a worker of xdist has no tests then."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is None:
        raise pytest.UsageError(text)
    output[_OUTPUT] = text
    session.items.clear()


class RefusalPlugin:
    """Shows in the main process why the workers have no tests."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Note what a worker found wrong; all find the same."""
        if text := getattr(node, "workeroutput", {}).get(_OUTPUT):
            self._texts[str(text)] = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End with pytest's exit code for a usage error."""
        if self._texts:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Show it as pytest shows a usage error."""
        for text in self._texts:
            terminalreporter.write_line(f"ERROR: {shown(text)}", red=True)
