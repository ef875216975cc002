"""The rules over several keys of a record; the types in `record` check single keys."""

import re
from datetime import datetime
from itertools import chain

from harness.measure.number import Number
from harness.measure.subset import Subset
from harness.model.metric import DETAILS, Metric
from harness.results.record import Record

_MAX_ID = 240  # bytes; file names have up to 255, with the suffix `.partial`
_LARGEST = 2**53  # a double represents every whole number up to here
_UNIT = re.compile(r"[^\s\x00-\x1f]{1,20}")
_ALWAYS_PRESENT = ("vectors", "flash", "ram", "wall")
_REQUIRED = {
    "link": ("bytes_differing",),
    "mlperf-tiny": ("results_differing", "windows"),
}
_ERRORS: dict[Metric, tuple[str, ...]] = {
    metric: (metric, f"{metric}_golden", f"{metric}_target", *details)
    for metric, details in DETAILS.items()
}
"""The numbers of the metrics that are not shares."""
_NEVER_NEGATIVE = {
    "arena",
    "stack",
    *chain.from_iterable(_ERRORS.values()),
    *_ALWAYS_PRESENT,
    *chain.from_iterable(_REQUIRED.values()),
}


class BrokenRuleError(ValueError):
    """A record contradicts a rule; the message begins with the key."""


def check(record: Record) -> None:
    """Raise `BrokenRuleError` for the first rule of docs/record.md that `record` breaks."""
    if len(record.id.encode()) > _MAX_ID:
        raise BrokenRuleError(f"id: is longer than {_MAX_ID} bytes, too long for a file name")
    _check_time("started", record.started)
    if record.commit and record.commit.time:
        _check_time("commit.time", record.commit.time)
    if (record.verdict == "passed") != (not record.reasons):
        raise BrokenRuleError(
            f"reasons: number of entries is {len(record.reasons)}, but it {record.verdict}"
        )
    for name, number in record.numbers.items():
        _check_number(name, number)
    _check_presence(record)
    vectors = record.numbers["vectors"].value
    expected_ticks = vectors if record.protocol == "link" else 0
    if len(record.ticks) != expected_ticks or not vectors:
        raise BrokenRuleError(
            f"ticks: number of entries is {len(record.ticks)}, but there are {vectors} vectors"
        )
    if record.subset is not None:
        _check_subset(record.subset, vectors)
    windows = record.numbers["windows"].value if record.protocol == "mlperf-tiny" else 0
    if len(record.windows) != windows:
        raise BrokenRuleError(
            f"windows: number of entries is {len(record.windows)}, but numbers.windows is {windows}"
        )


def _check_presence(record: Record) -> None:
    metric = record.model.metric
    errors = _ERRORS.get(metric, ())
    shares = () if errors else (metric, f"{metric}_golden", f"{metric}_target")
    for name in chain(shares or errors, _ALWAYS_PRESENT, _REQUIRED[record.protocol]):
        if name not in record.numbers:
            raise BrokenRuleError(f"numbers.{name}: is missing")
    for name in shares:
        if not 0 <= record.numbers[name].value <= 1:
            raise BrokenRuleError(f"numbers.{name}.value: is not between 0 and 1")
    if record.protocol != "link":
        return
    if ("stack" in record.numbers) == bool(record.stack_unavailable):
        raise BrokenRuleError(
            "numbers.stack: either this number or `stack_unavailable` is required"
        )
    if not any(f"{unit}_median" in record.numbers for unit in ("instructions", "cycles")):
        raise BrokenRuleError("numbers: instructions_median or cycles_median is required")


def _check_subset(subset: Subset, count: float) -> None:
    numbers = subset.vectors
    if len(numbers) != count:
        raise BrokenRuleError(
            f"subset.vectors: number of entries is {len(numbers)}, but there are {count} vectors"
        )
    if numbers != sorted(set(numbers)) or numbers[-1] >= subset.of or count == subset.of:
        raise BrokenRuleError(
            f"subset.vectors: is not some of the numbers 0 to {subset.of - 1}, in their order"
        )


def _check_time(key: str, value: str) -> None:
    try:
        time = datetime.fromisoformat(value)
    except ValueError as error:
        raise BrokenRuleError(f"{key}: {value[:40]!r} is not an ISO 8601 time") from error
    if time.tzinfo is None:
        raise BrokenRuleError(f"{key}: {value!r} has no time zone")


def _check_number(name: str, number: Number) -> None:
    if not _UNIT.fullmatch(number.unit):
        raise BrokenRuleError(f"numbers.{name}.unit: {number.unit[:40]!r} is not a unit")
    if "\0" in number.model:
        raise BrokenRuleError(f"numbers.{name}.model: contains a NUL")
    if abs(number.value) >= _LARGEST:
        raise BrokenRuleError(f"numbers.{name}.value: {number.value!r} is 2^53 or more")
    if name in _NEVER_NEGATIVE and number.value < 0:  # other numbers may be differences
        raise BrokenRuleError(f"numbers.{name}.value: {number.value!r} is negative")
    if number.unit == "byte" and number.value != int(number.value):
        raise BrokenRuleError(
            f"numbers.{name}.value: {number.value!r} is not a whole number of bytes"
        )
    if number.error is not None and number.error < 0:
        raise BrokenRuleError(f"numbers.{name}.error: {number.error!r} is negative")
