"""The flash interface of STM32L4x5 and L4x6 (RM0351 rev 9, section 3).

Programming 3.3.7, write protection 3.5.3. PCROP is not modelled. Fast programming does not need
the mass erase before it.
"""

from collections.abc import Callable, Sequence

from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.stm32_flash import (
    LOCK,
    PG,
    PGAERR,
    PGSERR,
    WRPERR,
    Stm32Flash,
)

_OPTR, _WRP1AR, _WRP2AR = 0x20, 0x2C, 0x4C
_PROGERR, _SIZERR = 1 << 3, 1 << 6
_EARLIER = _PROGERR | PGAERR | _SIZERR  # errors after which no programming starts
_PER, _MER1, _BKER, _MER2, _OPTLOCK = 1 << 1, 1 << 2, 1 << 11, 1 << 15, 1 << 30
_FSTPG = 1 << 18
_DUAL_BANK = 0xFFEF_F8AA
_RDP_0, _RDP_1 = 0xAA, 0xBB  # any other value than 0xAA and 0xCC is level 1
_PAGE = 0x800
_ROW = 0x100  # bytes of fast programming
_HALF = 4  # bytes of half a double word
_ERASED_DOUBLE_WORD = (1 << 64) - 1


class Stm32L4Flash(Stm32Flash):
    """Two banks of 2 KiB pages, programmed by double words."""

    KEYR, SR, CR = 0x08, 0x10, 0x14
    ACR_AFTER_RESET = 0x600
    CR_ALWAYS_SET = _OPTLOCK

    def __init__(self, array: FlashArray, line: Callable[[bool], None]) -> None:
        self._bank_pages = array.memory.size // _PAGE // 2
        self._protected: set[int] = set()
        self._rdp = _RDP_0
        super().__init__(array, line)

    def reset(self) -> None:
        """Lock it; the option bytes keep their values."""
        super().reset()
        # Offset of the programmed half of a double word, and what it was before.
        self._first_half: tuple[int, int] | None = None
        self._row_place = 0  # offset of the next word of fast programming

    @property
    def locked(self) -> bool:
        """Whether RDP, in OPTR, is not at level 0."""
        return self._rdp != _RDP_0

    def lock(self) -> None:
        """Set RDP to level 1 (3.5.2)."""
        self._rdp = _RDP_1

    def protect(self, sector: int) -> None:
        """Write-protect a page, counted through both banks."""
        self._protected.add(sector)

    def program(self, offset: int, size: int, value: int) -> int:
        """Program a double word, or half of one; the second half must follow (3.3.7)."""
        if self._control & _FSTPG and not self._control & LOCK:
            return self._program_fast(offset, size, value)
        old = self.array.memory.value(offset, size)
        error = self._programming_error(offset, size)
        if error:
            self._fail(error)
            self._first_half = None
            return old
        if self._first_half is None:
            if not self._can_hold(offset, value):
                self._fail(_PROGERR)
                return old
            if size == _HALF:
                # Written at once, and restored if the next write is not the second half.
                self._first_half = (offset, old)
            else:
                self._succeed()
            return self.array.programmed(offset, size, value)
        first, self._first_half = self._first_half, None
        if (offset, size) != (first[0] + _HALF, _HALF):
            self.array.memory.store(first[0], _HALF, first[1])
            self._fail(PGSERR)
            return old
        self._succeed()
        return self.array.programmed(offset, size, value)

    def _program_fast(self, offset: int, size: int, value: int) -> int:
        """Program the next word of a row; rows begin at their address (3.3.8)."""
        error = 0
        if self._control & PG or self._status & _EARLIER:
            error = PGSERR
        elif size != _HALF:
            error = _SIZERR
        elif offset % _ROW and offset != self._row_place:
            error = PGAERR
        elif self.locked or self._is_protected(offset // _PAGE):
            error = WRPERR
        if error:
            self._fail(error)
            return self.array.memory.value(offset, size)
        self._row_place = offset + _HALF
        if not self._row_place % _ROW:
            self._succeed()
        return self.array.programmed(offset, size, value)

    def _read_option(self, offset: int) -> int:
        if offset == _OPTR:
            return _DUAL_BANK & ~0xFF | self._rdp
        if offset in (_WRP1AR, _WRP2AR):
            return self._protected_area(int(offset == _WRP2AR))
        return 0

    def _write_option(self, offset: int, value: int) -> None:
        """Ignore the write: option programming is not modelled."""

    def _programming_error(self, offset: int, size: int) -> int:
        if not self._can_program or self._status & _EARLIER:
            return PGSERR
        if size not in (_HALF, 2 * _HALF):
            return _SIZERR
        if self._first_half is None and offset % (2 * _HALF):
            return PGAERR
        return WRPERR if self.locked or self._is_protected(offset // _PAGE) else 0

    def _can_hold(self, offset: int, value: int) -> bool:
        """Return whether `value` is allowed: the double word is erased, or becomes zero."""
        return self.array.memory.value(offset, 2 * _HALF) == _ERASED_DOUBLE_WORD or value == 0

    def _sections_to_erase(self, control: int) -> Sequence[int]:
        pages: list[int] = []
        if control & _MER1:
            pages += range(self._bank_pages)
        if control & _MER2:
            pages += range(self._bank_pages, 2 * self._bank_pages)
        if control & _PER and not pages:
            bank = self._bank_pages if control & _BKER else 0
            pages = [bank + (control >> 3 & 0xFF)]
        return pages

    def _is_protected(self, section: int) -> bool:
        return section in self._protected

    def _extent(self, section: int) -> tuple[int, int]:
        return section * _PAGE, _PAGE

    def _protected_area(self, bank: int) -> int:
        """Return WRPxAR: first and last protected page of the bank; 0xFF to 0 without any."""
        begin = bank * self._bank_pages
        pages = [p - begin for p in self._protected if begin <= p < begin + self._bank_pages]
        return min(pages) | max(pages) << 16 if pages else 0x0000_00FF
