"""Location and fault of a halted core; works with any firmware."""

import struct
from collections.abc import Mapping

from harness.board.active_fault import EXCEPTION, FAULTS, Read, active_fault
from harness.board.exception_frame import fault_frame
from harness.elf import Elf
from harness.link.fault_registers import causes, code_location, describe
from harness.link.messages import Fault

STATUS_ADDRESSES = (0xE000_ED28, 0xE000_ED2C, 0xE000_ED34, 0xE000_ED38)
"""CFSR, HFSR, MMFAR and BFAR (Armv7-M ARM, DDI 0403E, B3.2)."""
USES_PSP = 1 << 2
"""The bit in EXC_RETURN for a frame on the process stack (B1.5.8)."""

_IN_HANDLER = "in the handler of a "
_STATUS = struct.Struct("<II4xII")  # the registers of `STATUS_ADDRESSES`, in memory


def whereabouts(registers: Mapping[str, int], read: Read, elf: Elf) -> str:
    """Return the core's location, and the fault if the core is in a fault handler.

    `registers` are those of `fault_frame`. The remedy is that of `remedy_of`.
    """
    pc, lr = registers["pc"], registers["lr"]
    exception = registers["xpsr"] & EXCEPTION
    name = FAULTS.get(exception) or (active_fault(read) if exception else "")
    if not name:
        return f"at {code_location(pc, lr, elf.locate)}"
    status = _STATUS.unpack(read(STATUS_ADDRESSES[0], _STATUS.size).ljust(_STATUS.size, b"\0"))
    stacked = fault_frame(registers, read, elf)
    if stacked is None:
        text = "\n    ".join(causes(*status))
    else:
        fault = Fault(*[*stacked.registers, stacked.sp, stacked.exc_return, *status])
        text = describe(fault, elf.locate)
    return f"at {elf.locate(pc)}, {_IN_HANDLER}{name}: {text}"


def remedy_of(location: str) -> str:
    """Return what to do about a core at this `location`; empty if it is in no fault handler."""
    return "correct what caused the fault" if _IN_HANDLER in location else ""
