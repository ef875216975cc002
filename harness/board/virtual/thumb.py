"""What must be known of the instructions in a basic block before it runs.

Armv7-M Architecture Reference Manual (DDI 0403E), chapter A5: instruction lengths
(A5.1), hints (A5.2.5, A5.3.4), CPS and MSR (B5.2), coprocessor space (A5.3.18).
"""

from dataclasses import dataclass, field
from enum import Enum, auto

_FIRST_WIDE = 0b11101  # of the first halfword's top five bits: a 32-bit instruction
_IT_MASK = 0xF


class Special(Enum):
    """An instruction that the emulator cannot be left alone with."""

    UNMASK = auto()
    """May let an interrupt through: CPSIE, MSR."""
    SEND_EVENT = auto()
    WAIT_FOR_EVENT = auto()
    FLOAT = auto()
    """Needs access to coprocessors 10 and 11."""


@dataclass(frozen=True)
class Block:
    """Instructions from `start` on that run one after the other, `size` bytes of them.

    `offsets` are the first bytes of its instructions relative to `start`; `in_it` those
    of them that an IT instruction makes conditional; `specials` by offset.
    """

    start: int
    size: int
    offsets: tuple[int, ...]
    in_it: frozenset[int]
    specials: tuple[tuple[int, Special], ...]
    positions: dict[int, int] = field(repr=False)

    @property
    def count(self) -> int:
        """Instructions in the block."""
        return len(self.offsets)

    @property
    def end(self) -> int:
        """The address after the last instruction."""
        return self.start + self.size


def is_wide(halfword: int) -> bool:
    """Tell whether `halfword` begins a 32-bit instruction."""
    return halfword >> 11 >= _FIRST_WIDE


def scan(start: int, code: memoryview) -> Block:
    """Return the block that `code` at address `start` is."""
    offsets = []
    in_it = set()
    specials = []
    conditional = 0  # instructions that the last IT still covers
    offset = 0
    while offset < len(code):
        first = code[offset] | code[offset + 1] << 8
        wide = is_wide(first) and offset + 4 <= len(code)
        second = code[offset + 2] | code[offset + 3] << 8 if wide else 0
        offsets.append(offset)
        if conditional:
            in_it.add(offset)
            conditional -= 1
        elif first >> 8 == 0xBF and first & _IT_MASK:
            conditional = _covered(first)
        special = _special_wide(first, second) if wide else _special_narrow(first)
        if special is not None:
            specials.append((offset, special))
        offset += 4 if wide else 2
    positions = {offset: index for index, offset in enumerate(offsets)}
    return Block(start, len(code), tuple(offsets), frozenset(in_it), tuple(specials), positions)


def _covered(it: int) -> int:
    """Return how many instructions an IT covers: its mask ends with a one (A7.7.38)."""
    mask = it & _IT_MASK
    return 4 - (mask & -mask).bit_length() + 1


def _special_narrow(code: int) -> Special | None:
    if code == 0xBF20:
        return Special.WAIT_FOR_EVENT
    if code == 0xBF40:
        return Special.SEND_EVENT
    if code & 0xFFF0 == 0xB660:  # CPSIE
        return Special.UNMASK
    return None


def _special_wide(first: int, second: int) -> Special | None:
    if first == 0xF3AF and second in (0x8002, 0x8004):
        return Special.WAIT_FOR_EVENT if second == 0x8002 else Special.SEND_EVENT
    if first & 0xFFE0 == 0xF380 and second & 0xD000 == 0x8000:  # MSR
        return Special.UNMASK
    # 111x 11xx: coprocessor space, except where it is SIMD, which Armv7-M has not.
    if first & 0xEC00 == 0xEC00 and second >> 8 & 0xE == 0xA:
        return Special.FLOAT
    return None
