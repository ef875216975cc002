"""What must be known of the instructions in a basic block before it runs.

Armv7-M Architecture Reference Manual (DDI 0403E), chapter A5: instruction lengths
(A5.1), hints (A5.2.5, A5.3.4), CPS and MSR (B5.2), coprocessor space (A5.3.18).
"""

from dataclasses import dataclass, field
from enum import Enum, auto

_FIRST_WIDE = 0b11101  # of the first halfword's top five bits: a 32-bit instruction
_IT, _IT_MASK = 0xBF, 0xF
_WFE, _SEV, _CPSIE = 0xBF20, 0xBF40, 0xB660
_WIDE_HINT, _WIDE_WFE, _WIDE_SEV = 0xF3AF, 0x8002, 0x8004
_MSR, _COPROCESSOR, _FPU = 0xF380, 0xEC00, 0xA


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
        else:
            conditional = covered(first)
        special = _special_wide(first, second) if wide else _special_narrow(first)
        if special is not None:
            specials.append((offset, special))
        offset += 4 if wide else 2
    positions = {offset: index for index, offset in enumerate(offsets)}
    return Block(start, len(code), tuple(offsets), frozenset(in_it), tuple(specials), positions)


def covered(halfword: int) -> int:
    """Return how many instructions an IT makes conditional, 0 for what is no IT (A7.7.38)."""
    mask = halfword & _IT_MASK
    if halfword >> 8 != _IT or not mask:
        return 0
    return 5 - (mask & -mask).bit_length()  # the mask ends with a one


def _special_narrow(code: int) -> Special | None:
    if code == _WFE:
        return Special.WAIT_FOR_EVENT
    if code == _SEV:
        return Special.SEND_EVENT
    if code & 0xFFF0 == _CPSIE:
        return Special.UNMASK
    return None


def _special_wide(first: int, second: int) -> Special | None:
    if first == _WIDE_HINT and second in (_WIDE_WFE, _WIDE_SEV):
        return Special.WAIT_FOR_EVENT if second == _WIDE_WFE else Special.SEND_EVENT
    if first & 0xFFE0 == _MSR and second & 0xD000 == 1 << 15:
        return Special.UNMASK
    # 111x 11xx: coprocessor space, except where it is SIMD, which Armv7-M has not.
    if first & _COPROCESSOR == _COPROCESSOR and second >> 8 & 0xE == _FPU:
        return Special.FLOAT
    return None
