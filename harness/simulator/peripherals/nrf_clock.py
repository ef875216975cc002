"""CLOCK of the nRF52840 (PS 1.7, 5.4): oscillators start, and a calibration ends, at once."""

from collections.abc import Callable, Mapping

from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf import NrfPeripheral

_HFCLKSTART, _HFCLKSTOP, _LFCLKSTART, _LFCLKSTOP = 0x000, 0x004, 0x008, 0x00C
_CAL, _CTSTART, _CTSTOP = 0x010, 0x014, 0x018
_HFCLKSTARTED, _LFCLKSTARTED, _DONE, _CTTO = 0x100, 0x104, 0x10C, 0x110
_CTSTARTED, _CTSTOPPED = 0x128, 0x12C
_HFCLKRUN, _HFCLKSTAT, _LFCLKRUN, _LFCLKSTAT = 0x408, 0x40C, 0x414, 0x418
_LFCLKSRCCOPY, _LFCLKSRC, _CTIV = 0x41C, 0x518, 0x538
_STATUS = (_HFCLKRUN, _HFCLKSTAT, _LFCLKRUN, _LFCLKSTAT, _LFCLKSRCCOPY)
_RUNNING, _CRYSTAL = 1 << 16, 1 << 0
_CALIBRATIONS_PER_SECOND = 4  # CTIV counts quarters of a second


class NrfClock(NrfPeripheral):
    """The oscillators of a chip at `hertz`."""

    initial: Mapping[int, int] = {_HFCLKSTAT: _RUNNING}

    def __init__(self, line: Callable[[bool], None], agenda: Agenda, hertz: int) -> None:
        self._agenda = agenda
        self._hertz = hertz
        super().__init__(line)

    def reset(self) -> None:
        """Select the internal oscillator."""
        super().reset()
        self._agenda.put(self._calibration_is_due, None)

    def write(self, offset: int, value: int) -> None:
        """Write a register; the status registers cannot be written."""
        if offset not in _STATUS:
            super().write(offset, value)

    def _task(self, offset: int) -> None:
        registers = self._registers
        if offset == _HFCLKSTART:
            registers.update({_HFCLKRUN: 1, _HFCLKSTAT: _RUNNING | _CRYSTAL})
            self._event(_HFCLKSTARTED)
        elif offset == _HFCLKSTOP:
            registers.update({_HFCLKRUN: 0, _HFCLKSTAT: _RUNNING})
        elif offset == _LFCLKSTART:
            source = registers.get(_LFCLKSRC, 0) & 3
            registers.update({_LFCLKRUN: 1, _LFCLKSTAT: _RUNNING | source, _LFCLKSRCCOPY: source})
            self._event(_LFCLKSTARTED)
        elif offset == _LFCLKSTOP:
            registers.update({_LFCLKRUN: 0, _LFCLKSTAT: 0})
        elif offset == _CAL:
            self._event(_DONE)
        elif offset == _CTSTART:
            ticks = registers.get(_CTIV, 0) * self._hertz // _CALIBRATIONS_PER_SECOND
            self._agenda.put(self._calibration_is_due, self._agenda.now() + ticks)
            self._event(_CTSTARTED)
        elif offset == _CTSTOP:
            self._agenda.put(self._calibration_is_due, None)
            self._event(_CTSTOPPED)

    def _calibration_is_due(self) -> None:
        self._event(_CTTO)
