"""The gate in pytest: a test fails if its run is worse than its baseline."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from harness.errors import HarnessError, Regression
from harness.pytest_plugin.failures import reported
from harness.report.gate_text import failure_text, gate_summary
from harness.results.judge.gate import Gate, Judgement
from harness.results.record_file import read_record
from harness.support.shown import shown


class GatePlugin:
    """Judges the runs of each test that passed; several tests may share one, which fails the first.

    `name` is the user property with the file of a record. User properties reach the main process
    even if a worker of xdist ran the test. The traceback of a defect goes to `logs`.
    """

    def __init__(self, gate: Gate, name: str, logs: Path) -> None:
        self._gate = gate
        self._logs = logs
        self._name = name
        self._paths: dict[str, None] = {}  # in order; a test that is run again names all its runs
        self._judgements: list[Judgement] = []
        self._first: dict[str, str] = {}  # the test that a run fails: also if it is run again

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Fail a test that passed if its run does not pass the gate."""
        yield
        named = self._named(item.user_properties)
        own = [path for path in named if self._first.setdefault(path, item.nodeid) == item.nodeid]
        failing = [each for each in self._judge(own) if each.fails]
        if failing:
            raise Regression("\n".join(failure_text(each, self._gate.folder) for each in failing))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the runs of a test; the main process does this too."""
        if report.when == "call":
            self._paths.update(dict.fromkeys(self._named(report.user_properties)))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session if the gate judged nothing."""
        if hasattr(session.config, "workerinput") or session.config.option.collectonly:
            return
        with reported(self._logs), suppress(HarnessError):  # it has failed a test already
            self._judgements = list(self._judge(self._paths))
        if not self._judgements and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Print the summary of the gate."""
        terminalreporter.section("baselines")
        with reported(self._logs):
            for line in gate_summary(self._judgements, self._gate.folder):
                terminalreporter.write_line(shown(line))

    def _named(self, properties: Sequence[tuple[str, object]]) -> list[str]:
        return [str(path) for name, path in properties if name == self._name]

    def _judge(self, paths: Iterable[str]) -> Iterator[Judgement]:
        """Yield the judgement of each run that passed; a failed run has failed its test already."""
        for path in paths:
            record = read_record(Path(path))
            if record.verdict == "passed":
                yield self._gate.judge(record)
