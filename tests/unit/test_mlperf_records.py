"""Records of MLPerf Tiny's protocol: their rules, and every reader of records."""

import json
import random
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from harness.errors import InputError
from harness.measure.number import Number
from harness.report.comparison_text import print_comparison
from harness.report.html_report import write_html
from harness.report.junit_properties import properties
from harness.report.markdown_summary import markdown
from harness.report.report_data import summarize
from harness.report.runs_table import print_table
from harness.results.judge.compare import compare, no_history
from harness.results.judge.matching import pair
from harness.results.judge.trend import trends
from harness.results.record import Record
from harness.results.record_file import parse_record
from harness.results.store.store import Store
from harness.runs.mlperf.measured_window import Window
from tests.support.year import FIRST, made_up

WINDOWS = [Window(vector, 250, 10, 10_862_042 + vector, 10.863) for vector in range(5)]
GONE = ("bytes_differing", "arena", "stack", "counter_overhead", "stack_reserved")


def of_protocol(target: str, night: int = 0) -> Record:
    """Return a record such as a run over the protocol leaves."""
    record = made_up(random.Random(night), FIRST + timedelta(days=night), target, "digits")
    kept = {
        name: number
        for name, number in record.numbers.items()
        if name not in GONE and not name.startswith(("instructions", "cycles"))
    }
    numbers = kept | {
        "results_differing": Number(0, "1", "exact"),
        "windows": Number(5, "1", "exact"),
    }
    if target == "nucleo-f429zi":
        numbers["throughput"] = Number(23.016, "1/s", "measured")
        numbers["latency_median"] = Number(0.043448, "s", "measured")
    else:
        number = Number(7_744_322, "1", "estimated", "the device's microseconds", 2e-7)
        numbers["instructions_estimated"] = number
    return msgspec.structs.replace(
        record,
        id=f"{record.id}-m",
        numbers=numbers,
        ticks=[],
        counter="m-lap-us",
        protocol="mlperf-tiny",
        windows=WINDOWS,
    )


BOARD, EMULATOR = of_protocol("nucleo-f429zi"), of_protocol("virtual-stm32")


@pytest.mark.parametrize("record", [BOARD, EMULATOR], ids=["board", "emulator"])
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert parse_record(msgspec.json.encode(record), "here") == record


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("protocol", "smoke signals", "$.protocol"),
        ("protocol", "link", "numbers.bytes_differing: is missing"),
        ("numbers.results_differing", ..., "numbers.results_differing: is missing"),
        ("numbers.windows", ..., "numbers.windows: is missing"),
        ("numbers.flash", ..., "numbers.flash: is missing"),
        ("numbers.accuracy_golden", ..., "numbers.accuracy_golden: is missing"),
        ("numbers.results_differing.value", -1, "numbers.results_differing.value: -1 is negative"),
        ("numbers.windows.value", 4, "windows: number of entries is 5, but numbers.windows is 4"),
        ("ticks", [1, 2], "ticks: number of entries is 2, but there are 200 vectors"),
        ("windows", None, "$.windows"),
        ("windows", [{"vector": 0}], "$.windows[0]"),
    ],
)
def test_a_record_that_breaks_a_rule_is_refused(path: str, value: Any, named: str) -> None:
    held = json.loads(msgspec.json.encode(BOARD))
    *parents, last = path.split(".")
    place = held
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(InputError) as caught:
        parse_record(json.dumps(held).encode(), "here")
    assert named in str(caught.value)


def test_the_table_shows_both_protocols_in_80_columns() -> None:
    ours = made_up(random.Random(0), FIRST, "virtual-stm32", "digits")
    for records in ([BOARD, EMULATOR, ours], [EMULATOR], [BOARD]):
        text = StringIO()
        print_table(records, Console(file=text, width=80))
        shown = text.getvalue()
        assert max(map(len, shown.splitlines())) <= 80
        assert ("43.45 ms" in shown) == (BOARD in records)
        assert ("~ 7.74 M" in shown) == (EMULATOR in records)
        assert "printed results" in shown


def test_it_is_no_run_of_the_link_and_is_not_compared_with_one() -> None:
    ours = made_up(random.Random(0), FIRST, "virtual-stm32", "digits")
    other = made_up(random.Random(1), FIRST, "virtual-stm32", "faces")
    assert "cmsis-nn/mlperf-tiny" in str(EMULATOR.combination)
    paired = pair([ours, EMULATOR, other], [EMULATOR, other, ours])
    assert all(old.protocol == new.protocol for old, new in paired.both)
    assert len(paired.both) == 3


def test_every_reader_takes_it(tmp_path: Path) -> None:
    nights = [of_protocol(BOARD.target.name, night) for night in range(3)]
    ours = made_up(random.Random(5), FIRST, "virtual-stm32", "digits")
    with Store(f"sqlite:///{tmp_path / 'index.sqlite'}") as store:
        store.add(*nights, EMULATOR, ours)
        summary = summarize(store)
        write_html(summary, tmp_path / "report.html")
        text = markdown(summary)
        found = trends(store, "throughput")
    assert len(summary.statuses) == 3
    page = (tmp_path / "report.html").read_text()
    assert "Measurement windows" in page
    assert "cmsis-nn/mlperf-tiny" in page
    assert "cmsis-nn\\/mlperf-tiny" in text
    assert [len(trend.points) for trend in found] == [3]
    shown = StringIO()
    print_comparison(compare(nights[0], nights[1], no_history), Console(file=shown, width=80))
    assert "throughput" in shown.getvalue() or "same" in shown.getvalue()
    assert ("engine", "cmsis-nn/mlperf-tiny") in properties(BOARD)
