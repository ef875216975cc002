"""The nested vectored interrupt controller: pending exceptions, priorities, preemption.

Armv7-M ARM (DDI 0403E): B1.5.4 exception priorities and preemption, B3.4 the NVIC.
Exception numbers are the architecture's: 1 to 15 for the core, 16 + n for interrupt n.
"""

from collections.abc import Callable

RESET, NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT = 1, 2, 3, 4, 5, 6
SVCALL, DEBUG_MONITOR, PENDSV, SYSTICK = 11, 12, 14, 15
EXTERNAL = 16

THREAD_PRIORITY = 256
"""Thread mode without masks: lower than the priority of any exception."""

_FIXED = {RESET: -3, NMI: -2, HARD_FAULT: -1}
_SECURE_FAULT = 7
_FAULTS = range(MEM_MANAGE, _SECURE_FAULT + 1)
_CONFIGURABLE = {MEM_MANAGE, BUS_FAULT, USAGE_FAULT, SVCALL, DEBUG_MONITOR, PENDSV, SYSTICK}
_EXCEPTIONS = 256


class Nvic:
    """The NVIC; `priority_bits` are implemented. It calls `changed` if an interrupt may be due.

    `enabled` contains the enabled interrupts and faults (SHCSR), `active` the active exceptions.
    `current` is the exception that runs, as in IPSR. `masked_from` returns the lowest number of the
    priorities that BASEPRI and FAULTMASK mask. A core may have a `secure_fault`.
    """

    def __init__(
        self, priority_bits: int, changed: Callable[[], None], *, secure_fault: bool = False
    ) -> None:
        self.mask = 0xFF << 8 - priority_bits & 0xFF
        """The implemented bits of a priority."""
        self.masked_from: Callable[[], int] = lambda: THREAD_PRIORITY
        self.became_pending: Callable[[], None] = lambda: None
        """Called before an exception becomes pending, whether it is enabled or not."""
        self._changed = changed
        self._configurable = {*_CONFIGURABLE, *([_SECURE_FAULT] if secure_fault else [])}
        self._asserted: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Disable all and pend none; a device that asserts its line again pends again."""
        self.pending: set[int] = set()
        self.enabled: set[int] = set()
        self.active: list[int] = []
        self.current = 0
        self.grouping = 0
        self._priorities = bytearray(_EXCEPTIONS)
        self._asserted.clear()

    # Interrupt lines of devices

    def line(self, interrupt: int) -> Callable[[bool], None]:
        """Return the level-sensitive input of `interrupt`."""
        exception = EXTERNAL + interrupt

        def drive(level: bool) -> None:
            if not level:
                self._asserted.discard(exception)
            elif exception not in self._asserted:
                self._asserted.add(exception)
                if exception not in self.active:
                    self.pend(exception)

        return drive

    # State

    def pend(self, exception: int) -> None:
        """Make `exception` pending."""
        if exception not in self.pending:
            self.became_pending()
        self.pending.add(exception)
        if self._is_enabled(exception):
            self._changed()

    def unpend(self, exception: int) -> None:
        """Clear the pending state, unless the line is still asserted (B3.4)."""
        if exception not in self._asserted:
            self.pending.discard(exception)

    def enable(self, exception: int, enabled: bool) -> None:
        """Enable or disable `exception`, which is an interrupt or a configurable fault."""
        if enabled:
            self.enabled.add(exception)
            self._changed()
        else:
            self.enabled.discard(exception)

    def enter(self, exception: int) -> None:
        """Mark `exception` as active."""
        self.pending.discard(exception)
        self.set_active(exception, True)
        self.current = exception

    def set_active(self, exception: int, active: bool) -> None:
        """Mark `exception` as active or not, without a change of what runs."""
        if exception in self.active:
            self.active.remove(exception)
        if active:
            self.active.append(exception)
        else:
            self._changed()

    def leave(self, exception: int) -> None:
        """Mark `exception` as inactive: its handler returned."""
        self.set_active(exception, False)
        if exception in self._asserted:
            self.pending.add(exception)

    # Priorities

    def priority(self, exception: int) -> int:
        """Return the priority; the lower number is the higher priority."""
        return _FIXED.get(exception, self._priorities[exception])

    def set_priority(self, exception: int, value: int) -> None:
        """Set a configurable priority; only the implemented bits are kept."""
        if exception < EXTERNAL and exception not in self._configurable:
            return
        self._priorities[exception] = value & self.mask
        self._changed()

    def set_grouping(self, grouping: int) -> None:
        """Set PRIGROUP: what is pending may now preempt."""
        self.grouping = grouping
        self._changed()

    def group(self, priority: int) -> int:
        """Return the group priority, which decides about preemption (B1.5.4, PRIGROUP)."""
        return priority if priority < 0 else priority & (0xFF << self.grouping + 1) & 0xFF

    @property
    def is_negative(self) -> bool:
        """Whether NMI or HardFault is active."""
        return bool(self.active) and min(self.active) <= HARD_FAULT

    def execution_priority(self, primask: int, basepri: int, faultmask: int) -> int:
        """Return the current execution priority (B1.5.4, ExecutionPriority)."""
        active = [self.group(self.priority(exception)) for exception in self.active]
        now = min(active, default=THREAD_PRIORITY)
        if basepri & self.mask:
            now = min(now, self.group(basepri & self.mask))
        if primask & 1:
            now = min(now, 0)
        if faultmask & 1:
            now = min(now, -1)
        return now

    def due(self) -> int | None:
        """Return the pending, enabled exception of the highest priority."""
        best = None
        for exception in self.pending:
            if self._is_enabled(exception):
                key = (self.priority(exception), exception)
                if best is None or key < best:
                    best = key
        return None if best is None else best[1]

    def _is_enabled(self, exception: int) -> bool:
        switched = exception >= EXTERNAL or exception in _FAULTS
        return not switched or exception in self.enabled
