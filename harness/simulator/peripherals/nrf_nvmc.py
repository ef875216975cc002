"""The NVMC: nRF52840 PS 1.7, 4.3; nRF9160 PS, "NVMC". Erasing takes no time.

A write without WEN, or narrower than a word, is a bus error. The number of writes to a word
between erases (n_WRITE) is not checked. A page is erased when its partial erases have taken as long
as an erase; before, it keeps its contents. The nRF9160 erases a page when a word of ones is written
to it while erasing is enabled; its partial erase is not modelled.
"""

from collections import Counter

from harness.simulator.bus import BusError
from harness.simulator.peripherals.flash_controller import FlashArray

_READY, _READYNEXT, _CONFIG, _ERASEPAGE, _ERASEALL = 0x400, 0x408, 0x504, 0x508, 0x50C
_ERASEUICR, _ERASEPAGEPARTIAL, _ERASEPAGEPARTIALCFG = 0x514, 0x518, 0x51C
_WRITE_ENABLED, _ERASE_ENABLED = 1, 2
_ONES = 0xFFFF_FFFF
_ERASE_MS, _PARTIAL_MS = 85, 10  # an erase of a page; the default of one partial erase
PAGE = 0x1000


class Nvmc:
    """The controller of the code memory `array` and of `uicr`.

    Without a register for it, it `erases_by_writing`. The ACL denies it the pages in `denied`.
    """

    def __init__(
        self, array: FlashArray, uicr: FlashArray, *, erases_by_writing: bool = False
    ) -> None:
        self.array = array
        self.uicr = uicr
        self._erases_by_writing = erases_by_writing
        array.memory.programmer = _Programmer(self, array)
        uicr.memory.programmer = _Programmer(self, uicr)
        self.denied: set[int] = set()
        self._protected: set[int] = set()
        self._erased_ms: Counter[int] = Counter()  # of each page, in partial erases
        self.reset()

    def reset(self) -> None:
        """Allow reading only."""
        self._config = 0
        self._plain = {_ERASEPAGEPARTIALCFG: _PARTIAL_MS}

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
        elif offset not in (_ERASEPAGE, _ERASEALL, _ERASEUICR, _ERASEPAGEPARTIAL):
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
        self._erase_page(offset // PAGE)
        return True

    def may_write(self, array: FlashArray, offset: int) -> bool:
        """Return whether the word at `offset` of `array` can be written now."""
        if array is self.array and not self._is_open(offset // PAGE):
            return False
        return self._config == _WRITE_ENABLED

    def _erase(self, task: int, value: int) -> None:
        if task in (_ERASEPAGE, _ERASEPAGEPARTIAL):
            if not self._erases_by_writing:
                self._erase_page(value // PAGE, partially=task == _ERASEPAGEPARTIAL)
        elif value & 1 and task == _ERASEUICR:
            self.uicr.erase(0, self.uicr.memory.size)
        elif value & 1 and not self._protected and not self.denied:
            self.erase_all()

    def _erase_page(self, page: int, *, partially: bool = False) -> None:
        if page * PAGE >= self.array.memory.size or not self._is_open(page):
            return
        if partially:
            self._erased_ms[page] += self._plain[_ERASEPAGEPARTIALCFG] & 0x7F
            if self._erased_ms[page] < _ERASE_MS:
                return
        del self._erased_ms[page]
        self.array.erase(page * PAGE, PAGE)

    def _is_open(self, page: int) -> bool:
        return page not in self._protected and page not in self.denied


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
