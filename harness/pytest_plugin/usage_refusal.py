"""Says after the collection why there are no tests, also if workers of xdist collected."""

from typing import Any

import pytest

from harness.support.shown import shown

# What a worker tells the main process when it ends.
_OUTPUT = "harness_refusal"
_REASON = "harness_reason"


def refuse(session: pytest.Session, text: str) -> None:
    """End the session, because `text` is wrong; a worker of xdist has no tests then."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is None:
        raise pytest.UsageError(text)
    output[_OUTPUT] = text
    session.items.clear()


def tell_reason(config: pytest.Config, text: str) -> None:
    """Have the main process say why this worker of xdist has no tests."""
    output: dict[str, object] = getattr(config, "workeroutput", {})
    output[_REASON] = text


class RefusalPlugin:
    """Shows in the main process why the workers have no tests."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self._reasons: dict[str, None] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Note what a worker found wrong; all find the same."""
        output = getattr(node, "workeroutput", {})
        if text := output.get(_OUTPUT):
            self._texts[str(text)] = None
        if text := output.get(_REASON):
            self._reasons[str(text)] = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End with pytest's exit code for a usage error."""
        if self._texts:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Show it; a refusal as pytest shows a usage error."""
        for text in self._reasons:
            terminalreporter.write_line(shown(text))
        for text in self._texts:
            terminalreporter.write_line(f"ERROR: {shown(text)}", red=True)
