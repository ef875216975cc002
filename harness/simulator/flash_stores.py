"""The core's stores to flash.

The hook for a store to read-only memory cannot change the value: Unicorn performs the store after
the hook. Bytes that the flash controller decides otherwise are therefore corrected afterwards.
"""

from harness.simulator.bus import Memory


class FlashStores:
    """Passes stores to the flash controllers; `corrections` are the pending corrections."""

    def __init__(self) -> None:
        self.corrections: list[tuple[Memory, int, int, int]] = []

    def store(self, memory: Memory, offset: int, size: int, value: int) -> bool:
        """Pass a store to the controller of `memory`; return whether it needs a correction.

        Raises `BusError` if the controller refuses the access.
        """
        if memory.programmer is None:
            kept = memory.value(offset, size)
        else:
            kept = memory.programmer.program(offset, size, value)
        if kept == value:
            return False
        self.corrections.append((memory, offset, size, kept))
        return True

    def keep(self, memory: Memory, offset: int, size: int) -> None:
        """Let a store have no effect."""
        self.corrections.append((memory, offset, size, memory.value(offset, size)))

    def correct(self) -> None:
        """Write the pending corrections."""
        for memory, offset, size, value in self.corrections:
            memory.store(offset, size, value)
        self.corrections.clear()
