"""Location and fault of a halted core; works with any firmware."""

import struct
from collections.abc import Callable, Mapping

from harness.board.active_fault import EXCEPTION, FAULTS, Read, active_fault
from harness.link.fault_registers import causes, code_location, describe
from harness.link.messages import Fault

STATUS_ADDRESSES = (0xE000_ED28, 0xE000_ED2C, 0xE000_ED34, 0xE000_ED38)
"""CFSR, HFSR, MMFAR and BFAR (Armv7-M ARM, DDI 0403E, B3.2)."""
USES_PSP = 1 << 2
"""The bit in EXC_RETURN for a frame on the process stack (B1.5.8)."""

_IN_HANDLER = "in the handler of a "
_STATUS = struct.Struct("<II4xII")  # the registers of `STATUS_ADDRESSES`, in memory
_FRAME = struct.Struct("<8I")  # r0 to r3, r12, lr, pc, xpsr: B1.5.6
_EXC_RETURN = 0xFFFF_FF00  # B1.5.8: no code lies at or above this address


def whereabouts(
    registers: Mapping[str, int],
    read: Read,
    locate: Callable[[int], str],
) -> str:
    """Return the core's location, and the fault if the core is in a fault handler.

    `remedy_of` can tell which.

    `registers` has pc, lr, xpsr and msp, and psp if it is known.
    """
    pc, lr = registers["pc"], registers["lr"]
    exception = registers["xpsr"] & EXCEPTION
    name = FAULTS.get(exception) or (active_fault(read) if exception else "")
    if not name:
        return f"at {code_location(pc, lr, locate)}"
    status = _STATUS.unpack(read(STATUS_ADDRESSES[0], _STATUS.size).ljust(_STATUS.size, b"\0"))
    # Until the handler calls a function, LR holds EXC_RETURN and SP points to the stacked frame.
    is_new = lr >= _EXC_RETURN and exception in FAULTS
    sp = registers.get("psp" if lr & USES_PSP else "msp") if is_new else None
    frame = read(sp, _FRAME.size) if sp is not None else b""
    if sp is not None and len(frame) == _FRAME.size:
        text = describe(Fault(*[*_FRAME.unpack(frame), sp, lr, *status]), locate)
    else:
        text = "\n    ".join(causes(*status))
    return f"at {locate(pc)}, {_IN_HANDLER}{name}: {text}"


def remedy_of(location: str) -> str:
    """Return what to do about a core at this `location`; empty if it is in no fault handler."""
    return "correct what caused the fault" if _IN_HANDLER in location else ""
