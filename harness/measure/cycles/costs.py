"""The cycles of blocks of code, according to costs.toml."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import InfrastructureError
from harness.measure.cycles.decode import DATA, MEMORY, Instruction, Kind, instruction
from harness.simulator.bare_core import Block
from harness.support import toml_file

_TABLES = Path(__file__).with_name("costs.toml")
_PIPELINED = frozenset({"load", "store_indexed"})


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cycles` of an instruction, and `each` more per word; `source` is the place in Arm's TRM."""

    cycles: int
    source: str
    each: int = 0


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A core's timings: see costs.toml."""

    model: str
    source: str
    refill: int
    pipelined_loads: bool
    folded_it: bool
    address_stall: int
    row: dict[Kind, Row]
    error: float | None = None

    def of_block(self, block: Block) -> int:
        """Return the cycles of all runs of `block`, for zero wait states."""
        ends = [*block.offsets[1:], len(block.code)]
        instructions = [
            instruction(block.code[begin:end])
            for begin, end in zip(block.offsets, ends, strict=True)
        ]
        return block.runs * self.of_run(instructions) + block.jumps * self.refill

    def of_run(self, instructions: list[Instruction]) -> int:
        """Return the cycles of consecutive `instructions`, without a jump after the last."""
        alone = sum(map(self._alone, instructions))
        return alone + sum(self._pair_adjustment(*pair) for pair in pairwise(instructions))

    def _alone(self, one: Instruction) -> int:
        row = self.row.get(one.kind)
        if row is None:
            raise InfrastructureError(f"{self.model} has no row for instructions of {one.kind}")
        return row.cycles + row.each * one.words

    def _pair_adjustment(self, before: Instruction, one: Instruction) -> int:
        """Return how many more (or fewer, if negative) cycles `one` takes after `before`."""
        if one.kind == "it":
            return -1 if self.folded_it and not before.wide else 0
        if one.kind not in MEMORY:
            return 0
        needed = bool(before.written & one.address)
        if before.kind in DATA:
            return self.address_stall if needed else 0
        pipelined = before.kind == "load" and one.kind in _PIPELINED and not needed
        updates = before.base_update or one.base_update
        return -1 if self.pipelined_loads and pipelined and not updates else 0


def cores() -> tuple[str, ...]:
    """Return the cores with timings in costs.toml."""
    return tuple(_tables())


def costs_of(core: str) -> Costs:
    """Return the timings of `core`, one of `cores`."""
    return _tables()[core]


@cache
def _tables() -> dict[str, Costs]:
    tables: dict[str, dict[str, Any]] = {}
    for core, table in toml_file.load(_TABLES).items():
        base = tables.get(table.pop("like", ""), {"row": {}})
        tables[core] = {**base, "error": None, **table, "row": {**base["row"], **table["row"]}}
    return {core: toml_file.convert(table, Costs, _TABLES) for core, table in tables.items()}
