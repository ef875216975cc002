"""Tasks, events and interrupts of nRF52840 peripherals (PS 1.7, 6.1)."""

from abc import ABC, abstractmethod
from collections.abc import Callable

TASKS_END, EVENTS, EVENTS_END = 0x100, 0x100, 0x200
SHORTS, INTEN, INTENSET, INTENCLR = 0x200, 0x300, 0x304, 0x308


class NrfPeripheral(ABC):
    """A peripheral with interrupt `line`; subclasses run tasks and add other registers."""

    def __init__(self, line: Callable[[bool], None]) -> None:
        self._line = line
        self._level = False
        self.reset()

    def reset(self) -> None:
        """Clear all registers."""
        self._events = 0  # one bit per event, as in INTEN
        self._enabled = 0
        self._registers: dict[int, int] = {}
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register; tasks read as zero."""
        if EVENTS <= offset < EVENTS_END:
            return self._events >> (offset - EVENTS >> 2) & 1
        if offset in (INTEN, INTENSET, INTENCLR):
            return self._enabled
        return 0 if offset < TASKS_END else self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register: a one starts a task, a zero clears an event."""
        if offset < TASKS_END:
            if value & 1:
                self._task(offset)
        elif offset < EVENTS_END:
            bit = 1 << (offset - EVENTS >> 2)
            self._events = self._events | bit if value & 1 else self._events & ~bit
            self._drive()
        elif offset in (INTEN, INTENSET, INTENCLR):
            if offset == INTEN:
                self._enabled = value
            elif offset == INTENSET:
                self._enabled |= value
            else:
                self._enabled &= ~value
            self._drive()
        else:
            self._registers[offset] = value

    @abstractmethod
    def _task(self, offset: int) -> None:
        """Run a triggered task."""

    def _event(self, offset: int) -> None:
        self._events |= 1 << (offset - EVENTS >> 2)
        self._drive()

    def _happened(self, offset: int) -> bool:
        return bool(self._events >> (offset - EVENTS >> 2) & 1)

    def _has_short(self, bit: int) -> bool:
        return bool(self._registers.get(SHORTS, 0) >> bit & 1)

    def _drive(self) -> None:
        level = bool(self._events & self._enabled)
        if level != self._level:
            self._level = level
            self._line(level)
