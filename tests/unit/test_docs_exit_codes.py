"""The page on exit codes: its tables say what the code does."""

import re
from pathlib import Path

import pytest

from docs.generate.harness_objects import EXIT_CODES
from harness.board.board_options import BoardOptions
from harness.errors import ExitCode
from harness.link import retries
from harness.pytest_plugin import failures
from harness.results.store import database, index
from harness.runs import health
from harness.runs.mlperf import mlperf_client, runner

PAGE = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, list[str]]:
    """Return the rows of the table below a title, by their first cell."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_every_exit_code_has_a_row_and_the_reference_names_it() -> None:
    codes = {int(code) for code in rows("Exit codes")}
    no_tests = {int(pytest.ExitCode.NO_TESTS_COLLECTED)}
    assert codes == {int(code) for code in ExitCode} | no_tests
    assert set(EXIT_CODES) == set(ExitCode)


def test_pytest_s_own_codes_are_those_of_the_page() -> None:
    own = {code: text for code, (_, text) in rows("Exit codes").items()}
    assert (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR) == (2, 4)
    assert "interrupted" in own["2"]
    assert "the input is wrong" in own["4"]
    assert int(pytest.ExitCode.INTERNAL_ERROR) == int(ExitCode.INFRASTRUCTURE)
    assert "INTERNALERROR" in own["3"]
    order = [failures.session_code({code}) for code in failures._ORDER]
    assert f"the first of {order[0]}, {order[1]}, {order[2]} and {order[3]} that" in PAGE


@pytest.mark.parametrize(
    ("what", "numbers"),
    [
        ("a request over the link gets no answer", [retries.ATTEMPTS]),
        ("a frame is damaged on the line", [retries.ATTEMPTS]),
        ("bytes arrive during an inference, which disturb it", [retries.ATTEMPTS]),
        (
            "a command of MLPerf Tiny gets no answer",
            [mlperf_client._ATTEMPTS, mlperf_client._DETECTION_ATTEMPTS],
        ),
        ("an input arrives damaged at the device, over MLPerf Tiny", [runner._SEND_ATTEMPTS]),
        ("the clocks of device and host differ in a window", [runner._WINDOW_ATTEMPTS]),
        ("another process writes to the store", [database._LOCK_TIMEOUT]),
        ("another process updates the index", [index._LOCK_TIMEOUT]),
        ("another session uses the probe or the port", [int(BoardOptions().lock_timeout)]),
        (f"a board fails {health.LIMIT} times in a row", []),
    ],
)
def test_what_is_tried_again_is_what_the_code_tries_again(what: str, numbers: list[int]) -> None:
    tries = rows("What is tried again")[what][0]
    assert [int(number) for number in re.findall(r"\d+", tries)] == numbers


def test_every_kind_has_its_code() -> None:
    codes = {"verdict": 1, "your test": 1, "input": 2, "infrastructure": 3, "defect": 70}
    for kind, code in rows("Which error is which").values():
        assert code.startswith(str(codes[kind]))
