"""The runs of a test in the reports of pytest-html and allure, where the session makes these.

Each gets the Record as a file, and its numbers as a table.
"""

import csv
import io
import json
from collections.abc import Callable, Generator, Sequence
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.pytest_plugin.tested_runs import RECORD_PROPERTY
from harness.report.junit_properties import properties
from harness.results.record_file import read_record, to_json

Attach = Callable[[Any, str, Sequence[tuple[str, str]]], None]
"""Adds a Record, as JSON, and the names and values of its numbers to the report of a test."""


def add_attachments(config: pytest.Config) -> None:
    """Attach the runs in this session, if a plugin wants them."""
    if config.pluginmanager.hasplugin("html") and config.getoption("htmlpath", None):
        config.pluginmanager.register(_Attachments(_to_html))
    if config.getoption("allure_report_dir", None):
        config.pluginmanager.register(_Attachments(_to_allure))


class _Attachments:
    """Attaches each run of a test once, as the test left it; `attach` is the plugin's way."""

    def __init__(self, attach: Attach) -> None:
        self._attach = attach
        self._key = pytest.StashKey[set[str]]()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach what the test has run until now."""
        report = yield
        done = item.stash.setdefault(self._key, set())
        for name, path in item.user_properties:
            if name != RECORD_PROPERTY or str(path) in done or report.when == "teardown":
                continue
            done.add(str(path))
            try:
                record = read_record(Path(str(path)))
            except HarnessError:  # it was damaged since; the summary says so
                continue
            self._attach(report, to_json(record).decode(), properties(record))
        return report


def _to_html(report: Any, record: str, numbers: Sequence[tuple[str, str]]) -> None:
    extras = import_module("pytest_html").extras
    rows = "".join(f"<tr><td>{escape(a)}</td><td>{escape(b)}</td></tr>" for a, b in numbers)
    new = [extras.json(json.loads(record), name="Record"), extras.html(f"<table>{rows}</table>")]
    report.extras = [*getattr(report, "extras", []), *new]


def _to_allure(_: Any, record: str, numbers: Sequence[tuple[str, str]]) -> None:
    allure: Any = import_module("allure")
    text = io.StringIO()
    csv.writer(text).writerows([("name", "value"), *numbers])
    allure.attach(text.getvalue(), "numbers", allure.attachment_type.CSV)
    allure.attach(record, "Record", allure.attachment_type.JSON)
