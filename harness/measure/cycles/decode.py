"""Classifies an instruction for the cycle model: its kind, and its relevant registers.

Capstone decodes single instructions: their boundaries are known, and their cost does not depend
on their address.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import capstone
from capstone import arm_const

from harness.errors import InfrastructureError

Kind = Literal[
    "data",
    "multiply",
    "multiply_accumulate",
    "multiply_long",
    "multiply_accumulate_long",
    "divide",
    "load",
    "store",
    "store_indexed",
    "multiple",
    "multiple_to_pc",
    "branch",
    "call",
    "table_branch",
    "it",
    "special_register",
    "barrier",
    "float",
    "float_accumulate",
    "float_divide",
    "float_move_two",
]
"""Rows of costs.toml. `multiple`: also LDRD, STRD and all loads and stores of floats."""

KINDS: tuple[Kind, ...] = get_args(Kind)
MEMORY = frozenset({"load", "store", "store_indexed", "multiple", "multiple_to_pc"})
"""The kinds that compute an address."""
DATA = frozenset({"data", "divide", *(kind for kind in KINDS if kind.startswith("multiply"))})
"""Data processing: the kinds that compute a register."""

_NAMES: dict[str, Kind] = {
    **dict.fromkeys(("b", "bx", "blx", "cbz", "cbnz"), "branch"),
    **dict.fromkeys(("tbb", "tbh"), "table_branch"),
    **dict.fromkeys(("mrs", "msr"), "special_register"),
    **dict.fromkeys(("dmb", "dsb", "isb"), "barrier"),
    **dict.fromkeys(("sdiv", "udiv"), "divide"),
    **dict.fromkeys(("mla", "mls"), "multiply_accumulate"),
    **dict.fromkeys(("smull", "umull"), "multiply_long"),
    **dict.fromkeys(("smlal", "umlal", "umaal"), "multiply_accumulate_long"),
    **dict.fromkeys(("vdiv", "vsqrt"), "float_divide"),
    **dict.fromkeys(
        ("vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms"), "float_accumulate"
    ),
    "bl": "call",
    "mul": "multiply",
    "it": "it",
}
_MULTIPLE = ("ldm", "stm", "push", "pop", "ldrd", "strd", "vld", "vst", "vpush", "vpop")
_LOAD, _STORE = ("ldr", "lda", "strex"), ("str", "stl")  # STREX is treated as a load: M4's 3.3.3
_FLOAT = ("v", "fconst", "fmstat")  # capstone's names for some VMOV and VMRS
_DOUBLES = range(arm_const.ARM_REG_D0, arm_const.ARM_REG_D31 + 1)


@dataclass(frozen=True)
class Instruction:
    """An instruction of `kind`; a `multiple` one moves `words` words.

    `address` are the registers from which it computes an address, `written` the registers that
    it writes; with `base_update` it also writes back the address.
    """

    kind: Kind
    words: int
    address: frozenset[int]
    written: frozenset[int]
    wide: bool
    base_update: bool


@cache
def instruction(code: bytes) -> Instruction:
    """Classify the 2 or 4 bytes `code`; `InfrastructureError` if capstone cannot decode them."""
    decoded = next(_decoder().disasm(code, 0, 1), None)
    if decoded is None or decoded.size != len(code):
        raise InfrastructureError(
            f"capstone {capstone.__version__} does not know the instruction {code.hex()}",
            remedy="pip install --upgrade capstone",
        )
    written = frozenset(decoded.regs_access()[1])
    kind = _kind(decoded, written)
    memory = kind in MEMORY
    return Instruction(
        kind=kind,
        words=_words(decoded) if kind.startswith("multiple") and memory else 0,
        address=_address(decoded) if memory else frozenset(),
        written=written,
        wide=decoded.size > 2,  # noqa: PLR2004 - two halfwords
        base_update=memory and bool(decoded.writeback),
    )


@cache
def _decoder() -> capstone.Cs:
    mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, mode)
    decoder.detail = True
    return decoder


def _kind(decoded: Any, written: frozenset[int]) -> Kind:
    name: str = decoded.insn_name()
    if name in _NAMES:
        return _NAMES[name]
    if name.startswith(_MULTIPLE):
        return "multiple_to_pc" if arm_const.ARM_REG_PC in written else "multiple"
    if name.startswith(_LOAD):
        return "load"
    if name.startswith(_STORE):
        indexed = any(operand.mem.index for operand in _memory(decoded))
        return "store_indexed" if indexed else "store"
    if name.startswith(_FLOAT):
        two = name == "vmov" and len(_registers(decoded)) > 2  # noqa: PLR2004 - and a D register
        return "float_move_two" if two else "float"
    return "data"


def _memory(decoded: Any) -> list[Any]:
    return [operand for operand in decoded.operands if operand.type == arm_const.ARM_OP_MEM]


def _registers(decoded: Any) -> list[int]:
    return [operand.reg for operand in decoded.operands if operand.type == arm_const.ARM_OP_REG]


def _address(decoded: Any) -> frozenset[int]:
    """Return the registers of the address: in brackets, before the list, or SP."""
    if memory := _memory(decoded):
        return frozenset({memory[0].mem.base, memory[0].mem.index} - {0})
    if decoded.insn_name().endswith(("push", "pop")):
        return frozenset({arm_const.ARM_REG_SP})
    return frozenset(_registers(decoded)[:1])


def _words(decoded: Any) -> int:
    """Return the number of words loaded or stored; a D register has two."""
    listed = _registers(decoded)
    if not _memory(decoded) and not decoded.insn_name().endswith(("push", "pop")):
        listed = listed[1:]
    return sum(2 if register in _DOUBLES else 1 for register in listed)
