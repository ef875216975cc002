"""The gate in pytest: a test whose run got worse than its baseline fails."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.errors import HarnessError, Regression
from harness.report.gate_text import complaint, summary
from harness.results.judge.gate import Gate, Judgement
from harness.results.record import read_record

_Properties = Sequence[tuple[str, object]]


class GatePlugin:
    """Judges the runs of each test that passed.

    `name` is that of the user properties that hold the files of their records: they reach the
    main process, whoever ran the test.
    """

    def __init__(self, gate: Gate, name: str) -> None:
        self._gate = gate
        self._name = name
        self._properties: list[tuple[str, object]] = []
        self._judged: list[Judgement] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Fail a test that passed, but whose run does not pass the gate."""
        yield
        failing = [each for each in self._judge(item.user_properties) if each.fails]
        if failing:
            raise Regression("\n".join(complaint(each, self._gate.folder) for each in failing))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the runs of a test, in the main process too."""
        if report.when == "call":
            self._properties += report.user_properties

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let no session pass in which the gate had nothing to judge."""
        if hasattr(session.config, "workerinput") or session.config.option.collectonly:
            return
        try:
            self._judged = list(self._judge(self._properties))
        except HarnessError:
            return  # a test has failed by it
        if not self._judged and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what is to be known beside what failed."""
        terminalreporter.section("baselines")
        for line in summary(self._judged, self._gate.folder):
            terminalreporter.write_line(line)

    def _judge(self, properties: _Properties) -> Iterator[Judgement]:
        """Yield what the gate says of runs whose model is right; the others failed already."""
        for name, path in properties:
            if name == self._name:
                record = read_record(Path(str(path)))
                if record.verdict == "passed":
                    yield self._gate.judge(record)
