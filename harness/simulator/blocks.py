"""The basic blocks that have run, and the pages that contain code."""

from harness.simulator.bus import Bus
from harness.simulator.thumb import Block, scan
from harness.simulator.undefined_encodings import Undefined

_PAGE_BITS = 10  # granularity at which writes to code are detected


class Blocks:
    """Blocks by their start address, scanned when they are first entered: see `scan`."""

    def __init__(self, bus: Bus, undefined: Undefined, priority_bits: int) -> None:
        self._bus = bus
        self._undefined = undefined
        self._priority_bits = priority_bits
        self._blocks: dict[int, Block] = {}
        self._pages: set[int] = set()

    def get(self, address: int) -> Block | None:
        """Return the known block at `address`, or None."""
        return self._blocks.get(address)

    def scan(self, address: int, size: int) -> Block | None:
        """Return the block of `size` bytes at `address`; None if there is no memory."""
        block = self._blocks.get(address)
        if block is not None and block.size == size:
            return block
        found = self._bus.memory(address, size)
        if found is None:
            return None
        memory, offset = found
        code = memory.bytes[offset : offset + size]
        block = scan(address, code, self._undefined, self._priority_bits)
        self._blocks[address] = block
        self._pages.update(range(address >> _PAGE_BITS, (address + size - 1 >> _PAGE_BITS) + 1))
        return block

    def forget(self, address: int) -> None:
        """Forget the block at `address`: it was translated again."""
        self._blocks.pop(address, None)

    def clear(self) -> None:
        """Forget all blocks."""
        self._blocks.clear()
        self._pages.clear()

    def touches(self, address: int, size: int) -> bool:
        """Return whether a known block shares a page with the `size` bytes at `address`."""
        first, last = address >> _PAGE_BITS, address + size - 1 >> _PAGE_BITS
        if first == last:
            return first in self._pages
        return not self._pages.isdisjoint(range(first, last + 1))

    def position(self, start: int, address: int) -> int:
        """Return how many instructions of the block at `start` come before `address`."""
        block = self._blocks.get(start)
        return 0 if block is None else block.positions.get(address - start, 0)
