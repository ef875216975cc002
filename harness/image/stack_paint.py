"""Measures the stack depth of prebuilt firmware: RAM is painted before the start.

A core loads its stack pointer from the first word of the vector table; the stack grows down. The
RAM below it, down to the end of the program's own data, is painted before the program starts.
Afterwards the heap may have grown up from below; paint is left between heap and stack.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from elftools.elf.constants import SH_FLAGS

from harness.elf import Elf
from harness.support.memory_map import Region

PAINT = 0xA5A5A5A5
"""The word that fills untouched memory, the same as in firmware/ports/cortexm/startup.c."""

_WORD = 4
# Sections that only reserve memory and have no content at start.
_RESERVED = re.compile(r"stack|heap", re.IGNORECASE)
# In words. A heap writes the size of its first chunk within this distance of its start.
_HEAP_START = 64 // _WORD


class StackUse(NamedTuple):
    """Bytes of stack: the maximum `used`, and the bytes `reserved` for it."""

    used: int
    reserved: int


def stack_of(elf: Elf, vectors: int, ram: Region) -> range | None:
    """Return the part of `ram` that the stack of `elf` may grow into; None if it is unknown.

    `vectors` is the address of its vector table.

    It ends at the initial stack pointer; with an RTOS, that is the stack of interrupts. It begins
    after the ELF's data below, not counting sections named after stack or heap. If the stack is a
    variable, as in Zephyr, it begins with this variable.
    """
    first = elf.read(vectors, _WORD)
    top = int.from_bytes(first, "little") if first else 0
    if not ram.origin < top <= ram.end:
        return None
    bottom = max([ram.origin, *(end for _, end in _occupied(elf) if end < top)])
    if any(begin < top <= end for begin, end in _occupied(elf)):
        variable = elf.variable_at(top - 1)
        bottom = max(bottom, variable.start) if variable else top
    area = range(-(-bottom // _WORD) * _WORD, top // _WORD * _WORD)
    return area or None


def _occupied(elf: Elf) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each section with content at start."""
    with elf.opened() as file:
        for section in file.iter_sections():
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and not _RESERVED.search(section.name):
                yield section["sh_addr"], section["sh_addr"] + section["sh_size"]


def paint(area: range) -> bytes:
    """Return the bytes of paint for `area`."""
    return PAINT.to_bytes(_WORD, "little") * (len(area) // _WORD)


def stack_use(content: bytes) -> StackUse | None:
    """Return the use of a stack from the `content` of its area; None if no paint is left.

    The stack used everything above the lowest word that was overwritten. If there is a heap, that
    word belongs to the heap; then the stack used everything above the longest stretch of paint.
    """
    untouched = np.frombuffer(content, "<u4") == PAINT
    edges = np.flatnonzero(np.diff(untouched, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    if not begins.size:
        return None
    no_heap = begins[0] == 0 and ends[0] >= _HEAP_START
    stretch = 0 if no_heap else int(np.argmax(ends - begins))
    size = untouched.size
    return StackUse(_WORD * int(size - ends[stretch]), _WORD * int(size - begins[stretch]))
