"""The common part of the STM32 flash interfaces: unlocking, control, status, erasing.

RM0090 rev 19 (STM32F42x, F43x), section 3: unlocking 3.6.1, erase 3.6.3, registers 3.9.
RM0351 rev 9 (STM32L4x5, L4x6), section 3: unlocking 3.3.5, erase 3.3.6, registers 3.7.
Erasing takes no time. EOP and OPERR are only set if their interrupts are enabled.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from harness.simulator.peripherals.flash_controller import FlashArray

ACR = 0x00
KEYS = (0x4567_0123, 0xCDEF_89AB)
WRPERR, PGAERR, PGSERR = 1 << 4, 1 << 5, 1 << 7
PG, STRT, LOCK = 1 << 0, 1 << 16, 1 << 31
_EOP, _OPERR, _EOPIE, _ERRIE = 1 << 0, 1 << 1, 1 << 24, 1 << 25


class Stm32Flash(ABC):
    """A flash interface with interrupt `line`; subclasses add offsets, sections and programming.

    A section is a sector or a page: the unit that is erased and protected.
    """

    KEYR: int
    SR: int
    CR: int
    ACR_AFTER_RESET = 0
    CR_ALWAYS_SET = 0

    def __init__(self, array: FlashArray, line: Callable[[bool], None]) -> None:
        self._line = line
        self.array = array
        self.memory = array.memory  # what RDP protects against debuggers
        self.reset()

    @property
    @abstractmethod
    def locked(self) -> bool:
        """Whether RDP is not at level 0."""

    @abstractmethod
    def lock(self) -> None:
        """Set RDP to level 1, as a production tool does."""

    def reset(self) -> None:
        """Lock it; the option bytes keep their values."""
        self._acr = self.ACR_AFTER_RESET
        self._control = LOCK | self.CR_ALWAYS_SET
        self._status = 0
        self._keys: list[int] = []
        self._key_failed = False
        self._line(False)

    @abstractmethod
    def protect(self, sector: int) -> None:
        """Write-protect a section, counted through both banks."""

    def read(self, offset: int) -> int:
        """Return a register; the key registers read as zero."""
        if offset == ACR:
            return self._acr
        if offset == self.SR:
            return self._status
        if offset == self.CR:
            return self._control
        return self._read_option(offset)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; SR's bits are cleared by ones."""
        return 0 if offset == self.SR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == ACR:
            self._acr = value
        elif offset == self.KEYR:
            self._unlock(value)
        elif offset == self.SR:
            self._status &= ~value
            self._drive()
        elif offset == self.CR:
            self._write_control(value)
        else:
            self._write_option(offset, value)

    @abstractmethod
    def program(self, offset: int, size: int, value: int) -> int:
        """Return the `size` bytes at `offset` after an attempt to write `value`."""

    @abstractmethod
    def _read_option(self, offset: int) -> int:
        """Return an option register, 0 for a missing one."""

    @abstractmethod
    def _write_option(self, offset: int, value: int) -> None:
        """Write an option register."""

    @abstractmethod
    def _sections_to_erase(self, control: int) -> Sequence[int] | None:
        """Return the sections that a write of `control` to CR erases; None if it is invalid."""

    @abstractmethod
    def _is_protected(self, section: int) -> bool:
        """Return whether the section is write-protected."""

    @abstractmethod
    def _extent(self, section: int) -> tuple[int, int]:
        """Return offset and size of the section in the array."""

    def _fail(self, error: int) -> None:
        """Set the flag of an error."""
        self._status |= error | (_OPERR if self._control & _ERRIE else 0)
        self._drive()

    def _succeed(self) -> None:
        """Note the end of an operation."""
        if self._control & _EOPIE:
            self._status |= _EOP
            self._drive()

    def _drive(self) -> None:
        self._line(bool(self._status & (_EOP | _OPERR)))

    @property
    def _can_program(self) -> bool:
        return not self._control & LOCK and bool(self._control & PG)

    def _unlock(self, key: int) -> None:
        """Unlock after both keys in a row; a wrong key locks until reset."""
        self._keys.append(key)
        if self._key_failed or tuple(self._keys) != KEYS[: len(self._keys)]:
            self._key_failed = True
        elif len(self._keys) == len(KEYS):
            self._control &= ~LOCK
            self._keys = []

    def _write_control(self, value: int) -> None:
        if self._control & LOCK:
            return
        self._control = value & ~STRT | self.CR_ALWAYS_SET
        if value & STRT:
            self._erase(value)
        if value & LOCK:
            self._keys = []

    def _erase(self, control: int) -> None:
        sections = self._sections_to_erase(control)
        if sections is None:
            self._fail(PGSERR)
        elif self.locked or any(self._is_protected(section) for section in sections):
            self._fail(WRPERR)
        else:
            for section in sections:
                self.array.erase(*self._extent(section))
            self._succeed()
