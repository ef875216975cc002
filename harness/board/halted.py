"""Location and fault of a halted core; works with any firmware."""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from harness.board.active_fault import EXCEPTION, FAULTS, Read, active_fault
from harness.board.exception_frame import fault_frame
from harness.elf import Elf
from harness.link.fault_registers import causes, code_location, describe, remedy
from harness.link.messages import Fault

STATUS_ADDRESSES = (0xE000_ED28, 0xE000_ED2C, 0xE000_ED34, 0xE000_ED38)
"""CFSR, HFSR, MMFAR and BFAR (Armv7-M ARM, DDI 0403E, B3.2)."""
USES_PSP = 1 << 2
"""The bit in EXC_RETURN for a frame on the process stack (B1.5.8)."""

_STATUS = struct.Struct("<II4xII")  # the registers of `STATUS_ADDRESSES`, in memory


class Location(NamedTuple):
    """Where a core is, in words, and what to do if it handles a fault there; otherwise empty."""

    text: str
    remedy: str = ""


def whereabouts(registers: Mapping[str, int], read: Read, elf: Elf) -> Location:
    """Return the core's location, and the fault if the core is in a fault handler.

    `registers` are those of `fault_frame`.
    """
    pc, lr = registers["pc"], registers["lr"]
    exception = registers["xpsr"] & EXCEPTION
    name = FAULTS.get(exception) or (active_fault(read) if exception else "")
    if not name:
        return Location(f"at {code_location(pc, lr, elf.locate)}")
    status = _STATUS.unpack(read(STATUS_ADDRESSES[0], _STATUS.size).ljust(_STATUS.size, b"\0"))
    stacked = fault_frame(registers, read, elf)
    if stacked is None:
        text = "\n    ".join(causes(*status))
    else:
        fault = Fault(*[*stacked.registers, stacked.sp, stacked.exc_return, *status])
        text = describe(fault, elf.locate)
    cfsr, hfsr, *_ = status
    return Location(f"at {elf.locate(pc)}, in the handler of a {name}: {text}", remedy(cfsr, hfsr))
