"""What came of one combination of a sweep, beside the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from harness.errors import ExitCode
from harness.measure.number import Number
from harness.results.judge.pareto import pareto

_UNITS = ("instructions", "cycles")  # of ticks


@dataclass(frozen=True)
class SweepRow:
    """What came of one combination: the `numbers` of its Record, none where there was no run.

    `reasons` say why it is not to be used, `code` is the command's exit code for that.
    It is `best` if no other of its target and model that is right is as good in flash and in
    ticks, and better in one of them.
    """

    target: str
    model: str
    engine: str
    toolchain: str
    opt: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    code: ExitCode = ExitCode.PASSED
    best: bool = False

    def __str__(self) -> str:
        return f"{self.target}, {self.model}, {self.engine}, {self.toolchain} {self.opt}"

    @property
    def unit(self) -> str:
        """What a tick is: "instructions" or "cycles"; empty where there was no run."""
        return next((unit for unit in _UNITS if f"{unit}_median" in self.numbers), "")

    @property
    def point(self) -> tuple[float, float]:
        """Bytes of flash and the median of ticks, where there was a run."""
        return self.numbers["flash"].value, self.numbers[f"{self.unit}_median"].value


def groups(rows: Sequence[SweepRow]) -> list[list[SweepRow]]:
    """Return the rows of each target and model, the best ones marked."""
    return [
        _marked(list(group)) for _, group in groupby(rows, key=lambda row: (row.target, row.model))
    ]


def _marked(rows: list[SweepRow]) -> list[SweepRow]:
    right = [row for row in rows if not row.reasons]
    best = dict(zip(map(id, right), pareto([row.point for row in right]), strict=True))
    return [replace(row, best=best.get(id(row), False)) for row in rows]
