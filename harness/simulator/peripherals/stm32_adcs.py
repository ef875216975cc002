"""What the ADCs of the STM32F4 and of the STM32L4 have in common: units, and registers of all.

A unit converts a sequence of channels with nothing connected. Each conversion takes a fixed time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest

_STATUS, _COMMON, _UNIT = 0x000, 0x300, 0x100
_TICKS = 500  # of the core, for one conversion


class AdcUnit(ABC):
    """One ADC; `changed` drives its interrupt, `request` is that of its DMA."""

    AFTER_RESET: ClassVar[Mapping[int, int]]
    """The registers that are not 0 after a reset."""
    DATA: ClassVar[int]
    """The register with the result of a regular conversion."""
    EOC: ClassVar[int]
    """The flag of its end, which a read of the result clears."""
    INTERNAL: ClassVar[Mapping[int, int]]
    """The results of the channels inside the chip."""
    KEPT: ClassVar[int]
    """What a narrow write to the status register leaves in its other bits: all 1 or all 0."""

    def __init__(self, agenda: Agenda, request: DmaRequest, changed: Callable[[], None]) -> None:
        self._agenda = agenda
        self._request = request
        self._changed = changed
        self.reset()

    def reset(self) -> None:
        """Switch it off."""
        self._registers = dict(self.AFTER_RESET)
        self.internal = dict(self.INTERNAL)
        self.flags = 0
        self._rank = 0
        self._stop()

    @property
    @abstractmethod
    def pending(self) -> bool:
        """Whether it asks for an interrupt."""

    @abstractmethod
    def triggered(self, source: int) -> None:
        """Start if `source` in EXTSEL is the selected external trigger."""

    @abstractmethod
    def _set(self, offset: int, value: int) -> None:
        """Write a register."""

    @abstractmethod
    def _convert(self) -> None:
        """End a regular conversion, and start the next one of the sequence."""

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _STATUS:
            return self.flags
        if offset == self.DATA:
            self.flags &= ~self.EOC
            self._changed()
        return self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self.KEPT if offset == _STATUS else self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._set(offset, value)
        self._changed()

    def _begin(self) -> None:
        self._rank = 0
        self._go_on()

    def _go_on(self) -> None:
        self._agenda.put(self._convert, self._agenda.now() + _TICKS)

    def _stop(self) -> None:
        self._agenda.put(self._convert, None)


class Adcs(ABC):
    """ADC1 to ADC3, with a DMA request each.

    `triggers` are the outputs of timers that can start conversions, by EXTSEL.
    """

    MODEL = "idle inputs"
    KIND: ClassVar[type[AdcUnit]]

    def __init__(
        self,
        agenda: Agenda,
        requests: Sequence[DmaRequest],
        triggers: Mapping[int, list[Callable[[], None]]],
    ) -> None:
        self._common: dict[int, int] = {}
        self._units: list[AdcUnit] = []
        self._units += [self.KIND(agenda, request, self._drive) for request in requests]
        for source, reactions in triggers.items():
            reactions.append(partial(self._trigger, source))

    def reset(self) -> None:
        """Switch all off."""
        self._common.clear()
        for unit in self._units:
            unit.reset()
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset >= _COMMON:
            return self._read_common(offset - _COMMON)
        return self._units[offset // _UNIT].read(offset % _UNIT)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        if offset >= _COMMON:
            return self._common.get(offset - _COMMON, 0)
        return self._units[offset // _UNIT].peek(offset % _UNIT)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset >= _COMMON:
            self._write_common(offset - _COMMON, value)
        else:
            self._units[offset // _UNIT].write(offset % _UNIT, value)

    def _read_common(self, offset: int) -> int:
        """Return a register of all units."""
        return self._common.get(offset, 0)

    def _write_common(self, offset: int, value: int) -> None:
        """Write a register of all units."""
        self._common[offset] = value

    @abstractmethod
    def _drive(self) -> None:
        """Drive the interrupts."""

    def _trigger(self, source: int) -> None:
        for unit in self._units:
            unit.triggered(source)
