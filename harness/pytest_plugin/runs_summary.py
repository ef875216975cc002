"""The table at the end of a pytest session, and the upload to a store."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.text import Text

from harness.errors import ExitCode, HarnessError
from harness.options.run_options import RunOptions
from harness.pytest_plugin.failures import reported
from harness.report.folders_note import print_note
from harness.report.runs_report import print_runs
from harness.report.terminal_lines import print_lines
from harness.results.current_session import current_session
from harness.results.record import Record
from harness.results.record_file import read_record
from harness.results.store.upload import StoreUpload
from harness.support.shown import shown
from harness.support.terminal import Terminal

# Otherwise a test may have ended without its report.
_COMPLETE = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


def shared_session(config: pytest.Config) -> str:
    """Return the session of this process, which the workers of pytest-xdist get, too."""
    if getattr(config.option, "testrunuid", "") is None:  # an option of pytest-xdist
        config.option.testrunuid = current_session()
    return getattr(config.option, "testrunuid", "") or current_session()


class RunsSummary:
    """Collects the records of the session in the main process, also those of xdist's workers.

    `name` is the user property with the file of a record, `note` that with a note on the models.
    With `uploads`, the records of `session` are added to the store that `--store` names.
    """

    def __init__(
        self, options: RunOptions, name: str, note: str, *, session: str, uploads: bool
    ) -> None:
        self._options = options
        self._name = name
        self._note = note
        self._paths: dict[Path, None] = {}  # in order; a test that is run again names all its runs
        self._notes: dict[str, None] = {}
        self._crashed = False  # a worker of xdist: its last test has named no record
        url = options.store if uploads else ""
        self._upload = StoreUpload(url, options.selection.workspace, session)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the records of a test that has ended."""
        if str(report.outcome) == "rerun":  # of pytest-rerunfailures
            self._notes[f"{report.nodeid} failed and was run again: all its runs count"] = None
        if report.when != "teardown":
            return
        for name, value in report.user_properties:
            if name == self._name:
                self._paths[Path(str(value))] = None
            elif name == self._note:
                self._notes[str(value)] = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object) -> None:
        """Note that a worker of xdist has ended with an `error`."""
        self._crashed |= error is not None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Add the records, as the tests left them, to the store; fail if one is not there."""
        with reported(self._options.selection.workspace.logs):
            self._upload.add(*self._paths)
            self._upload.end(complete=session.exitstatus in _COMPLETE and not self._crashed)
        if self._upload.errors and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = ExitCode.INFRASTRUCTURE

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Print the tables of the runs."""
        with reported(self._options.selection.workspace.logs):
            if records := list(self._read_records()):
                self._print_runs(records, terminalreporter)
        for note in self._notes:
            terminalreporter.write_line(shown(note))
        for error in self._upload.errors:
            terminalreporter.write_line(shown(error), red=True)

    def _read_records(self) -> Iterator[Record]:
        """Yield the records; one that was damaged since is an error that the summary shows."""
        for path in self._paths:
            try:
                yield read_record(path)
            except HarnessError as error:
                self._upload.errors.append(str(error))

    def _print_runs(
        self, records: Sequence[Record], terminalreporter: "pytest.TerminalReporter"
    ) -> None:
        writer = terminalreporter._tw
        text = io.StringIO()
        console = Terminal(
            file=text,
            width=writer.fullwidth,
            force_terminal=writer.hasmarkup,
            color_system="standard" if writer.hasmarkup else None,
        )
        selection, history = self._options.selection, self._upload.history
        print_runs(records, selection.engines, history, selection.workspace, console)
        print_lines(console, [Text(f"records: {next(iter(self._paths)).parent}")])
        print_note(selection.workspace, console)
        terminalreporter.section("runs")
        terminalreporter.write(text.getvalue())
