"""Rules over several keys of a record; those of a single key stand with the key's type."""

import re
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from harness.measure.number import Number

if TYPE_CHECKING:
    from harness.results.record import Record

_ID = 240  # bytes; a file's name has 255, and `.partial` goes with it
_LARGEST = 2**53  # up to which a double holds every whole number
_UNIT = re.compile(r"[^\s\x00-\x1f]{1,20}")
_ALWAYS = ("vectors", "flash", "ram", "wall")
_REQUIRED = {
    "link": ("bytes_differing",),
    "mlperf-tiny": ("results_differing", "windows"),
}
_NEVER_NEGATIVE = {"arena", "stack", *_ALWAYS, *chain.from_iterable(_REQUIRED.values())}


class BrokenRuleError(ValueError):
    """A record says what cannot be; the message begins with the key."""


def check(record: "Record") -> None:
    """Raise `BrokenRuleError` for the first rule of docs/record.md that `record` breaks."""
    if len(record.id.encode()) > _ID:
        raise BrokenRuleError(f"id: is longer than {_ID} bytes, which no file's name can be")
    _check_time("started", record.started)
    if record.commit and record.commit.time:
        _check_time("commit.time", record.commit.time)
    if (record.verdict == "passed") != (not record.reasons):
        raise BrokenRuleError(f"reasons: there are {len(record.reasons)}, but it {record.verdict}")
    for name, number in record.numbers.items():
        _check_number(name, number)
    _check_presence(record)
    vectors = record.numbers["vectors"].value
    counted = vectors if record.protocol == "link" else 0
    if len(record.ticks) != counted or not vectors:
        raise BrokenRuleError(f"ticks: there are {len(record.ticks)} for {vectors} vectors")
    windows = record.numbers["windows"].value if record.protocol == "mlperf-tiny" else 0
    if len(record.windows) != windows:
        raise BrokenRuleError(
            f"windows: there are {len(record.windows)}, but numbers say {windows}"
        )


def _check_presence(record: "Record") -> None:
    metric = record.model.metric
    shares = (metric, f"{metric}_golden", f"{metric}_target")
    for name in chain(shares, _ALWAYS, _REQUIRED[record.protocol]):
        if name not in record.numbers:
            raise BrokenRuleError(f"numbers.{name}: is missing")
    for name in shares:
        if not 0 <= record.numbers[name].value <= 1:
            raise BrokenRuleError(f"numbers.{name}.value: is not between 0 and 1")
    if record.protocol != "link":
        return
    if ("stack" in record.numbers) == bool(record.stack_unavailable):
        raise BrokenRuleError(
            "numbers.stack: is to be there, or `stack_unavailable` to say why not"
        )
    if not any(f"{unit}_median" in record.numbers for unit in ("instructions", "cycles")):
        raise BrokenRuleError("numbers: neither instructions_median nor cycles_median is there")


def _check_time(key: str, value: str) -> None:
    try:
        time = datetime.fromisoformat(value)
    except ValueError as error:
        raise BrokenRuleError(f"{key}: {value[:40]!r} is no time of ISO 8601") from error
    if time.tzinfo is None:
        raise BrokenRuleError(f"{key}: {value!r} has no time zone")


def _check_number(name: str, number: Number) -> None:
    if not _UNIT.fullmatch(number.unit):
        raise BrokenRuleError(f"numbers.{name}.unit: {number.unit[:40]!r} is no unit")
    if "\0" in number.model:
        raise BrokenRuleError(f"numbers.{name}.model: has a NUL in it")
    if abs(number.value) >= _LARGEST:
        raise BrokenRuleError(f"numbers.{name}.value: {number.value!r} is beyond 2^53")
    if name in _NEVER_NEGATIVE and number.value < 0:  # others may be differences
        raise BrokenRuleError(f"numbers.{name}.value: {number.value!r} is negative")
    if number.unit == "byte" and number.value != int(number.value):
        raise BrokenRuleError(f"numbers.{name}.value: {number.value!r} is no whole byte")
    if number.error is not None and number.error < 0:
        raise BrokenRuleError(f"numbers.{name}.error: {number.error!r} is negative")
