"""A number of two runs, for documents."""

import math
from typing import Any

import msgspec

from harness.measure.number import Number
from harness.results.judge.compare import Delta, Judged


class ComparedNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number of two runs, and the judgement on it."""

    name: str
    """Name of the number in the Records."""
    old: Number | None
    """The number of the old run, or of the baseline. It is null if there is none."""
    new: Number | None
    """The number of the new run. It is null if there is none."""
    relative: float | None
    """The difference relative to the old value (0.1: 10 %). It is null if the old value is 0, and 0
    if one number is missing.
    """
    judged: Judged
    """The judgement."""
    why: str = ""
    """The reason for the judgement, if it needs one."""


def keys_of(delta: Delta) -> dict[str, Any]:
    """Return the values of `ComparedNumber`."""
    return {
        "name": delta.name,
        "old": delta.old,
        "new": delta.new,
        "relative": delta.relative if math.isfinite(delta.relative) else None,
        "judged": delta.judged,
        "why": delta.why,
    }
