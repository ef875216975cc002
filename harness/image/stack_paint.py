"""How deep the stack went, seen from outside: RAM that was painted before the start.

A core takes its stack pointer from the first word of the vector table and counts it down. What
lies below, to the end of what the program occupies, is painted before it starts. Afterwards a
heap may have come up from below; between the two the paint is left.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from elftools.elf.constants import SH_FLAGS

from harness.elf import Elf
from harness.support.memory_map import Memory

PAINT = 0xA5A5A5A5
"""The word that untouched memory holds; firmware/ports/cortexm/startup.c takes the same."""

_WORD = 4
# Sections that only reserve: nothing is in them at start.
_RESERVED = re.compile(r"stack|heap", re.IGNORECASE)
# A heap writes its first chunk's size here, within the alignment of what is before it.
_HEAP_START = 64 // _WORD


class StackUse(NamedTuple):
    """Bytes: the most that was `used`, and all that were there for the stack."""

    used: int
    reserved: int


def stack_of(elf: Elf, memory: Memory) -> range | None:
    """Return the RAM of `memory` that the stack of `elf` may grow into; None if that is not known.

    It ends where the stack pointer begins: in an RTOS, that is the stack of interrupts. It
    begins after what lies below in the ELF, but for sections that are called after stack or
    heap; a stack that is a variable, as in Zephyr, begins with that.
    """
    first = elf.read(memory.flash.origin, _WORD)
    top = int.from_bytes(first, "little") if first else 0
    if not memory.ram.origin < top <= memory.ram.end:
        return None
    bottom = max([memory.ram.origin, *(end for _, end in _occupied(elf) if end < top)])
    if any(begin < top <= end for begin, end in _occupied(elf)):
        variable = elf.variable_at(top - 1)
        bottom = max(bottom, variable.start) if variable else top
    area = range(-(-bottom // _WORD) * _WORD, top // _WORD * _WORD)
    return area or None


def _occupied(elf: Elf) -> Iterator[tuple[int, int]]:
    """Yield begin and end of what holds something from the start on."""
    with elf.opened() as file:
        for section in file.iter_sections():
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and not _RESERVED.search(section.name):
                yield section["sh_addr"], section["sh_addr"] + section["sh_size"]


def paint(area: range) -> bytes:
    """Return what `area` is painted with."""
    return PAINT.to_bytes(_WORD, "little") * (len(area) // _WORD)


def stack_use(found: bytes) -> StackUse | None:
    """Return the use of a stack whose area holds `found`; None if no paint is left.

    It is all above the lowest word that was touched. Where there is a heap that word is the
    heap's: then it is all above the longest stretch of paint.
    """
    untouched = np.frombuffer(found, "<u4") == PAINT
    edges = np.flatnonzero(np.diff(untouched, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    if not begins.size:
        return None
    lowest = begins[0] == 0 and ends[0] >= _HEAP_START
    stretch = 0 if lowest else int(np.argmax(ends - begins))
    size = untouched.size
    return StackUse(_WORD * int(size - ends[stretch]), _WORD * int(size - begins[stretch]))
