"""The common part of the flash controllers: the array of cells and its stuck bits."""

from collections.abc import Callable
from typing import Protocol

from harness.simulator.bus import Memory

ERASED = 0xFF


class FlashController(Protocol):
    """The device that erases and programs a chip's flash."""

    array: "FlashArray"

    def protect(self, sector: int) -> None:
        """Write-protect a sector or page, as the option bytes do."""


class FlashArray:
    """The cells of a flash memory: programming clears bits, erasing sets them.

    `changed` is called with address and size of each erased range, `on_operation` for each erase
    and program operation. Stuck bits always read as one.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.stuck: dict[int, int] = {}
        self.changed: Callable[[int, int], None] = lambda _address, _size: None
        self.on_operation: Callable[[], None] = lambda: None

    def programmed(self, offset: int, size: int, value: int) -> int:
        """Return the bytes at `offset` after programming `value`: it only turns ones into zeros."""
        self.on_operation()
        result = self.memory.value(offset, size) & value
        for index in range(size if self.stuck else 0):
            result |= self.stuck.get(offset + index, 0) << 8 * index
        return result

    def erase(self, offset: int, size: int) -> None:
        """Set `size` bytes from `offset` on to ones."""
        self.on_operation()
        self.memory.fill(offset, size, ERASED)
        for base in self.memory.bases:
            self.changed(base + offset, size)

    def stick(self, address: int, bit: int) -> None:
        """Make a bit of the byte at bus `address` always read as one."""
        offset = address - self.memory.base
        self.stuck[offset] = self.stuck.get(offset, 0) | 1 << bit
        self.memory.store(offset, 1, self.memory.value(offset, 1) | 1 << bit)
