"""Computes cycles from executed blocks, and attributes them to functions."""

from bisect import bisect_right
from collections.abc import Callable, Iterable

from harness.elf import Elf
from harness.image.memory_use import pieces
from harness.measure.cycles.costs import Costs
from harness.measure.cycles.estimate import Estimate, FunctionCost
from harness.simulator.bare_core import Block


def estimate(
    blocks: Iterable[Block],
    costs: Costs,
    name: Callable[[int], tuple[str, str]],
    *,
    flash: range = range(0),
    wait_states: int = 0,
) -> Estimate:
    """Return the cost of `blocks`; `name` returns the function at an address, and its file.

    Every jump to code in `flash`, and every load of data from it, is assumed to wait for all
    `wait_states`, as without a cache. Sequential fetches are assumed not to wait.
    """
    functions: dict[tuple[str, str], list[int]] = {}
    waiting = 0
    for block in blocks:
        sums = functions.setdefault(name(block.address), [0, 0])
        sums[0] += block.instructions
        sums[1] += costs.of_block(block)
        waiting += block.flash_loads + (block.jumps if block.address in flash else 0)
    by_function = (FunctionCost(*key, *sums) for key, sums in functions.items())
    ordered = sorted(by_function, key=lambda function: (-function.cycles, function.name))
    return Estimate(costs.model, costs.error, tuple(ordered), wait_states, wait_states * waiting)


def namer(elf: Elf) -> Callable[[int], tuple[str, str]]:
    """Return a function that returns the name and source file of the function at an address."""
    symbols = [piece for piece in pieces(elf) if piece.symbol]
    starts = [piece.address for piece in symbols]

    def name(address: int) -> tuple[str, str]:
        piece = symbols[bisect_right(starts, address) - 1]
        inside = piece.address <= address < piece.address + piece.size
        return (piece.symbol, piece.file) if inside else (f"{address:#010x}", "")

    return name
