"""The NVMC: nRF52840 PS 1.7, 4.3; nRF9160 PS, "NVMC". Erasing takes no time.

A write without WEN, or narrower than a word, is a bus error. The number of writes to a word
between erases (n_WRITE) is not checked, and partial erase is not modelled. The nRF9160 erases a
page when a word of ones is written to it while erasing is enabled.
"""

from harness.simulator.bus import BusError
from harness.simulator.peripherals.flash_controller import FlashArray

_READY, _READYNEXT, _CONFIG, _ERASEPAGE, _ERASEALL = 0x400, 0x408, 0x504, 0x508, 0x50C
_ERASEUICR = 0x514
_WRITE_ENABLED, _ERASE_ENABLED = 1, 2
_ONES = 0xFFFF_FFFF
PAGE = 0x1000


class Nvmc:
    """The controller of the code memory `array` and of `uicr`.

    Without a register for it, it `erases_by_writing`.
    """

    def __init__(
        self, array: FlashArray, uicr: FlashArray, *, erases_by_writing: bool = False
    ) -> None:
        self.array = array
        self.uicr = uicr
        self._erases_by_writing = erases_by_writing
        array.memory.programmer = _Programmer(self, array)
        uicr.memory.programmer = _Programmer(self, uicr)
        self._protected: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Allow reading only."""
        self._config = 0
        self._plain: dict[int, int] = {}

    def protect(self, sector: int) -> None:
        """Protect a page against erasing and writing, as the ACL does (PS, 4.8)."""
        self._protected.add(sector)

    def read(self, offset: int) -> int:
        """Return a register; READY is always set."""
        if offset in (_READY, _READYNEXT):
            return 1
        return self._config if offset == _CONFIG else self._plain.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register; erasing needs EEN."""
        if offset == _CONFIG:
            self._config = value & 3
        elif offset not in (_ERASEPAGE, _ERASEALL, _ERASEUICR):
            self._plain[offset] = value
        elif self._config == _ERASE_ENABLED:
            self._erase(offset, value)

    def erase_all(self) -> None:
        """Erase code memory and UICR, as CTRL-AP does (PS, 4.9.1)."""
        for array in (self.array, self.uicr):
            array.erase(0, array.memory.size)

    def erases_page(self, array: FlashArray, offset: int, value: int) -> bool:
        """Return whether writing `value` erases the page at `offset` of `array`, and erase it."""
        enabled = self._erases_by_writing and self._config == _ERASE_ENABLED
        if not enabled or array is not self.array or value != _ONES:
            return False
        if offset // PAGE not in self._protected:
            array.erase(offset // PAGE * PAGE, PAGE)
        return True

    def may_write(self, array: FlashArray, offset: int) -> bool:
        """Return whether the word at `offset` of `array` can be written now."""
        if array is self.array and offset // PAGE in self._protected:
            return False
        return self._config == _WRITE_ENABLED

    def _erase(self, task: int, value: int) -> None:
        if task == _ERASEPAGE and not self._erases_by_writing:
            page = value // PAGE
            if value < self.array.memory.size and page not in self._protected:
                self.array.erase(page * PAGE, PAGE)
        elif value & 1 and task == _ERASEUICR:
            self.uicr.erase(0, self.uicr.memory.size)
        elif value & 1 and not self._protected:
            self.erase_all()


class _Programmer:
    """Programs one of the controller's arrays."""

    def __init__(self, controller: Nvmc, array: FlashArray) -> None:
        self._controller = controller
        self._array = array

    def program(self, offset: int, size: int, value: int) -> int:
        """Program a word; raise `BusError` if it is not allowed."""
        if self._controller.erases_page(self._array, offset, value):
            return self._array.memory.value(offset, size)
        if size % 4 or not self._controller.may_write(self._array, offset):
            raise BusError(self._array.memory.base + offset)
        return self._array.programmed(offset, size, value)
