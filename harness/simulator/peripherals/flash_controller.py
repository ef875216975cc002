"""What the flash controllers have in common: the array, its faults, and who is told of changes."""

from collections.abc import Callable
from typing import Protocol

from harness.simulator.bus import Memory

ERASED = 0xFF


class FlashController(Protocol):
    """The device that a chip's flash is programmed through."""

    array: "FlashArray"

    def protect(self, sector: int) -> None:
        """Write-protect a sector or page, as its option bytes would."""


class FlashArray:
    """Cells that programming can only clear and erasing sets, with cells that are stuck.

    `changed` gets the address and size of what an erase changed; `busy` is called at
    every erase and program operation.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.stuck: dict[int, int] = {}
        self.changed: Callable[[int, int], None] = lambda _address, _size: None
        self.busy: Callable[[], None] = lambda: None

    def programmed(self, offset: int, size: int, value: int) -> int:
        """Return what `value` leaves at `offset`: ones become zeros, never the reverse."""
        self.busy()
        result = self.memory.value(offset, size) & value
        for index in range(size if self.stuck else 0):
            result |= self.stuck.get(offset + index, 0) << 8 * index
        return result

    def erase(self, offset: int, size: int) -> None:
        """Set `size` bytes from `offset` on to ones."""
        self.busy()
        self.memory.fill(offset, size, ERASED)
        for base in self.memory.bases:
            self.changed(base + offset, size)

    def stick(self, address: int, bit: int) -> None:
        """Let a bit of the byte at bus `address` read as one, whatever is programmed."""
        offset = address - self.memory.base
        self.stuck[offset] = self.stuck.get(offset, 0) | 1 << bit
        self.memory.store(offset, 1, self.memory.value(offset, 1) | 1 << bit)
