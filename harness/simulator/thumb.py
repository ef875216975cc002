"""Scans the instructions of a basic block before it runs.

Armv7-M Architecture Reference Manual (DDI 0403E), chapter A5: instruction lengths
(A5.1), hints (A5.2.5, A5.3.4), CPS and MSR (B5.2), coprocessor space (A5.3.18).
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from harness.simulator.thumb_operands import Operand, operand_of
from harness.simulator.undefined_encodings import Undefined

_FIRST_WIDE = 0b11101  # of the first halfword's top five bits: a 32-bit instruction
_IT, _IT_MASK = 0xBF, 0xF
WFI, WFE, YIELD = 0xBF30, 0xBF20, 0xBF10
_SEV, _CPSIE, _CPS_F = 0xBF40, 0xB660, 0xB661
_WIDE_HINT, _WIDE_WFE, _WIDE_SEV = 0xF3AF, 0x8002, 0x8004
_MRS, _BASEPRI = 0xF3EF, (0x11, 0x12)
_MSR, _COPROCESSOR, _FPU = 0xF380, 0xEC00, 0xA


class Special(Enum):
    """An instruction that the emulator alone does not handle correctly."""

    UNMASK = auto()
    """CPSIE, or MSR to PRIMASK or BASEPRI, which may unmask an interrupt."""
    FAULTMASK = auto()
    """CPS or MSR that changes FAULTMASK."""
    CONTROL = auto()
    """MSR to CONTROL, which may end the privilege."""
    READ_BASEPRI = auto()
    """MRS of BASEPRI; the emulator keeps bits of it that are not implemented."""
    SEND_EVENT = auto()
    WAIT_FOR_EVENT = auto()
    UNDEFINED = auto()
    """An undefined instruction that the emulator would execute."""
    FLOAT = auto()
    """An FPU instruction; it needs access to coprocessors 10 and 11."""


_SPECIAL_REGISTERS = {  # that MSR writes
    0x10: Special.UNMASK,  # PRIMASK
    0x11: Special.UNMASK,  # BASEPRI
    0x12: Special.UNMASK,  # BASEPRI_MAX
    0x13: Special.FAULTMASK,
    0x14: Special.CONTROL,
}


@dataclass(frozen=True)
class Block:
    """A basic block: `size` bytes of instructions from address `start` on.

    `offsets` are the offsets of its instructions from `start`, in bytes. `in_it` maps the offsets
    of the instructions in an IT block to their ITSTATE, `specials` are the special instructions
    with their offsets. `positions` maps an offset to the instruction's index. `operands` maps the
    address of an instruction that faults for some values of a register to this `Operand`.
    """

    start: int
    size: int
    offsets: tuple[int, ...]
    in_it: dict[int, int]
    specials: tuple[tuple[int, Special], ...]
    positions: dict[int, int] = field(repr=False)
    operands: dict[int, Operand]

    @property
    def count(self) -> int:
        """The number of instructions in the block."""
        return len(self.offsets)

    @property
    def end(self) -> int:
        """The address after the last instruction."""
        return self.start + self.size


def is_wide(halfword: int) -> bool:
    """Return whether `halfword` is the first half of a 32-bit instruction."""
    return halfword >> 11 >= _FIRST_WIDE


def scan(start: int, code: memoryview, undefined: Undefined | None = None) -> Block:
    """Return the block with the bytes `code` at address `start`.

    `undefined` finds the instructions that the emulator has and the core does not.
    """
    offsets = []
    in_it = {}
    specials = []
    operands = {}
    state = 0  # ITSTATE (A7.3.2)
    offset = 0
    while offset < len(code):
        first = code[offset] | code[offset + 1] << 8
        wide = is_wide(first) and offset + 4 <= len(code)
        second = code[offset + 2] | code[offset + 3] << 8 if wide else 0
        offsets.append(offset)
        if state:
            in_it[offset] = state
            state = state & 0xE0 | state << 1 & 0x1F if state & 7 else 0
        elif it_length(first):
            state = first & 0xFF
        operand = operand_of(first, second if wide else None)
        if operand is not None:
            operands[start + offset] = operand
        special = _special_wide(first, second) if wide else _special_narrow(first)
        if undefined is not None and undefined(first, second if wide else None):
            special = Special.UNDEFINED
        if special is not None:
            specials.append((offset, special))
        offset += 4 if wide else 2
    positions = {offset: index for index, offset in enumerate(offsets)}
    return Block(start, len(code), tuple(offsets), in_it, tuple(specials), positions, operands)


def it_length(halfword: int) -> int:
    """Return how many instructions an IT makes conditional; 0 for other instructions (A7.7.38)."""
    mask = halfword & _IT_MASK
    if halfword >> 8 != _IT or not mask:
        return 0
    return 5 - (mask & -mask).bit_length()  # the lowest one bit ends the mask


def is_hint(last: int, hint: int) -> bool:
    """Return whether the four bytes `last` end with `hint`, as a 16-bit or a 32-bit instruction."""
    wide = _WIDE_HINT | (0x8000 | hint >> 4 & 0xF) << 16
    return last >> 16 == hint or last == wide


def _special_narrow(code: int) -> Special | None:
    if code == WFE:
        return Special.WAIT_FOR_EVENT
    if code == _SEV:
        return Special.SEND_EVENT
    if code & 0xFFE1 == _CPS_F:
        return Special.FAULTMASK
    return Special.UNMASK if code & 0xFFF0 == _CPSIE else None


def _special_wide(first: int, second: int) -> Special | None:
    if first == _WIDE_HINT and second in (_WIDE_WFE, _WIDE_SEV):
        return Special.WAIT_FOR_EVENT if second == _WIDE_WFE else Special.SEND_EVENT
    if first == _MRS and second & 0xFF in _BASEPRI:
        return Special.READ_BASEPRI
    if first & 0xFFE0 == _MSR and second & 0xD000 == 1 << 15:
        return _SPECIAL_REGISTERS.get(second & 0xFF)
    # 111x 11xx: coprocessor space; Armv7-M does not have the SIMD instructions in it.
    if first & _COPROCESSOR == _COPROCESSOR and second >> 8 & 0xE == _FPU:
        return Special.FLOAT
    return None
