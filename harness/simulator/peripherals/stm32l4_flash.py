"""The flash interface of STM32L4x5 and L4x6 (RM0351 rev 9, section 3).

Unlocking 3.3.5, erase 3.3.6, programming 3.3.7, write protection 3.5.3, registers 3.7.
Erasing takes no time; fast programming and PCROP are not modelled.
"""

from harness.simulator.peripherals.flash_controller import FlashArray

_ACR, _KEYR, _OPTKEYR, _SR, _CR, _OPTR = 0x00, 0x08, 0x0C, 0x10, 0x14, 0x20
_WRP1AR, _WRP2AR = 0x2C, 0x4C
_KEYS = (0x4567_0123, 0xCDEF_89AB)
_EOP, _PROGERR, _WRPERR, _PGAERR, _SIZERR, _PGSERR = (1 << bit for bit in (0, 3, 4, 5, 6, 7))
_PG, _PER, _MER1, _BKER, _MER2 = 1 << 0, 1 << 1, 1 << 2, 1 << 11, 1 << 15
_STRT, _OPTLOCK, _LOCK = 1 << 16, 1 << 30, 1 << 31
_PAGE = 0x800
_HALF = 4  # bytes of a double word's
_ERASED_DOUBLE_WORD = (1 << 64) - 1


class Stm32L4Flash:
    """Two banks of 2 KiB pages, programmed by double words."""

    def __init__(self, array: FlashArray) -> None:
        self.array = array
        self._bank_pages = array.memory.size // _PAGE // 2
        self._protected: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Lock it; the option bytes stay."""
        self._acr = 0x600
        self._control = _LOCK | _OPTLOCK
        self._status = 0
        self._keys: list[int] = []
        self._key_failed = False
        self._first: tuple[int, int] | None = None  # offset and value of half a double word

    def protect(self, sector: int) -> None:
        """Write-protect a page, counted through both banks."""
        self._protected.add(sector)

    def read(self, offset: int) -> int:
        """Return a register."""
        values = {
            _ACR: self._acr,
            _SR: self._status,
            _CR: self._control,
            _OPTR: 0xFFEF_F8AA,  # dual bank
            _WRP1AR: self._protected_area(0),
            _WRP2AR: self._protected_area(1),
        }
        return values.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return what a narrow write is merged into: of SR nothing, its bits clear on one."""
        return 0 if offset == _SR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _ACR:
            self._acr = value
        elif offset == _KEYR:
            self._unlock(value)
        elif offset == _SR:
            self._status &= ~value
        elif offset == _CR:
            self._write_control(value)

    def program(self, offset: int, size: int, value: int) -> int:
        """Take half a double word, or program it with the second half (3.3.7)."""
        old = self.array.memory.value(offset, size)
        error = self._programming_error(offset, size)
        if error:
            self._status |= error
            self._first = None
            return old
        if self._first is None:
            if not self._fits(offset, value):
                self._status |= _PROGERR
                return old
            if size == _HALF:
                # Written at once, and taken back if the second half is not the next write.
                self._first = (offset, old)
            else:
                self._status |= _EOP
            return self.array.programmed(offset, size, value)
        first, self._first = self._first, None
        if (offset, size) != (first[0] + _HALF, _HALF):
            self.array.memory.store(first[0], _HALF, first[1])
            self._status |= _PGSERR
            return old
        self._status |= _EOP
        return self.array.programmed(offset, size, value)

    def _programming_error(self, offset: int, size: int) -> int:
        if self._control & _LOCK or not self._control & _PG:
            return _PGSERR
        if size not in (_HALF, 2 * _HALF):
            return _SIZERR
        if self._first is None and offset % (2 * _HALF):
            return _PGAERR
        return _WRPERR if offset // _PAGE in self._protected else 0

    def _fits(self, offset: int, value: int) -> bool:
        """Tell whether the double word is erased, or becomes zero: nothing else is allowed."""
        return self.array.memory.value(offset, 2 * _HALF) == _ERASED_DOUBLE_WORD or value == 0

    def _unlock(self, key: int) -> None:
        """Both keys in a row unlock; a wrong one locks until reset."""
        self._keys.append(key)
        if self._key_failed or tuple(self._keys) != _KEYS[: len(self._keys)]:
            self._key_failed = True
        elif len(self._keys) == len(_KEYS):
            self._control &= ~_LOCK
            self._keys = []

    def _write_control(self, value: int) -> None:
        if self._control & _LOCK:
            return
        self._control = value & ~_STRT | _OPTLOCK
        if value & _STRT:
            self._erase(value)
        if value & _LOCK:
            self._keys = []

    def _erase(self, control: int) -> None:
        pages: list[int] = []
        if control & _MER1:
            pages += range(self._bank_pages)
        if control & _MER2:
            pages += range(self._bank_pages, 2 * self._bank_pages)
        if control & _PER and not pages:
            bank = self._bank_pages if control & _BKER else 0
            pages = [bank + (control >> 3 & 0xFF)]
        if self._protected.intersection(pages):
            self._status |= _WRPERR
            return
        for page in pages:
            self.array.erase(page * _PAGE, _PAGE)
        self._status |= _EOP

    def _protected_area(self, bank: int) -> int:
        """Return WRPxAR: first and last protected page of the bank; none is 0xFF to 0."""
        begin = bank * self._bank_pages
        pages = [p - begin for p in self._protected if begin <= p < begin + self._bank_pages]
        return min(pages) | max(pages) << 16 if pages else 0x0000_00FF
