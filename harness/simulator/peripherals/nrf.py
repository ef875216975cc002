"""Tasks, events, shorts and interrupts of Nordic's peripherals (nRF52840 PS 1.7, 6.1)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

TASKS_END, EVENTS, EVENTS_END = 0x100, 0x100, 0x200
SHORTS, INTEN, INTENSET, INTENCLR = 0x200, 0x300, 0x304, 0x308
_POWER = 0xFFC  # in no manual: zero switches a peripheral off, as workarounds of errata do


def event_bit(offset: int) -> int:
    """Return the bit of the event at `offset`, as in INTEN."""
    return 1 << (offset - EVENTS >> 2)


class NrfPeripheral(ABC):
    """A peripheral with interrupt `line`; subclasses run tasks and add other registers.

    `published` is called with the offset of each event whose bit is set in `routed`: those that
    the PPI connects to tasks.
    """

    initial: Mapping[int, int] = {}
    """Registers that are not zero after reset."""

    shorts: Mapping[int, tuple[int, int]] = {}
    """For each bit of SHORTS the event, and the task that it starts."""

    def __init__(self, line: Callable[[bool], None]) -> None:
        self.published: Callable[[int], None] = lambda _offset: None
        self.routed = 0
        self._line = line
        self._level = False
        self._followed: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Return all registers to their values after reset."""
        self._events = 0  # one bit per event, as in INTEN
        self._enabled = 0
        self._registers: dict[int, int] = {**self.initial, _POWER: 1}
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
            bit = event_bit(offset)
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
        elif offset == _POWER and not value & 1:
            self.reset()
        else:
            self._registers[offset] = value

    @abstractmethod
    def _task(self, offset: int) -> None:
        """Run a triggered task."""

    def route(self, events: int) -> None:
        """Publish the events whose bits are set in `events`, and no others."""
        self.routed = events

    def _event(self, offset: int) -> None:
        bit = event_bit(offset)
        self._events |= bit
        self._drive()
        if self._registers.get(SHORTS):
            self._follow_shorts(offset)
        if self.routed & bit:
            self.published(offset)

    def _follow_shorts(self, offset: int) -> None:
        """Start the tasks of an event's shorts; a circle of shorts is gone round once."""
        if offset in self._followed:
            return
        self._followed.add(offset)
        for position, (event, task) in self.shorts.items():
            if event == offset and self._has_short(position):
                self._task(task)
        self._followed.discard(offset)

    def _happened(self, offset: int) -> bool:
        return bool(self._events & event_bit(offset))

    def _is_awaited(self, offset: int) -> bool:
        """Return whether the event must come in time: it interrupts, or the PPI routes it."""
        bit = event_bit(offset)
        return bool(self.routed & bit or self._enabled & bit & ~self._events)

    def _has_short(self, bit: int) -> bool:
        return bool(self._registers.get(SHORTS, 0) >> bit & 1)

    def _drive(self) -> None:
        level = bool(self._events & self._enabled)
        if level != self._level:
            self._level = level
            self._line(level)
