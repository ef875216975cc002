"""Notices firmware that only polls memory, as it does while it waits for a debugger's data.

Such a core returns to the same registers and memory again and again. Nothing but a debugger or an
interrupt can change that, so its process need not spend a processor on it.
"""

import zlib
from collections.abc import Callable, Sequence

from harness.simulator.bus import Memory
from harness.simulator.execution import Executor
from harness.simulator.registers import LR, SP, XPSR, R

_LONG, _SHORT = 2_000_000, 2_000  # instructions between two looks
_LOOKS = 4  # in a row, until the next long run
_NEAR = 2.0  # seconds of the board until an event for which polling firmware may wait


class PollingDetector:
    """Compares the state of the core on `executor` between runs of `slice` instructions.

    `memories` are those that the core can change. `seconds_left` returns the time of the board
    until a timer's next event: firmware that waits for a timer must not be slowed down.
    """

    def __init__(
        self,
        executor: Executor,
        memories: Sequence[Memory],
        seconds_left: Callable[[], float],
    ) -> None:
        self.slice = _LONG
        self._executor = executor
        self._seconds_left = seconds_left
        self._memories = [memory for memory in memories if not memory.flash]
        self._registers = executor.registers.batch(*R, SP, LR, XPSR)
        self._seen: dict[tuple[int, ...], int] = {}  # registers to checksum of the memory

    def polls(self) -> bool:
        """Return whether the core is in a state in which it was a few instructions ago."""
        if self._seconds_left() <= _NEAR:  # no short runs and checksums meanwhile
            self._seen.clear()
            self.slice = _LONG
            return False
        registers = (self._executor.pc, *self._registers.read())
        before = self._seen.get(registers)
        if before is None and len(self._seen) == _LOOKS:
            self._seen.clear()
            self.slice = _LONG
            return False
        self.slice = _SHORT
        self._seen[registers] = checksum = self._checksum()
        return before == checksum

    def _checksum(self) -> int:
        checksum = 0
        for memory in self._memories:
            checksum = zlib.adler32(memory.bytes, checksum)
        return checksum
