"""POWER of the nRF52840, which shares its registers with the CLOCK (PS 1.7, 5.3 and 5.4).

Power is always there, USB's is not. RAM keeps its contents, also where it is switched off. System
OFF is emulated, as on a chip in debug interface mode (5.3.3): the core runs on, and a reset
follows when a pin's DETECT becomes high.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf_clock import NrfClock

_RESETREAS, _SYSTEMOFF, _MAINREGSTATUS = 0x400, 0x500, 0x640
_RETAINED = (0x51C, 0x520)  # GPREGRET, GPREGRET2
_USBREGSTATUS, _RAMSTATUS = 0x438, 0x428
_READ_ONLY = (_USBREGSTATUS, _RAMSTATUS, _MAINREGSTATUS)
_RAM, _RAM_BLOCKS, _RAM_BLOCK = 0x900, 9, 0x10  # POWER; POWERSET and POWERCLR follow
_POWERSET, _POWERCLR = 4, 8
_ALL_ON = 0xFFFF


@dataclass(frozen=True)
class ResetReasons:
    """The bits of RESETREAS."""

    pin: int
    watchdog: int
    off: int
    software: int


NRF52840 = ResetReasons(pin=1 << 0, watchdog=1 << 1, off=1 << 16, software=1 << 2)
NRF9160 = ResetReasons(pin=1 << 0, watchdog=1 << 1, off=1 << 2, software=1 << 16)


class NrfPower(NrfClock):
    """CLOCK and POWER; `reasons` are the chip's, `request_reset` resets it.

    The chip calls `note_reset` before each reset. It sets `keeps_watchdog`: whether the watchdog
    runs on in that reset (5.3.6, "Reset behavior").
    """

    initial: Mapping[int, int] = {**NrfClock.initial, _RAMSTATUS: 0xF} | {
        _RAM + _RAM_BLOCK * block: _ALL_ON for block in range(_RAM_BLOCKS)
    }

    def __init__(
        self,
        line: Callable[[bool], None],
        agenda: Agenda,
        hertz: int,
        reasons: ResetReasons,
        request_reset: Callable[[], None],
    ) -> None:
        self._all_reasons = reasons
        self._request_reset = request_reset
        self._reasons = 0  # RESETREAS
        self._cause: int | None = 0  # of the next reset; None: not known
        self._off = self._keeps_registers = False
        self.keeps_watchdog = False
        super().__init__(line, agenda, hertz)

    def note_reset(self, *, by_pin: bool) -> None:
        """Note why the reset that follows occurs; the first is that of power-on."""
        reasons = self._all_reasons
        if self._cause is None:
            self._cause = reasons.pin if by_pin else reasons.software
        self._reasons |= self._cause
        self.keeps_watchdog = self._cause == reasons.software
        self._keeps_registers = self._cause in (reasons.software, reasons.off)
        self._cause = None

    def bite(self) -> None:
        """Reset the chip on behalf of the watchdog."""
        self._cause = self._all_reasons.watchdog
        self._request_reset()

    def wake(self) -> None:
        """Reset the chip if it is off: a pin's DETECT became high."""
        if self._off:
            self._cause = self._all_reasons.off
            self._request_reset()

    def reset(self) -> None:
        """Return to the values after reset; some resets keep GPREGRET."""
        kept = {}
        if self._keeps_registers:
            kept = {at: value for at in _RETAINED if (value := self._registers.get(at))}
        super().reset()
        self._registers.update(kept)
        self._off = False

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _RESETREAS:
            return self._reasons
        if _RAM <= offset < _RAM + _RAM_BLOCK * _RAM_BLOCKS:
            return super().read(offset & ~0xF)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; ones clear bits of RESETREAS."""
        if offset == _RESETREAS:
            self._reasons &= ~value
        elif offset == _SYSTEMOFF:
            self._off = bool(value & 1)
        elif _RAM <= offset < _RAM + _RAM_BLOCK * _RAM_BLOCKS:
            block = offset & ~0xF
            before = self._registers[block]
            changed = {_POWERSET: before | value, _POWERCLR: before & ~value}
            self._registers[block] = changed.get(offset - block, value) & 0xFFFF_FFFF
        elif offset not in _READ_ONLY:
            super().write(offset, value)
