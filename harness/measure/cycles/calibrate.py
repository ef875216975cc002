"""Compares the cycle model with published cycles, for programs that the user has built."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean, mean

from harness.elf import Elf
from harness.errors import InputError
from harness.measure.cycles.attribution import estimate
from harness.measure.cycles.costs import Costs
from harness.simulator.bare_core import BareCore
from harness.support.input_file import MAX_TEXT, read_input

_COLUMNS = (("cycles",), ("ms", "hz"))
_WITHIN = 0.1


@dataclass(frozen=True)
class Comparison:
    """The cycles of `program` between two symbols: from the model, and as published."""

    program: str
    instructions: int
    cycles: int
    reference: float

    @property
    def ratio(self) -> float:
        """The model's cycles divided by the published ones."""
        return self.cycles / self.reference


@dataclass(frozen=True)
class Calibration:
    """The model's error over all programs."""

    mean_error: float
    geometric_mean: float
    within: int

    @classmethod
    def of(cls, comparisons: Sequence[Comparison]) -> "Calibration":
        """Return the mean absolute error, the geometric mean of the ratios, and `within`.

        `within` counts the programs with an error of at most 10 %.
        """
        ratios = [comparison.ratio for comparison in comparisons]
        errors = [abs(ratio - 1) for ratio in ratios]
        within = sum(error <= _WITHIN for error in errors)
        return cls(mean(errors), geometric_mean(ratios), within)


def read_reference(path: Path) -> dict[str, float]:
    """Return published cycles by program from a CSV file.

    Its first line names the columns: `program`, and either `cycles`, or `ms` and the clock `hz`
    of the measurement. Raises `InputError` naming the invalid line.
    """
    data = read_input(path, MAX_TEXT)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        columns = set(reader.fieldnames or ())
        if not any(columns >= {"program", *values} for values in _COLUMNS):
            raise InputError(
                "its first line must name the columns program, cycles or program, ms, hz",
                where=str(path),
            )
        cycles: dict[str, float] = {}
        for row in reader:
            where = f"{path}: line {reader.line_num}"
            program = (row["program"] or "").strip()
            if not program or program in cycles:
                what = f"{program!r} is listed twice" if program else "names no program"
                raise InputError(what, where=where)
            cycles[program] = _cycles(row, where)
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"is not CSV: {error}", where=str(path)) from error
    if not cycles:
        raise InputError("has no programs", where=str(path))
    return cycles


def _cycles(row: dict[str, str], where: str) -> float:
    keys = _COLUMNS[0] if "cycles" in row else _COLUMNS[1]
    values = []
    for key in keys:
        try:
            value = float(row[key] or "")
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{key} is {row[key]!r}, not a number above 0", where=where)
        values.append(value)
    return values[0] if len(values) == 1 else values[0] / 1000 * values[1]


def find_programs(directory: Path, programs: Sequence[str]) -> dict[str, Elf]:
    """Return the ELF of each of `programs`: DIRECTORY/program, or DIRECTORY/program.elf.

    Raises `InputError` naming all missing programs.
    """
    paths = {
        program: path
        for program in programs
        for path in (directory / f"{program}.elf", directory / program)
        if path.is_file()
    }
    missing = [program for program in programs if program not in paths]
    if missing:
        raise InputError(
            f"no ELF for {', '.join(missing)}",
            where=str(directory),
            remedy="each file must have the name of its program in the table, with or without .elf",
        )
    return {program: Elf(path) for program, path in paths.items()}


def compare(
    programs: dict[str, Elf],
    reference: dict[str, float],
    core: str,
    costs: Costs,
    symbols: tuple[str, str],
    ram: range,
    budget: int,
    step: Callable[[], None],
) -> Iterator[Comparison]:
    """Run each program from reset, and yield its cycles from the first symbol to the second.

    `ram` is memory in addition to the ELF's program headers; each of `symbols` must be reached
    within `budget` instructions; `step` is called after each program.
    """
    for program, elf in programs.items():
        segments = elf.segments()
        if not segments:
            raise InputError("has nothing to load", where=str(elf.path))
        start, stop = _addresses(elf, symbols)
        ranges = _merged([ram, *elf.memory()])
        vectors = min(segment.address for segment in segments)
        bare = BareCore(elf, core, ranges, range(0), vectors)
        bare.run(start, budget)
        result = estimate(bare.run(stop, budget), costs, lambda _: ("", ""))
        yield Comparison(program, result.instructions, result.cycles, reference[program])
        step()


def _addresses(elf: Elf, symbols: tuple[str, str]) -> list[int]:
    """Return the addresses of `symbols`; `InputError` naming a missing one."""
    addresses = []
    for name in symbols:
        values = elf.symbols(name)
        if values is None:
            raise InputError(f"has no symbol {name}", where=str(elf.path))
        addresses += values
    return addresses


def _merged(ranges: Sequence[range]) -> list[range]:
    """Return `ranges` extended to whole pages; adjacent ranges are merged."""
    merged: list[range] = []
    page = 0x1000
    for span in sorted(ranges, key=lambda span: span.start):
        start, stop = span.start // page * page, -(-span.stop // page) * page
        if merged and start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(stop, merged[-1].stop))
        else:
            merged.append(range(start, stop))
    return merged
