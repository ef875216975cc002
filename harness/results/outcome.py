"""What is shown of a run: whether it passed or failed, or only ran."""

from typing import Literal

from harness.model.metric import reached
from harness.results.record import Record

Outcome = Literal["passed", "failed", "ran"]


def outcome_of(record: Record) -> Outcome:
    """Return the verdict of `record`; "ran" if its vectors are too few for one.

    The quality target is that of all vectors. If golden misses it on some of them, these are harder
    than all: nothing failed, but the quality that the run shows is not one that passes.
    """
    if record.verdict == "failed":
        return "failed"
    return "ran" if record.subset is not None and misses(record) else "passed"


def misses(record: Record, whose: str = "") -> bool:
    """Tell whether the quality misses its target; that of golden if `whose` is "_golden"."""
    metric, numbers = record.model.metric, record.numbers
    value, target = numbers[f"{metric}{whose}"].value, numbers[f"{metric}_target"].value
    return not reached(metric, value, target)
