"""Instructions that fault for some values of a register, whatever they access.

Armv7-M ARM (DDI 0403E): A3.2.1 alignment, A5.2 and A5.3 encodings, B1.4.1 bits 1 and 0 of the stack
pointers; Armv8-M ARM (DDI 0553): C2.2 for LDA, STL and their exclusive forms. The stack pointer and
the program counter are always aligned as base registers, and every offset of these instructions is
a multiple of the required alignment.
"""

from typing import NamedTuple

_HALFWORD, _WORD, _ANY = 1, 3, 0  # address bits that must be zero
_SP, _PC = 13, 15
_LDM_STM = 0xC  # the first four bits of the 16-bit instructions
_MOV_SP, _MSR, _STACK_POINTERS, _BASEPRI = 0x4685, 0xF380, (0x8808, 0x8809), (0x8811, 0x8812)
_FRAME_POINTER = 7  # compilers end functions with MOV SP, R7, and have aligned it
_DIVISION = (0xFFD0, 0xFB90, 0xF0, 0xF0)  # SDIV, UDIV

# A mask and a value for the first halfword, the same for the second, and the bits of the base
# register that must be zero. The first row that matches applies.
_ACCESSES = (
    (0xFFC0, 0xE880, 0x0000, 0x0000, _WORD),  # LDM, STM
    (0xFFC0, 0xE900, 0x0000, 0x0000, _WORD),  # LDMDB, STMDB
    (0xFF40, 0xE940, 0x0000, 0x0000, _WORD),  # LDRD, STRD
    (0xFF60, 0xE860, 0x0000, 0x0000, _WORD),  # LDRD, STRD, post-indexed
    (0xFFF0, 0xE840, 0xF000, 0xF000, _ANY),  # TT
    (0xFFE0, 0xE840, 0x0000, 0x0000, _WORD),  # LDREX, STREX
    (0xFFE0, 0xE8C0, 0x00F0, 0x0050, _HALFWORD),  # LDREXH, STREXH
    (0xFFE0, 0xE8C0, 0x00F0, 0x0090, _HALFWORD),  # LDAH, STLH
    (0xFFE0, 0xE8C0, 0x00F0, 0x00D0, _HALFWORD),  # LDAEXH, STLEXH
    (0xFFE0, 0xE8C0, 0x00F0, 0x00A0, _WORD),  # LDA, STL
    (0xFFE0, 0xE8C0, 0x00F0, 0x00E0, _WORD),  # LDAEX, STLEX
    (0xFF80, 0xEC80, 0x0E00, 0x0A00, _WORD),  # VLDM, VSTM
    (0xFF00, 0xED00, 0x0E00, 0x0A00, _WORD),  # VLDR, VSTR, VLDMDB, VSTMDB
)


class Operand(NamedTuple):
    """A register that must be suitable: a base register with zeros in `mask`, or a divisor.

    A divisor has no mask; it must not be zero while CCR.DIV_0_TRP is set. What is `copied` to a
    stack pointer or BASEPRI must not have the bits in `mask`, which silicon drops and the emulator
    keeps.
    """

    register: int
    mask: int
    copied: bool = False

    @property
    def divides(self) -> bool:
        """Whether it is a divisor."""
        return not self.mask


def operand_of(first: int, second: int | None, priority_bits: int = 8) -> Operand | None:
    """Return the operand of an instruction that must be suitable; None if it has none.

    `second` is the second halfword of a 32-bit instruction. BASEPRI has this number of
    `priority_bits`.
    """
    if second is None:
        return _operand_of_narrow(first)
    if first & 0xFFF0 == _MSR:
        return _operand_of_msr(first & 0xF, second, 0xFF >> priority_bits)
    if _matches(first, second, *_DIVISION):
        return Operand(second & 0xF, 0)
    base = first & 0xF
    if base in (_SP, _PC):
        return None
    for *pattern, mask in _ACCESSES:
        if _matches(first, second, *pattern):
            return Operand(base, mask) if mask else None
    return None


def _operand_of_msr(source: int, second: int, unimplemented: int) -> Operand | None:
    if second in _STACK_POINTERS:
        return Operand(source, _WORD, copied=True)
    if second in _BASEPRI and unimplemented:
        return Operand(source, unimplemented, copied=True)
    return None


def _operand_of_narrow(code: int) -> Operand | None:
    source = code >> 3 & 0xF
    if code & 0xFF87 == _MOV_SP and source not in (_FRAME_POINTER, _SP, _PC):
        return Operand(source, _WORD, copied=True)
    return Operand(code >> 8 & 7, _WORD) if code >> 12 == _LDM_STM else None


def _matches(
    first: int, second: int, first_mask: int, first_value: int, second_mask: int, second_value: int
) -> bool:
    return first & first_mask == first_value and second & second_mask == second_value
