"""The acceptance filters of the bxCAN: RM0090 rev 19, 32.7.4 and 32.9.4; RM0351 rev 9, 46.7.4."""

from collections.abc import Iterator
from dataclasses import dataclass

FIRST, END = 0x200, 0x320
"""Where their registers are."""

_FMR, _LISTS, _WIDE, _FIFOS, _ACTIVE, _BANKS = 0x200, 0x204, 0x20C, 0x214, 0x21C, 0x240
_FMR_AFTER_RESET = 0x2A1C_0E01
_IDE, _RTR = 1 << 2, 1 << 1  # in an identifier register
_HALF = 0xFFFF


@dataclass(frozen=True)
class _Filter:
    """One filter with its number in its FIFO: `wanted` under `mask`."""

    fifo: int
    number: int
    wide: bool
    lists: bool
    wanted: int
    mask: int

    def accepts(self, identifier: int) -> bool:
        """Return whether it accepts a frame with this identifier register."""
        value = identifier if self.wide else _short(identifier)
        return not (value ^ self.wanted) & self.mask


def _short(identifier: int) -> int:
    """Return the 16 bits of an identifier that a narrow filter compares."""
    flags = (1 << 4 if identifier & _RTR else 0) | (1 << 3 if identifier & _IDE else 0)
    return identifier >> 16 & 0xFFE0 | flags | identifier >> 18 & 7


class CanFilters:
    """`banks` filter banks. From CAN2SB on they are those of the second CAN, if there are `two`."""

    def __init__(self, banks: int, *, two: bool) -> None:
        self._count = banks
        self._two = two
        self.reset()

    def reset(self) -> None:
        """Switch all filters off."""
        self._registers = {_FMR: _FMR_AFTER_RESET}

    def read(self, offset: int) -> int:
        """Return a register."""
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._registers[offset] = value

    def match(self, identifier: int, *, second: bool) -> tuple[int, int] | None:
        """Return the FIFO and the number of the filter that accepts a frame; None without one.

        32-bit filters come before 16-bit ones, then lists before masks, then the lower number.
        """
        if self.read(_FMR) & 1:  # FINIT: no reception
            return None
        found = [one for one in self._filters(second=second) if one.accepts(identifier)]
        if not found:
            return None
        best = min(found, key=lambda one: (not one.wide, not one.lists, one.number))
        return best.fifo, best.number

    def _filters(self, *, second: bool) -> Iterator[_Filter]:
        start = self.read(_FMR) >> 8 & 0x3F if self._two else self._count
        banks = range(start, self._count) if second else range(min(start, self._count))
        numbers = [0, 0]
        for bank in banks:
            wide, lists, fifo, active = (
                bool(self.read(register) >> bank & 1)
                for register in (_WIDE, _LISTS, _FIFOS, _ACTIVE)
            )
            for wanted, mask in self._pairs(bank, wide=wide, lists=lists):
                if active:
                    yield _Filter(fifo, numbers[fifo], wide, lists, wanted, mask)
                numbers[fifo] += 1

    def _pairs(self, bank: int, *, wide: bool, lists: bool) -> list[tuple[int, int]]:
        """Return what the filters of `bank` want, each with its mask."""
        words = [self.read(_BANKS + 8 * bank + at) for at in (0, 4)]
        if wide:
            return [(word, ~1) for word in words] if lists else [(words[0], words[1] & ~1)]
        halves = [word >> shift & _HALF for word in words for shift in (0, 16)]
        if lists:
            return [(half, _HALF) for half in halves]
        return [(halves[0], halves[1]), (halves[2], halves[3])]
