"""The Ethernet PHY LAN8742A without a cable: Microchip DS00001989A, 4.2."""

_CONTROL, _STATUS, _IDENTIFIERS = 0, 1, (2, 3)
_SELF_CLEARING = 1 << 15 | 1 << 9  # reset, and a new negotiation
_AFTER_RESET = {_CONTROL: 0x3000, _STATUS: 0x7809, 2: 0x0007, 3: 0xC131, 4: 0x01E1, 5: 0x0001} | {
    17: 0x0002,
    18: 0x60E0,
    31: 0x0040,
}
_READ_ONLY = (_STATUS, *_IDENTIFIERS, 5)


class Lan8742:
    """Its registers: the link is down, and the negotiation never ends."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Return to the values after reset."""
        self._registers = dict(_AFTER_RESET)

    def read(self, register: int) -> int:
        """Return a register of 16 bits."""
        return self._registers.get(register, 0)

    def write(self, register: int, value: int) -> None:
        """Write a register of 16 bits."""
        if register == _CONTROL and value & 1 << 15:
            self.reset()
        elif register not in _READ_ONLY:
            self._registers[register] = value & ~(_SELF_CLEARING if register == _CONTROL else 0)
