"""The data watchpoint and trace unit (Armv7-M ARM, C1.8): cycle counter and comparators.

The counter counts instructions, not cycles. The count is exact, and stands still while the core
sleeps. As each instruction takes one cycle, the counters of additional cycles (CPICNT, EXCCNT,
SLEEPCNT, LSUCNT) and of folded instructions (FOLDCNT) stand still, too. Armv6-M has no counters:
the registers read as zero, and writes are ignored. The unit sends no trace packets.
"""

from collections.abc import Callable

from harness.simulator.clock import Clock
from harness.simulator.comparators import COMP0, STRIDE, Comparator
from harness.simulator.core_types import CoreType
from harness.simulator.execution import Executor
from harness.simulator.halting_debug import DebuggedCore

CTRL, CYCCNT, PCSR = 0x000, 0x004, 0x01C

_CYCCNTENA = 1 << 0
_WRITABLE = 0x007F_1FFF  # of CTRL
_NUMCOMP = 28
_PROFILE = range(0x008, PCSR, 4)  # counters of eight bits
_MASK32 = 0xFFFF_FFFF


class Dwt:
    """The unit of `core`, which is of this `kind` and on `executor`.

    `traced` returns DEMCR.TRCENA.
    """

    def __init__(
        self,
        core: DebuggedCore,
        kind: CoreType,
        executor: Executor,
        clock: Clock,
        traced: Callable[[], bool],
    ) -> None:
        self._has_counter = kind.cycle_counter
        self._executor = executor
        self._clock = clock
        self._core = core
        self._traced = traced
        self._comparators = [
            Comparator(number, kind.debug_version) for number in range(kind.comparators)
        ]
        self._profile = dict.fromkeys(_PROFILE, 0)
        self._control = 0
        self._value = 0
        self._since = 0
        self._counting = False
        self._match_at: int | None = None  # the instruction count at which CYCCNT matches
        executor.watchpoints.matched = self._on_match

    def reset(self) -> None:
        """Do nothing: only a power-on reset clears the registers (C1.8)."""

    def trace_changed(self) -> None:
        """Start or stop after a change of DEMCR.TRCENA."""
        self._set_counting(bool(self._control & _CYCCNTENA) and self._traced())
        self._compare()

    def read(self, offset: int) -> int:
        """Return a register; missing registers read as zero."""
        found = self._comparator(offset)
        return self.peek(offset) if found is None else found.read(offset % STRIDE)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        found = self._comparator(offset)
        if found is not None:
            return found.peek(offset % STRIDE)
        if offset == CYCCNT:
            return self._count()
        if offset == PCSR:
            return _MASK32 if self._core.halted or not self._traced() else self._executor.pc
        if offset == CTRL:
            return len(self._comparators) << _NUMCOMP | self._control
        return self._profile.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        found = self._comparator(offset)
        if found is not None:
            found.write(offset % STRIDE, value)
            self._compare()
        elif not self._has_counter:
            return
        elif offset == CYCCNT:
            self._value = value
            self._since = self._clock.instructions()
            self._compare()
        elif offset == CTRL:
            self._control = value & _WRITABLE
            self.trace_changed()
        elif offset in self._profile:
            self._profile[offset] = value & 0xFF

    # As a device with events: a match of the cycle counter

    def deadline(self) -> int | None:
        """Return the tick at which the cycle counter matches; None if it will not."""
        if self._match_at is None or self._core.sleeping:
            return None
        return self._match_at + self._clock.slept

    def expire(self) -> None:
        """Note a match of the cycle counter that is due."""
        if self._match_at is not None and self._clock.instructions() >= self._match_at:
            self._match_at += 1 << 32
            if self._on_match(0):
                self._executor.watchpoints.mark()

    def _count(self) -> int:
        elapsed = self._clock.instructions() - self._since if self._counting else 0
        return self._value + elapsed & _MASK32

    def _set_counting(self, counting: bool) -> None:
        if counting != self._counting:
            self._value = self._count()
            self._since = self._clock.instructions()
            self._counting = counting

    # Comparators

    def _comparator(self, offset: int) -> Comparator | None:
        number = (offset - COMP0) // STRIDE
        return self._comparators[number] if 0 <= number < len(self._comparators) else None

    def _on_match(self, number: int) -> bool:
        """Note that comparator `number` matches; return whether that is a debug event."""
        self._comparators[number].matched = True
        return self._comparators[number].is_watchpoint

    def _compare(self) -> None:
        """Compare what the registers say, from the next instruction or block on."""
        traced = self._traced()
        watches = {
            comparator.number: watch
            for comparator in self._comparators
            if traced and (watch := comparator.watch(self._comparators)) is not None
        }
        self._executor.set_watches(watches)
        self._match_at = None
        if self._counting and self._comparators and self._comparators[0].compares_cycles:
            left = self._comparators[0].value - self._count() & _MASK32
            self._match_at = self._clock.instructions() + left
            self._executor.interrupt()
