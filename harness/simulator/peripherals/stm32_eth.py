"""Ethernet of the STM32F4 without a cable: RM0090 rev 19, 33.8.

Its PHY finds no link. What is sent gets lost: the DMA gives each descriptor back. Nothing is ever
received. Statistics and time stamps only store their registers.
"""

from collections.abc import Callable

from harness.simulator.bus import Bus, BusError
from harness.simulator.peripherals.lan8742 import Lan8742
from harness.simulator.peripherals.plain_registers import PlainRegisters

_MACMIIAR, _MACMIIDR, _PTPTSCR = 0x10, 0x14, 0x700
_DMABMR, _DMATPDR, _DMATDLAR, _DMASR, _DMAOMR, _DMAIER = 0x1000, 0x1004, *range(0x1010, 0x1020, 4)
_CURRENT_TRANSMIT = 0x1048
_AFTER_RESET = {
    0x00: 0x8000,
    0x40: 0x8000_FFFF,
    **dict.fromkeys((0x48, 0x50, 0x58), 0xFFFF),
    **dict.fromkeys((0x44, 0x4C, 0x54, 0x5C), 0xFFFF_FFFF),
    _DMABMR: 0x2_0100,
}
_BUSY, _WRITES = 1 << 0, 1 << 1  # in MACMIIAR
_SOFTWARE_RESET = 1 << 0
_START, _FLUSH = 1 << 13, 1 << 20  # in DMAOMR
_SELF_CLEARING = {_DMAOMR: _FLUSH, _PTPTSCR: 0x2C}
_SENT, _NOTHING_TO_SEND, _ABNORMAL, _NORMAL = 1 << 0, 1 << 2, 1 << 15, 1 << 16  # in DMASR
_SUSPENDED = 6 << 20
_NORMAL_EVENTS = _SENT | _NOTHING_TO_SEND | 1 << 6 | 1 << 14
_OWN, _INTERRUPTS, _RING_END, _CHAINED = 1 << 31, 1 << 30, 1 << 21, 1 << 20  # in TDES0
_MOST = 1024  # descriptors that one request can send


class Ethernet:
    """The MAC with its DMA on `bus`, its interrupt `line`, and `phy` at address 0."""

    MODEL = "no cable"

    def __init__(self, bus: Bus, line: Callable[[bool], None], phy: Lan8742) -> None:
        self._bus = bus
        self._line = line
        self._phy = phy
        self._registers = PlainRegisters(_AFTER_RESET)
        self.reset()

    def reset(self) -> None:
        """Stop; the PHY is reset, too."""
        self._registers.reset()
        self._events = 0
        self._next = 0
        self._phy.reset()
        self._line(False)

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _DMASR:
            suspended = self._registers.read(_DMAOMR) & _START
            return self._events | (_SUSPENDED if suspended else 0)
        return self._next if offset == _CURRENT_TRANSMIT else self._registers.read(offset)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; events are cleared by ones."""
        return 0 if offset == _DMASR else self._registers.peek(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _DMASR:
            self._events &= ~value
        elif offset == _DMABMR and value & _SOFTWARE_RESET:
            self._registers.reset()
            self._events = 0
        elif offset == _MACMIIAR:
            self._registers.write(offset, value & ~_BUSY)
            if value & _BUSY:
                self._manage(value)
        else:
            self._registers.write(offset, value & ~_SELF_CLEARING.get(offset, 0))
        if offset == _DMATDLAR:
            self._next = value
        if offset in (_DMATPDR, _DMAOMR) and self._registers.read(_DMAOMR) & _START:
            self._transmit()
        self._drive()

    def _manage(self, request: int) -> None:
        """Read or write a register of the PHY; at other addresses, nobody answers."""
        address, register = request >> 11 & 0x1F, request >> 6 & 0x1F
        if request & _WRITES:
            if not address:
                self._phy.write(register, self._registers.read(_MACMIIDR) & 0xFFFF)
        else:
            value = 0xFFFF if address else self._phy.read(register)
            self._registers.write(_MACMIIDR, value)

    def _transmit(self) -> None:
        """Give back all descriptors that the firmware has handed over (33.6.7)."""
        try:
            for _ in range(_MOST):
                status = self._bus.read(self._next, 4)
                if not status & _OWN:
                    break
                self._bus.write(self._next, 4, status & ~_OWN)
                if status & _INTERRUPTS:
                    self._events |= _SENT
                self._next = self._following(status)
        except BusError:
            self._events |= 1 << 13  # FBES
            return
        self._events |= _NOTHING_TO_SEND

    def _following(self, status: int) -> int:
        if status & _RING_END:
            return self._registers.read(_DMATDLAR)
        if status & _CHAINED:
            return self._bus.read(self._next + 12, 4)
        mode = self._registers.read(_DMABMR)
        return self._next + (32 if mode & 1 << 7 else 16) + 4 * (mode >> 2 & 0x1F)

    def _drive(self) -> None:
        enabled = self._registers.read(_DMAIER)
        asking = self._events & enabled & 0x7FFF
        self._events |= _NORMAL if asking & _NORMAL_EVENTS else 0
        self._events |= _ABNORMAL if asking & ~_NORMAL_EVENTS else 0
        self._line(bool(self._events & enabled & (_NORMAL | _ABNORMAL)))
