"""The blocks of code that have run: what is in them, and where code has been."""

from harness.simulator.bus import Bus
from harness.simulator.thumb import Block, scan

_PAGE = 10  # bits of an address within a page, the grain in which code is remembered


class Blocks:
    """Blocks by their first address, as they were when they were first seen."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._blocks: dict[int, Block] = {}
        self._pages: set[int] = set()

    def get(self, address: int) -> Block | None:
        """Return the block that was last seen at `address`."""
        return self._blocks.get(address)

    def see(self, address: int, size: int) -> Block | None:
        """Return the block of `size` bytes at `address`; None where there is no memory."""
        block = self._blocks.get(address)
        if block is not None and block.size == size:
            return block
        found = self._bus.memory(address, size)
        if found is None:
            return None
        memory, offset = found
        block = scan(address, memory.bytes[offset : offset + size])
        self._blocks[address] = block
        self._pages.update(range(address >> _PAGE, (address + size - 1 >> _PAGE) + 1))
        return block

    def forget(self, address: int) -> None:
        """Forget the block at `address`: it was translated anew."""
        self._blocks.pop(address, None)

    def clear(self) -> None:
        """Forget everything."""
        self._blocks.clear()
        self._pages.clear()

    def touches(self, address: int, size: int) -> bool:
        """Tell whether code has been seen near the `size` bytes at `address`."""
        pages = range(address >> _PAGE, (address + size - 1 >> _PAGE) + 1)
        return not self._pages.isdisjoint(pages)

    def position(self, start: int, address: int) -> int:
        """Return how many instructions of the block at `start` come before `address`."""
        block = self._blocks.get(start)
        return 0 if block is None else block.positions.get(address - start, 0)
