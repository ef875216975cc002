"""CLOCK and POWER of the nRF52840, which share a base address (PS 1.7, 5.3 and 5.4)."""

from collections.abc import Callable

from harness.simulator.peripherals.nrf import NrfPeripheral

_HFCLKSTART, _HFCLKSTOP, _LFCLKSTART, _LFCLKSTOP = 0x000, 0x004, 0x008, 0x00C
_HFCLKSTARTED, _LFCLKSTARTED = 0x100, 0x104
_HFCLKSTAT, _LFCLKSTAT, _LFCLKSRC, _RESETREAS = 0x40C, 0x418, 0x518, 0x400
_RUNNING, _CRYSTAL = 1 << 16, 1 << 0


class NrfClock(NrfPeripheral):
    """Oscillators that start at once, and power that is always present."""

    def __init__(self, line: Callable[[bool], None]) -> None:
        super().__init__(line)

    def reset(self) -> None:
        """Select the internal oscillator."""
        super().reset()
        self._registers[_HFCLKSTAT] = _RUNNING

    def write(self, offset: int, value: int) -> None:
        """Write a register; ones clear bits of RESETREAS."""
        if offset == _RESETREAS:
            self._registers[offset] = self._registers.get(offset, 0) & ~value
        elif offset not in (_HFCLKSTAT, _LFCLKSTAT):
            super().write(offset, value)

    def _task(self, offset: int) -> None:
        if offset == _HFCLKSTART:
            self._registers[_HFCLKSTAT] = _RUNNING | _CRYSTAL
            self._event(_HFCLKSTARTED)
        elif offset == _HFCLKSTOP:
            self._registers[_HFCLKSTAT] = _RUNNING
        elif offset == _LFCLKSTART:
            self._registers[_LFCLKSTAT] = _RUNNING | self._registers.get(_LFCLKSRC, 0) & 3
            self._event(_LFCLKSTARTED)
        elif offset == _LFCLKSTOP:
            self._registers[_LFCLKSTAT] = 0
