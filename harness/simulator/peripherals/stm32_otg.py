"""USB OTG of the STM32 without a cable: RM0090 rev 19, 34.16 and 35.12; RM0351 rev 9, 47.15.

No host and no device ever appears, and the FIFOs stay empty. What firmware waits for while it sets
the core up takes place at once: its reset, flushing, the change of mode, and the end of an endpoint
or channel that it disables.
"""

from collections.abc import Callable, Mapping

from harness.simulator.peripherals.plain_registers import PlainRegisters

_GAHBCFG, _GUSBCFG, _GRSTCTL, _GINTSTS, _GINTMSK = 0x08, 0x0C, 0x10, 0x14, 0x18
_HPRT, _CHANNELS = 0x440, range(0x500, 0x700)
_DCTL, _DIEPMSK, _DOEPMSK, _DAINT, _DAINTMSK, _EMPTY_MASK = 0x804, *range(0x810, 0x820, 4), 0x834
_IN, _OUT, _END = 0x900, 0xB00, 0xD00  # endpoints of 0x20 bytes each: xCTL at 0, xINT at 8
_FIFOS = 0x1000

_AHB_IDLE, _SELF_CLEARING = 1 << 31, 0x37  # in GRSTCTL: core and HCLK reset, flushing
_FORCED_HOST, _FORCED_DEVICE = 1 << 29, 1 << 30
_HOST, _EMPTY = 1 << 0, 1 << 26 | 1 << 5  # in GINTSTS
_IN_NAK, _OUT_NAK, _IN_ENDPOINT, _OUT_ENDPOINT = 1 << 6, 1 << 7, 1 << 18, 1 << 19
_PORT_EVENTS = 0x2E  # in HPRT; PENA is cleared by a one, too
_DISABLE, _ENABLE = 1 << 30, 1 << 31  # in xCTL and, the same, in HCCHAR
_DISABLED = 1 << 1  # in xINT; CHH in HCINT
_CLEAR_NAK, _SET_NAK, _NAK = 1 << 26, 1 << 27, 1 << 17
_TRANSMIT_EMPTY = 1 << 7  # in DIEPINT
_AFTER_RESET = (
    {0x00: 1 << 16, _GUSBCFG: 0xA00, 0x24: 0x200, 0x28: 0x0200_0200, 0x2C: 0x0008_0200}
    | {0x400: 0, 0x404: 0xEA60, 0x408: 0x3FFF, 0x410: 0x0008_0100}
    | {0x800: 0x0220_0000, 0x808: 0x10, _IN: 1 << 15, _OUT: 1 << 15}
    | {_IN + 0x20 * number + 0x18: 0x200 for number in range(8)}
)


class Otg(PlainRegisters):
    """A core with its interrupt `line`; `identity` are the registers that tell what it has."""

    MODEL = "no cable"

    def __init__(self, line: Callable[[bool], None], identity: Mapping[int, int]) -> None:
        super().__init__(_AFTER_RESET | dict(identity), constant=tuple(identity))
        self._line = line
        self._level = False

    def reset(self) -> None:
        """Return to the values after reset."""
        super().reset()
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _GRSTCTL:
            return super().read(offset) | _AHB_IDLE
        if offset == _GINTSTS:
            return self._status()
        if offset == _DAINT:
            return self._endpoints(_IN) | self._endpoints(_OUT) << 16
        if _IN <= offset < _OUT and offset & 0x1F == 8:  # noqa: PLR2004 - DIEPINT
            return super().read(offset) | _TRANSMIT_EMPTY
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; FIFOs keep nothing."""
        if offset >= _FIFOS:
            return
        if offset == _GRSTCTL:
            value &= ~_SELF_CLEARING
        elif offset == _HPRT:
            value &= ~_PORT_EVENTS
        elif offset == _DCTL:
            value = self._global_nak(value)
        elif offset in _CHANNELS or _IN <= offset < _END:
            value = self._endpoint(offset, value)
        super().write(offset, value)
        self._drive()

    def _status(self) -> int:
        """Return GINTSTS. Without a cable it is a device, until firmware forces it."""
        forced, control = super().read(_GUSBCFG), super().read(_DCTL)
        host = forced & _FORCED_HOST and not forced & _FORCED_DEVICE
        naks = (_IN_NAK if control & 1 << 2 else 0) | (_OUT_NAK if control & 1 << 3 else 0)
        mask = super().read(_DAINTMSK)
        ended = _IN_ENDPOINT if self._endpoints(_IN) & mask else 0
        ended |= _OUT_ENDPOINT if self._endpoints(_OUT) & mask >> 16 else 0
        return _EMPTY | naks | ended | (_HOST if host else 0)

    def _endpoints(self, first: int) -> int:
        """Return which endpoints from `first` on have an event that their mask lets through."""
        mask = super().read(_DIEPMSK if first == _IN else _DOEPMSK)
        empty = super().read(_EMPTY_MASK) if first == _IN else 0
        ended = sum(
            1 << number
            for number in range(16)
            if super(Otg, self).read(first + 0x20 * number + 8) & mask
        )
        return ended | empty & 0xFFFF

    def _global_nak(self, value: int) -> int:
        """Return DCTL with the state of its NAKs (SGINAK, CGINAK, SGONAK, CGONAK)."""
        state = super().read(_DCTL) & 0xC
        for setting, clearing, bit in ((7, 8, 2), (9, 10, 3)):
            if value >> setting & 1:
                state |= 1 << bit
            if value >> clearing & 1:
                state &= ~(1 << bit)
        return value & ~0x78C | state

    def _endpoint(self, offset: int, value: int) -> int:
        """Return what a register of an endpoint or a channel becomes."""
        before = super().read(offset)
        if offset & 0x1F == 8:  # noqa: PLR2004 - flags are cleared by ones
            return before & ~value
        if offset & 0x1F:
            return value
        if value & _DISABLE:
            if (value | before) & _ENABLE:
                super().write(offset + 8, super().read(offset + 8) | _DISABLED)
            value &= ~(_DISABLE | _ENABLE)
        if offset >= _IN:
            nak = value & _SET_NAK or (before & _NAK and not value & _CLEAR_NAK)
            value = value & ~(0xF << 26 | _NAK) | (_NAK if nak else 0)
        return value

    def _drive(self) -> None:
        enabled = super().read(_GAHBCFG) & 1
        level = bool(enabled and self._status() & super().read(_GINTMSK))
        if level != self._level:
            self._level = level
            self._line(level)


F4_FULL_SPEED = {0x3C: 0x1200, 0x40: 0x4F54_281A, 0x48: 0x229D_CD20, 0x4C: 0x0200_01E8} | {
    0x50: 0x0FF0_8030
}
F4_HIGH_SPEED = {0x3C: 0x1100, 0x40: 0x4F54_281A, 0x48: 0x229E_D590, 0x4C: 0x03F4_03E8} | {
    0x50: 0x17F0_0030
}
L4_FULL_SPEED = {0x3C: 0x2000, 0x40: 0x4F54_310A, 0x48: 0x229E_D520, 0x4C: 0x0200_D1E8} | {
    0x50: 0x17F0_8030
}
"""The core's ID, its release and its configuration, as the chips tell them."""
