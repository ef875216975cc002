"""The CRC unit of the STM32: RM0090 rev 19, 4; RM0351 rev 9, 15: with polynomial and reversal."""

_DR, _IDR, _CR, _INIT, _POL = 0x00, 0x04, 0x08, 0x10, 0x14
_RESET = 1 << 0
_ETHERNET = 0x04C1_1DB7
_ONES = 0xFFFF_FFFF
_WIDTHS = (32, 16, 8, 7)  # POLYSIZE
_REVERSED = (0, 8, 16, 32)  # REV_IN: bits that are reversed together
_REV_OUT = 1 << 7
_WORD = 4


class Crc:
    """The unit; if it is `programmable`, it has INIT, POL and the bits of CR for them."""

    def __init__(self, *, programmable: bool) -> None:
        self._programmable = programmable
        self.reset()

    def reset(self) -> None:
        """Return to the polynomial of Ethernet."""
        self._registers = {_INIT: _ONES, _POL: _ETHERNET}
        self._value = _ONES

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset != _DR:
            known = offset in (_IDR, _CR) or (self._programmable and offset in (_INIT, _POL))
            return self._registers.get(offset, 0) if known else 0
        width = self._width
        value = self._value & ((1 << width) - 1)
        if self._registers.get(_CR, 0) & _REV_OUT:
            return _reversed(value, width)
        return value

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register; a word in DR is added to the CRC."""
        self.write_narrow(offset, _WORD, value)

    def write_narrow(self, offset: int, size: int, value: int) -> None:
        """Write `size` bytes of a register: in DR, only these are added to the CRC."""
        offset &= ~3
        if offset == _DR:
            self._add(value, 8 * (size if self._programmable else _WORD))
        elif offset == _CR:
            self._registers[_CR] = value & 0xF8 if self._programmable else 0
            if value & _RESET:
                self._value = self._registers[_INIT]
        elif offset == _IDR:
            self._registers[_IDR] = value & 0xFF
        elif self._programmable:
            self._registers[offset] = value
            if offset == _INIT:
                self._value = value

    @property
    def _width(self) -> int:
        return _WIDTHS[self._registers.get(_CR, 0) >> 3 & 3]

    def _add(self, value: int, bits: int) -> None:
        """Add `bits` of data, the highest first."""
        together = min(_REVERSED[self._registers.get(_CR, 0) >> 5 & 3], bits)
        if together:
            parts = range(0, bits, together)
            mask = (1 << together) - 1
            value = sum(_reversed(value >> at & mask, together) << at for at in parts)
        width, polynomial = self._width, self._registers[_POL]
        mask = (1 << width) - 1
        crc = self._value & mask
        for bit in range(bits - 1, -1, -1):
            feedback = crc >> width - 1 ^ value >> bit & 1
            crc = crc << 1 & mask
            if feedback & 1:
                crc ^= polynomial & mask
        self._value = crc


def _reversed(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)
