"""The cycle model beside cycles that others published, over programs that the user built."""

import csv
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

_COLUMNS = (("cycles",), ("ms", "hz"))
_WITHIN = 0.1


@dataclass(frozen=True)
class Comparison:
    """What `program` took between the two symbols: by the model, and as published."""

    program: str
    instructions: int
    cycles: int
    reference: float

    @property
    def ratio(self) -> float:
        """The model's cycles by the published ones."""
        return self.cycles / self.reference


@dataclass(frozen=True)
class Calibration:
    """How far the model is off, over all programs."""

    mean_error: float
    geometric_mean: float
    within: int

    @classmethod
    def of(cls, comparisons: Sequence[Comparison]) -> "Calibration":
        """Return the mean absolute error, the geometric mean of the ratios, and how many are near.

        Near is off by no more than a tenth.
        """
        ratios = [one.ratio for one in comparisons]
        errors = [abs(ratio - 1) for ratio in ratios]
        near = sum(error <= _WITHIN for error in errors)
        return cls(mean(errors), geometric_mean(ratios), near)


def read_reference(path: Path) -> dict[str, float]:
    """Return published cycles by program from a CSV file.

    Its first line names the columns: `program`, and `cycles` or `ms` and `hz`, the clock at which
    they were taken. Raises `InputError` naming the line that is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            columns = set(reader.fieldnames or ())
            if not any(columns >= {"program", *values} for values in _COLUMNS):
                raise InputError(
                    "its first line must name the columns program, cycles or program, ms, hz",
                    where=str(path),
                )
            found: dict[str, float] = {}
            for row in reader:
                where = f"{path}: line {reader.line_num}"
                program = (row["program"] or "").strip()
                if not program or program in found:
                    what = f"{program!r} comes twice" if program else "names no program"
                    raise InputError(what, where=where)
                found[program] = _cycles(row, where)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"is not CSV: {error}", where=str(path)) from error
    if not found:
        raise InputError("has no programs", where=str(path))
    return found


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

    Raises `InputError` naming all that are missing.
    """
    found = {
        program: path
        for program in programs
        for path in (directory / f"{program}.elf", directory / program)
        if path.is_file()
    }
    missing = [program for program in programs if program not in found]
    if missing:
        raise InputError(
            f"no ELF for {', '.join(missing)}",
            where=str(directory),
            remedy="each is to be called as its program is in the table, with or without .elf",
        )
    return {program: Elf(path) for program, path in found.items()}


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
    """Run each program from reset, and yield what it took from one of `symbols` to the other.

    `ram` is memory besides what the ELF's program headers name; `budget` the instructions until
    a symbol must be reached; `step` is called after each program.
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
        found = estimate(bare.run(stop, budget), costs, lambda _: ("", ""))
        yield Comparison(program, found.instructions, found.cycles, reference[program])
        step()


def _addresses(elf: Elf, symbols: tuple[str, str]) -> list[int]:
    """Return the addresses of `symbols`; `InputError` naming one that is missing."""
    found = []
    for name in symbols:
        values = elf.symbols(name)
        if values is None:
            raise InputError(f"has no symbol {name}", where=str(elf.path))
        found += values
    return found


def _merged(ranges: Sequence[range]) -> list[range]:
    """Return `ranges` as whole pages, those that touch as one."""
    merged: list[range] = []
    page = 0x1000
    for span in sorted(ranges, key=lambda span: span.start):
        start, stop = span.start // page * page, -(-span.stop // page) * page
        if merged and start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(stop, merged[-1].stop))
        else:
            merged.append(range(start, stop))
    return merged
