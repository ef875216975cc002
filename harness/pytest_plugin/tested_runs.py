"""The runs that each test used: its reports name them, and if the test fails, so do they.

A Record is written when the run ends, so that nothing is lost; a test that fails later changes it.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError, InfrastructureError, Regression, Verdict
from harness.report.junit_properties import properties
from harness.results.record_file import read_record
from harness.results.recording import fail_record, listeners
from harness.support.printable import printable
from harness.support.shown import shown

RECORD_PROPERTY = "harness_record"
"""The property of a test's report with the file of a Record."""

_LONGEST = 300  # characters of a message
_TOLD = pytest.StashKey[list[tuple[str, object]]]()


class TestedRuns:
    """Knows which runs each test used: those that it made, and those of its fixtures.

    The report of a test names those that `name` was called for: the runs of `dut` and `run`.
    """

    __test__ = False  # not a test, whatever its name

    def __init__(self) -> None:
        self._of_test: list[Path] = []
        self._of_fixture: dict[object, list[Path]] = {}  # of fixtures that several tests share
        self._setting_up: list[object] = []  # such fixtures, the innermost last
        self._named: set[Path] = set()
        listeners.append(self._add)

    def pytest_unconfigure(self) -> None:
        """Stop listening."""
        listeners.remove(self._add)

    def name(self, path: Path) -> None:
        """Have the reports of the tests that use this run name it."""
        self._named.add(path)

    def use(self, path: Path) -> None:
        """Note that the fixture that is set up uses a run that was made before."""
        self._add(path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Forget the runs of the test before, and of this one if it is run again."""
        self._of_test.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        """Note the fixture that is set up, if its runs are for several tests."""
        if fixturedef.scope == "function":
            return (yield)
        self._of_fixture[fixturedef] = []
        self._setting_up.append(fixturedef)
        try:
            return (yield)
        finally:
            self._setting_up.pop()
            if self._setting_up:  # a fixture that is made of it uses its runs, too
                self._of_fixture[self._setting_up[-1]] += self._of_fixture[fixturedef]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Name the runs in the properties of the test, before a gate judges them."""
        try:
            return (yield)
        finally:
            self._tell(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """If a test fails, its runs fail.

        A gate that fails it judges the run itself. An infrastructure error says nothing about it.
        """
        self._tell(item)
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if not report.failed or isinstance(error, (Regression, InfrastructureError)):
            return report
        reason = _reason(report, call)
        for path in self._used_by(item):
            try:
                fail_record(path, reason, unless_failed=isinstance(error, Verdict))
            except HarnessError as problem:
                title = "the Record does not show that the test failed"
                report.sections.append((title, shown(problem)))
        if item.stash.get(_TOLD, []):
            _fail_property(item.user_properties)
            _fail_property(report.user_properties)
        return report

    def _add(self, path: Path) -> None:
        runs = self._of_fixture[self._setting_up[-1]] if self._setting_up else self._of_test
        runs.append(path)

    def _used_by(self, item: pytest.Item) -> list[Path]:
        """Return the Records of the runs that `item` used."""
        request = getattr(item, "_request", None)
        fixtures = getattr(request, "_fixture_defs", {}).values()
        shared = (path for each in fixtures for path in self._of_fixture.get(each, ()))
        return list(dict.fromkeys([*self._of_test, *shared]))

    def _tell(self, item: pytest.Item) -> None:
        """Add the runs to the properties of a test, and the numbers of the last one, once each."""
        paths = [path for path in self._used_by(item) if path in self._named]
        records = [(RECORD_PROPERTY, str(path)) for path in paths]
        new = [each for each in records if each not in item.user_properties]
        if not new:
            return
        try:
            numbers: list[tuple[str, object]] = list(properties(read_record(paths[-1])))
        except HarnessError:  # it was damaged since; the summary says so
            numbers = []
        told = item.stash.get(_TOLD, [])
        others = [each for each in item.user_properties if each not in told]
        item.user_properties[:] = [*others, *numbers, *new]
        item.stash[_TOLD] = numbers


def _fail_property(properties: list[tuple[str, object]]) -> None:
    """Change the verdict among the `properties` of a test's report."""
    for index, (name, _) in enumerate(properties):
        if name == "verdict":
            properties[index] = (name, "failed")


def _reason(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    text = call.excinfo.exconly(tryshort=True) if call.excinfo else report.longreprtext
    first = next(iter(text.strip().splitlines()), "").removeprefix("AssertionError: ")
    phase = "" if report.when == "call" else f" in its {report.when}"
    return printable(f"the test {report.nodeid} failed{phase}: {first}", _LONGEST)
