"""The core's stores to flash.

The hook for a store to read-only memory cannot change the value: Unicorn performs the store after
the hook. If the flash controller decides otherwise, the instruction is therefore aborted, executed
alone, and what it has stored is corrected before the next instruction.
"""

from harness.simulator.bus import Memory


class FlashStores:
    """Passes stores to the flash controllers.

    `alone` is whether one instruction runs alone, `refused` whether one was aborted and must be
    repeated alone.
    """

    def __init__(self) -> None:
        self.alone = self.refused = False
        self._pc = 0
        self._decided: dict[tuple[int, int], int] = {}  # what the instruction's stores became
        self._corrections: list[tuple[Memory, int, int, int]] = []

    def store(self, pc: int, memory: Memory, offset: int, size: int, value: int) -> bool:
        """Pass a store of the instruction at `pc`; return whether it must be aborted.

        Raises `BusError` if the controller of `memory` refuses the access.
        """
        kept = self._decide(pc, memory, offset, size, value)
        if kept == value:
            return False
        if self.alone:
            self._corrections.append((memory, offset, size, kept))
            return False
        self.refused = True
        return True

    def keep(self, memory: Memory, offset: int, size: int) -> None:
        """Let a store have no effect."""
        self._corrections.append((memory, offset, size, memory.value(offset, size)))

    def correct(self) -> None:
        """Write what the stores of an instruction that ran alone became."""
        for memory, offset, size, value in self._corrections:
            memory.store(offset, size, value)
        self._corrections.clear()

    def _decide(self, pc: int, memory: Memory, offset: int, size: int, value: int) -> int:
        """Return what the bytes become; ask the controller once for each store."""
        if self.refused and (offset, size) in self._decided:
            return self._decided[offset, size]
        if memory.programmer is None:
            return memory.value(offset, size)
        if pc != self._pc:
            self._pc = pc
            self._decided.clear()
        kept = self._decided[offset, size] = memory.programmer.program(offset, size, value)
        return kept
