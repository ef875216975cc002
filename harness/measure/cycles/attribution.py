"""From the blocks that ran to cycles, and to the functions that took them."""

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
    """Return what `blocks` cost; `name` gives the function at an address, and its file.

    Every jump of code in `flash`, and every load of data from there, is taken to wait for all
    `wait_states`, as without a cache; what is fetched in a straight line to keep up.
    """
    functions: dict[tuple[str, str], list[int]] = {}
    waiting = 0
    for block in blocks:
        sums = functions.setdefault(name(block.address), [0, 0])
        sums[0] += block.instructions
        sums[1] += costs.of_block(block)
        waiting += block.flash_loads + (block.jumps if block.address in flash else 0)
    found = (FunctionCost(*key, *sums) for key, sums in functions.items())
    largest = sorted(found, key=lambda function: (-function.cycles, function.name))
    return Estimate(costs.model, costs.error, tuple(largest), wait_states, wait_states * waiting)


def namer(elf: Elf) -> Callable[[int], tuple[str, str]]:
    """Return a function that gives the name and source file of the function at an address."""
    symbols = [piece for piece in pieces(elf) if piece.symbol]
    starts = [piece.address for piece in symbols]

    def name(address: int) -> tuple[str, str]:
        piece = symbols[bisect_right(starts, address) - 1]
        inside = piece.address <= address < piece.address + piece.size
        return (piece.symbol, piece.file) if inside else (f"{address:#010x}", "")

    return name
