"""The flash interface of STM32F42x and F43x (RM0090 rev 19, section 3).

Program and erase parallelism 3.6.2, programming 3.6.4, option bytes 3.7.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate

from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.stm32_flash import PGAERR, PGSERR, WRPERR, Stm32Flash

_OPTKEYR, _OPTCR, _OPTCR1 = 0x08, 0x14, 0x18
_OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)
_PGPERR = 1 << 6
_SER, _MER, _MER1 = 1 << 1, 1 << 2, 1 << 15
_OPTLOCK = 1 << 0
_BANK_SECTORS = 12
_ROW = 16  # bytes that one operation can program a part of
_RDP_0, _RDP_1 = 0xAA, 0x55  # any other value than 0xAA and 0xCC is level 1


class Stm32F4Flash(Stm32Flash):
    """Two banks of twelve sectors; `sectors` are the sizes in bytes of all 24 sectors."""

    KEYR, SR, CR = 0x04, 0x0C, 0x10

    def __init__(
        self, array: FlashArray, line: Callable[[bool], None], sectors: Sequence[int]
    ) -> None:
        offsets = accumulate(sectors, initial=0)
        self._sectors = list(zip(offsets, sectors, strict=False))  # offset and size
        self._options = {_OPTCR: 0x0FFF_AAED, _OPTCR1: 0x0FFF_0000}
        super().__init__(array, line)

    def reset(self) -> None:
        """Lock it and its option bytes, which keep their values."""
        super().reset()
        self._option_keys: list[int] = []
        self._option_lock = _OPTLOCK

    @property
    def locked(self) -> bool:
        """Whether RDP, in OPTCR, is not at level 0."""
        return self._options[_OPTCR] >> 8 & 0xFF != _RDP_0

    def lock(self) -> None:
        """Set RDP to level 1 (3.7.3)."""
        self._options[_OPTCR] = self._options[_OPTCR] & ~0xFF00 | _RDP_1 << 8

    def protect(self, sector: int) -> None:
        """Clear the sector's nWRP bit."""
        register = _OPTCR if sector < _BANK_SECTORS else _OPTCR1
        self._options[register] &= ~(1 << 16 + sector % _BANK_SECTORS)

    def program(self, offset: int, size: int, value: int) -> int:
        """Program 1, 2, 4 or 8 bytes, according to PSIZE (3.6.2)."""
        old = self.array.memory.value(offset, size)
        if not self._can_program:
            self._fail(PGSERR)
        elif size != 1 << (self._control >> 8 & 3):
            self._fail(_PGPERR)
        elif offset % _ROW + size > _ROW:
            self._fail(PGAERR)
        elif self.locked or self._is_protected(self._sector_at(offset)):
            self._fail(WRPERR)
        else:
            self._succeed()
            return self.array.programmed(offset, size, value)
        return old

    def _read_option(self, offset: int) -> int:
        if offset == _OPTCR:
            return self._options[_OPTCR] & ~_OPTLOCK | self._option_lock
        return self._options.get(offset, 0)

    def _write_option(self, offset: int, value: int) -> None:
        if offset == _OPTKEYR:
            self._option_keys = [*self._option_keys, value][-2:]
            if tuple(self._option_keys) == _OPTION_KEYS:
                self._option_lock = 0
        elif offset in self._options and not self._option_lock:
            was_locked = self.locked
            self._options[offset] = value & ~_OPTLOCK
            if was_locked and not self.locked:  # going back to level 0 erases all
                self.array.erase(0, self.array.memory.size)
            self._option_lock = value & _OPTLOCK if offset == _OPTCR else 0

    def _sections_to_erase(self, control: int) -> Sequence[int] | None:
        sectors: list[int] = []
        if control & _MER:
            sectors += range(_BANK_SECTORS)
        if control & _MER1:
            sectors += range(_BANK_SECTORS, len(self._sectors))
        if control & _SER and not sectors:
            # SNB: 0 to 11 in bank 1, 16 to 27 in bank 2.
            number = control >> 3 & 0x1F
            sector = number if number < _BANK_SECTORS else number - 4
            valid = number < _BANK_SECTORS or 16 <= number < 16 + _BANK_SECTORS  # noqa: PLR2004
            if not valid or sector >= len(self._sectors):
                return None
            sectors = [sector]
        return sectors

    def _is_protected(self, section: int) -> bool:
        register = _OPTCR if section < _BANK_SECTORS else _OPTCR1
        return not self._options[register] >> 16 + section % _BANK_SECTORS & 1

    def _extent(self, section: int) -> tuple[int, int]:
        return self._sectors[section]

    def _sector_at(self, offset: int) -> int:
        return max(index for index, (start, _) in enumerate(self._sectors) if start <= offset)
