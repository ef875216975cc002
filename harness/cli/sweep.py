"""A sweep: all combinations asked for, side by side, whatever becomes of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, product
from pathlib import Path

from harness.board.board_options import Reach
from harness.errors import HarnessError, InfrastructureError
from harness.image.toolchain import find_toolchain
from harness.measure.number import Number
from harness.options.selection import Selection
from harness.results.judge.pareto import pareto
from harness.results.record import read_record
from harness.run.bench import bench
from harness.support.exit_codes import FAILED, INFRASTRUCTURE, PASSED, USAGE
from harness.support.progress import Progress

_UNITS = ("instructions", "cycles")  # of ticks


@dataclass(frozen=True)
class Row:
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
    code: int = PASSED
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


def sweep(selection: Selection, reach: Reach, progress: Progress, rows: list[Row]) -> None:
    """Run every combination of `selection`, and append what came of it to `rows`."""
    names = list(
        product(
            selection.targets,
            selection.models,
            selection.engines,
            selection.toolchains,
            selection.opts,
        )
    )
    for place, (target, model, engine, toolchain, opt) in enumerate(names, 1):
        row = Row(target, model, engine, toolchain, opt)
        progress.say(f"{place} of {len(names)}: {row}")
        try:
            rows.append(_run(selection, row, reach, progress))
        except HarnessError as error:
            code = INFRASTRUCTURE if isinstance(error, InfrastructureError) else USAGE
            rows.append(replace(row, reasons=[str(error)], code=code))


def _run(selection: Selection, row: Row, reach: Reach, progress: Progress) -> Row:
    paths: list[Path] = []
    with bench(
        selection.target(row.target),
        selection.model(row.model),
        selection.engine(row.engine),
        find_toolchain(row.toolchain, row.opt),
        selection.workspace,
        progress,
        paths.append,
        reach,
    ) as dut:
        dut.run()
    record = read_record(paths[-1])
    code = PASSED if record.verdict == "passed" else FAILED
    return replace(row, numbers=record.numbers, reasons=record.reasons, code=code)


def groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows of each target and model, the best ones marked."""
    return [
        _marked(list(group)) for _, group in groupby(rows, key=lambda row: (row.target, row.model))
    ]


def _marked(rows: list[Row]) -> list[Row]:
    right = [row for row in rows if not row.reasons]
    best = dict(zip(map(id, right), pareto([row.point for row in right]), strict=True))
    return [replace(row, best=best.get(id(row), False)) for row in rows]
