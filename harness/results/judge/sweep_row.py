"""A row of a sweep: the result of one combination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from harness.errors import ExitCode, HarnessError
from harness.measure.number import Number
from harness.measure.subset import Subset
from harness.results.judge.metrics import tick_unit
from harness.results.judge.pareto import pareto
from harness.results.outcome import Outcome
from harness.results.record import Record


@dataclass(frozen=True)
class SweepRow:
    """The result of one combination: the `numbers` of its Record; none if it did not run.

    They are from its `record`, which is in the `file`, unless an `error` prevented that.
    `subset` has the vectors that ran, if not all did. `reasons` are the reasons why it failed, and
    `code` is the exit code for that. It is not `judged` if its vectors are too few for that. The
    row is `best` if it is Pareto-optimal in flash and ticks among the passed rows of its target and
    model.
    """

    target: str
    model: str
    engine: str
    toolchain: str
    opt: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    subset: Subset | None = None
    reasons: Sequence[str] = ()
    code: ExitCode = ExitCode.PASSED
    judged: bool = True
    best: bool = False
    record: Record | None = None
    file: Path | None = None
    error: HarnessError | None = None

    def __str__(self) -> str:
        return f"{self.target}, {self.model}, {self.engine}, {self.toolchain} {self.opt}"

    @property
    def outcome(self) -> Outcome:
        """What is shown of the row."""
        if self.reasons:
            return "failed"
        return "passed" if self.judged else "ran"

    @property
    def unit(self) -> str:
        """The unit of ticks, "instructions" or "cycles"; empty if it did not run."""
        return tick_unit(self.numbers)

    @property
    def point(self) -> tuple[float, float]:
        """Bytes of flash and median ticks, of a combination that ran."""
        return self.numbers["flash"].value, self.numbers[f"{self.unit}_median"].value


def groups(rows: Sequence[SweepRow]) -> list[list[SweepRow]]:
    """Return the rows grouped by target and model, with the best ones marked."""
    return [
        _marked(list(group)) for _, group in groupby(rows, key=lambda row: (row.target, row.model))
    ]


def _marked(rows: list[SweepRow]) -> list[SweepRow]:
    passed = [row for row in rows if not row.reasons]
    best = dict(zip(map(id, passed), pareto([row.point for row in passed]), strict=True))
    return [replace(row, best=best.get(id(row), False)) for row in rows]
