"""The comparators of the data watchpoint and trace unit (DWT), and what they watch.

Version 1: Armv7-M ARM (DDI 0403E), C1.8; Armv6-M has a part of it (DDI 0419). Version 2: Armv8-M
ARM (DDI 0553), DWT_FUNCTIONn; comparisons of data values and limits of ranges are not modelled.
"""

from dataclasses import dataclass

from harness.simulator.watchpoints import Watch

COMP0 = 0x020
VALUE, MASK, FUNCTION, STRIDE = 0x0, 0x4, 0x8, 0x10

_MATCHED = 1 << 24
_MATCH = 0xF
_SIZE, _SIZE_BITS = 10, 3  # DATAVSIZE: the power of two of the bytes

# Version 1. FUNCTION 1 to 15: what it compares; 4 to 7 are watchpoints, the others only trace.
_KINDS_1 = ("", "rw", "rw", "rw", "x", "r", "w", "rw", "x", "r", "w", "rw", "r", "w", "r", "w")
_WATCHPOINTS_1 = range(4, 8)
_CYCLES_1, _DATA = 1 << 7, 1 << 8
_LINKS = (12, 16)  # the comparators whose addresses the one for data values uses
_LINK_ENABLED = 1 << 9
_COMMON, _OF_CYCLES, _OF_DATA = 0x2F, _CYCLES_1, 0xF_FD00 | _DATA
_MASK_BITS = 0xF  # Cortex-M4 TRM: at most 32 KiB are ignored

# Version 2
_CYCLES_2 = 1
_KINDS_2 = {2: "x", 4: "rw", 5: "w", 6: "r"}
_ACTION, _DEBUG_EVENT = 3 << 4, 1 << 4
_WRITABLE_2 = 0xC3F
_IDS = (0x5800_0000, 0xF000_0000, 0x5000_0000, 0xF000_0000)  # Cortex-M33 TRM (100230)

EVERYWHERE = range(1 << 32)


@dataclass
class Comparator:
    """Comparator `number` of `version` 1 or 2; `matched` is what FUNCTION shows and clears."""

    number: int
    version: int
    value: int = 0
    mask: int = 0
    function: int = 0
    matched: bool = False

    def read(self, register: int) -> int:
        """Return a register; a read of FUNCTION clears `matched`."""
        value = self.peek(register)
        if register == FUNCTION:
            self.matched = False
        return value

    def peek(self, register: int) -> int:
        """Return a register."""
        if register == VALUE:
            return self.value
        if register == MASK:
            return self.mask
        if register != FUNCTION:
            return 0
        fixed = _LINK_ENABLED if self.number == 1 else 0
        if self.version > 1:
            fixed = _IDS[self.number]
        return self.function | fixed | _MATCHED * self.matched

    def write(self, register: int, value: int) -> None:
        """Write a register."""
        if register == VALUE:
            self.value = value
        elif register == MASK and self.version == 1:
            self.mask = value & _MASK_BITS
        elif register == FUNCTION:
            self.function = value & self._writable
            self.matched = False

    @property
    def _writable(self) -> int:
        if self.version > 1:
            return _WRITABLE_2
        return _COMMON | {0: _OF_CYCLES, 1: _OF_DATA}.get(self.number, 0)

    @property
    def compares_cycles(self) -> bool:
        """Whether it compares the cycle counter."""
        if self.version > 1:
            return self.number == 0 and self.function & _MATCH == _CYCLES_2
        return bool(self.function & _CYCLES_1 and self.function & _MATCH)

    @property
    def is_watchpoint(self) -> bool:
        """Whether a match is a debug event."""
        if self.version > 1:
            return self.function & _ACTION == _DEBUG_EVENT
        return self.function & _MATCH in _WATCHPOINTS_1

    @property
    def addresses(self) -> range:
        """The addresses that it compares."""
        size = 1 << self.mask
        if self.version > 1:
            size = 1 << min(self.function >> _SIZE & _SIZE_BITS, 2)
        start = self.value & -size
        return range(start, start + size)

    def watch(self, others: "list[Comparator]") -> Watch | None:
        """Return what it watches, with the addresses of `others` for a data value; None if off."""
        code = self.function & _MATCH
        kinds = _KINDS_2.get(code, "") if self.version > 1 else _KINDS_1[code]
        if not kinds or self.compares_cycles:
            return None
        if kinds == "x" and self.version > 1:
            return Watch(kinds, (range(self.value & ~1, self.value | 1),))
        if not self.function & _DATA:
            return Watch(kinds, (self.addresses,))
        size = 1 << min(self.function >> _SIZE & _SIZE_BITS, 2)
        links = {self.function >> place & 0xF for place in _LINKS}
        ranges = [
            others[link].addresses if link != self.number else EVERYWHERE
            for link in sorted(links)
            if link < len(others)
        ]
        data = self.value & (1 << 8 * size) - 1, size
        return Watch(kinds, tuple(ranges), data)
