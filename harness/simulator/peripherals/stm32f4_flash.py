"""The flash interface of STM32F42x and F43x (RM0090 rev 19, section 3).

Unlocking 3.6.1, program and erase parallelism 3.6.2, erase 3.6.3, programming 3.6.4,
option bytes 3.7, registers 3.9. Erasing takes no time.
"""

from collections.abc import Sequence

from harness.simulator.peripherals.flash_controller import FlashArray

_ACR, _KEYR, _OPTKEYR, _SR, _CR, _OPTCR, _OPTCR1 = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
_KEYS = (0x4567_0123, 0xCDEF_89AB)
_OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)
_WRPERR, _PGPERR, _PGSERR, _EOP = 1 << 4, 1 << 6, 1 << 7, 1 << 0
_PG, _SER, _MER, _MER1, _STRT, _LOCK = 1 << 0, 1 << 1, 1 << 2, 1 << 15, 1 << 16, 1 << 31
_OPTLOCK = 1 << 0
_NOT_PROTECTED = 0x0FFF << 16  # nWRP: a bit for each sector of a bank
_BANK_SECTORS = 12


class Stm32F4Flash:
    """Two banks of twelve sectors, whose sizes in bytes are `sectors`, both banks in a row."""

    def __init__(self, array: FlashArray, sectors: Sequence[int]) -> None:
        self.array = array
        self._sectors: list[tuple[int, int]] = []
        offset = 0
        for size in sectors:
            self._sectors.append((offset, size))
            offset += size
        self._options = {_OPTCR: 0x0FFF_AAED, _OPTCR1: 0x0FFF_0000}
        self.reset()

    def reset(self) -> None:
        """Lock it; the option bytes stay."""
        self._acr = 0
        self._control = _LOCK
        self._status = 0
        self._keys: list[int] = []
        self._key_failed = False
        self._option_keys: list[int] = []
        self._option_lock = _OPTLOCK

    def protect(self, sector: int) -> None:
        """Clear the sector's nWRP bit."""
        register = _OPTCR if sector < _BANK_SECTORS else _OPTCR1
        self._options[register] &= ~(1 << 16 + sector % _BANK_SECTORS)

    def read(self, offset: int) -> int:
        """Return a register; the key registers read as zero."""
        if offset == _ACR:
            return self._acr
        if offset == _SR:
            return self._status
        if offset == _CR:
            return self._control
        if offset == _OPTCR:
            return self._options[_OPTCR] & ~_OPTLOCK | self._option_lock
        return self._options.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return what a narrow write is merged into: of SR nothing, its bits clear on one."""
        return 0 if offset == _SR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _ACR:
            self._acr = value
        elif offset == _KEYR:
            self._unlock(value)
        elif offset == _OPTKEYR:
            self._option_keys = [*self._option_keys, value][-2:]
            if tuple(self._option_keys) == _OPTION_KEYS:
                self._option_lock = 0
        elif offset == _SR:
            self._status &= ~value
        elif offset == _CR:
            self._write_control(value)
        elif offset in self._options and not self._option_lock:
            self._options[offset] = value & ~_OPTLOCK
            self._option_lock = value & _OPTLOCK if offset == _OPTCR else 0

    def program(self, offset: int, size: int, value: int) -> int:
        """Program 1, 2, 4 or 8 bytes, as PSIZE says (3.6.2)."""
        old = self.array.memory.value(offset, size)
        if self._control & _LOCK or not self._control & _PG:
            self._status |= _PGSERR
        elif size != 1 << (self._control >> 8 & 3):
            self._status |= _PGPERR
        elif self._protected(self._sector_at(offset)):
            self._status |= _WRPERR
        else:
            return self.array.programmed(offset, size, value)
        return old

    def _unlock(self, key: int) -> None:
        """Both keys in a row unlock; a wrong one locks until reset (3.6.1)."""
        self._keys.append(key)
        if self._key_failed or tuple(self._keys) != _KEYS[: len(self._keys)]:
            self._key_failed = True
        elif len(self._keys) == len(_KEYS):
            self._control &= ~_LOCK
            self._keys = []

    def _write_control(self, value: int) -> None:
        if self._control & _LOCK:
            return
        self._control = value & ~_STRT
        if value & _STRT:
            self._erase(value)
        if value & _LOCK:
            self._keys = []

    def _erase(self, control: int) -> None:
        number = control >> 3 & 0x1F
        chosen: list[int] = []
        if control & _MER:
            chosen += range(_BANK_SECTORS)
        if control & _MER1:
            chosen += range(_BANK_SECTORS, len(self._sectors))
        if control & _SER and not chosen:
            # SNB: 0 to 11 in bank 1, 16 to 27 in bank 2.
            sector = number if number < _BANK_SECTORS else number - 4
            valid = number < _BANK_SECTORS or 16 <= number < 16 + _BANK_SECTORS  # noqa: PLR2004
            if not valid or sector >= len(self._sectors):
                self._status |= _PGSERR
                return
            chosen = [sector]
        if any(self._protected(sector) for sector in chosen):
            self._status |= _WRPERR
            return
        for sector in chosen:
            self.array.erase(*self._sectors[sector])
        self._status |= _EOP

    def _protected(self, sector: int) -> bool:
        register = _OPTCR if sector < _BANK_SECTORS else _OPTCR1
        return not self._options[register] >> 16 + sector % _BANK_SECTORS & 1

    def _sector_at(self, offset: int) -> int:
        return max(index for index, (start, _) in enumerate(self._sectors) if start <= offset)
