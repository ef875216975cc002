"""Finds what the core has stacked for a fault, however many functions its handler has called.

A handler that calls functions saves EXC_RETURN somewhere on its stack. Where, is in the ELF's call
frame information (DWARF 5, 6.4; .debug_frame), which compilers write with -g.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from elftools.dwarf.callframe import FDE

from harness.board.active_fault import EXCEPTION, FAULTS, Read
from harness.elf import Elf
from harness.errors import InputError

# Armv7-M ARM (DDI 0403E), B1.5.8: no code lies at or above this address.
_EXC_RETURN = 0xFFFF_FF00
_USES_PSP, _WITHOUT_FLOATS = 1 << 2, 1 << 4  # bits of EXC_RETURN
_BASIC = struct.Struct("<8I")  # r0 to r3, r12, lr, pc, xpsr: B1.5.6
_EXTENDED = 26 * 4  # bytes, with the registers of the FPU
_PADDED = 1 << 9  # bit of a stacked xPSR: one more word aligns the stack
_SP, _LR, _PC = 13, 14, 15
_DEEPEST = 64  # calls
_THUMB = ~1
_WORD = 4

Registers = dict[int, int]
"""Values of r0 to r15 by their number, as far as they are known."""


class Stacked(NamedTuple):
    """A frame that the core has stacked: r0 to r3, r12, lr, pc and xPSR; `sp` is its address."""

    sp: int
    exc_return: int
    registers: tuple[int, ...]


def fault_frame(registers: Mapping[str, int], read: Read, elf: Elf) -> Stacked | None:
    """Return the frame of the fault whose handler runs; None if it is not found.

    `registers` has r0 to r12, pc, lr, xpsr and msp, and psp if it is known. An interrupt may have
    interrupted the handler.
    """
    known: Registers = {number: registers[f"r{number}"] for number in range(_SP)}
    known |= {_SP: registers["msp"], _LR: registers["lr"], _PC: registers["pc"]}
    described = _described(elf)
    exception = registers["xpsr"] & EXCEPTION
    for _ in range(_DEEPEST):
        stacked = _newest(known, registers.get("psp"), read, described)
        if stacked is None or exception in FAULTS:
            return stacked
        exception = stacked.registers[-1] & EXCEPTION
        known = _interrupted(known, stacked)
    return None


def _newest(
    known: Registers, psp: int | None, read: Read, described: Sequence[Any]
) -> Stacked | None:
    """Return the newest frame; `known` becomes the registers at the entry to its handler."""
    at = known[_PC]
    for depth in range(_DEEPEST):
        caller = _unwound(known, at, read, described)
        known.update(caller)
        if known[_LR] >= _EXC_RETURN:
            sp = psp if known[_LR] & _USES_PSP else known[_SP]
            data = read(sp, _BASIC.size) if sp is not None else b""
            if sp is None or len(data) < _BASIC.size:
                return None
            return Stacked(sp, known[_LR], _BASIC.unpack(data))
        if not caller and depth:  # only the newest function can have saved nothing
            return None
        at = (known[_LR] & _THUMB) - 2  # the call lies before the return address
    return None


def _unwound(known: Registers, pc: int, read: Read, described: Sequence[Any]) -> Registers:
    """Return the registers of the caller of the function at `pc`, as far as they differ.

    There are none if the function is not described.
    """
    # Functions that the linker has removed are at 0, so the highest one counts.
    covering = [
        entry for entry in described if 0 <= pc - entry["initial_location"] < entry["address_range"]
    ]
    if not covering:
        return {}
    table = max(covering, key=lambda entry: entry["initial_location"]).get_decoded().table
    row = [row for row in table if row["pc"] <= pc][-1]
    if row["cfa"].reg not in known:
        return {}
    frame = known[row["cfa"].reg] + row["cfa"].offset
    caller = {_SP: frame}
    for number, rule in row.items():
        if isinstance(number, int) and rule.type == "OFFSET":
            caller[number] = int.from_bytes(read(frame + rule.arg, _WORD), "little")
    return caller


def _described(elf: Elf) -> list[Any]:
    """Return the call frame information of each function; none if the ELF has none."""
    try:
        with elf.opened() as file:
            dwarf = file.get_dwarf_info() if file.has_dwarf_info() else None
            if dwarf is None or not dwarf.has_CFI():
                return []
            return [entry for entry in dwarf.CFI_entries() if isinstance(entry, FDE)]
    except InputError:  # damaged debug information must not hide the fault
        return []


def _interrupted(known: Registers, stacked: Stacked) -> Registers:
    """Return the registers of a handler that an interrupt has interrupted."""
    *low, r12, lr, pc, xpsr = stacked.registers
    size = _BASIC.size if stacked.exc_return & _WITHOUT_FLOATS else _EXTENDED
    sp = stacked.sp + size + (_WORD if xpsr & _PADDED else 0)
    return {**known, **dict(enumerate(low)), 12: r12, _SP: sp, _LR: lr, _PC: pc}
