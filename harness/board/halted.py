"""Where a halted core is, and which fault it has taken, whoever wrote its firmware."""

import struct
from collections.abc import Callable, Mapping

from harness.link.fault_registers import causes, describe
from harness.link.messages import Fault

STATUS = struct.Struct("<II4xII")
"""CFSR, HFSR, MMFAR and BFAR as they lie behind each other (Armv7-M ARM, B3.2)."""
STATUS_ADDRESS = 0xE000_ED28

_FRAME = struct.Struct("<8I")  # r0 to r3, r12, lr, pc, xpsr: B1.5.6
_EXCEPTION = 0x1FF  # of xPSR
# Armv7-M ARM, B1.5.2; Armv8-M ARM, B3.9
_FAULTS = {3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault", 7: "SecureFault"}
_EXC_RETURN = 0xFFFF_FF00  # B1.5.8: what is above this is none of code's addresses
_USES_PSP = 1 << 2


def whereabouts(
    registers: Mapping[str, int],
    read: Callable[[int, int], bytes],
    locate: Callable[[int], str],
) -> str:
    """Return where a core is, and the fault in whose handler it is, if it is in one.

    `registers` are pc, lr, xpsr, msp, and psp where it can be told; `read` returns so many bytes at
    an address, or fewer where there is no memory.
    """
    pc, lr = registers["pc"], registers["lr"]
    name = _FAULTS.get(registers["xpsr"] & _EXCEPTION)
    if name is None:
        # LR is where the call returns to; the call itself lies before it.
        return f"at {locate(pc)}, called from {locate(max(lr - 2, 0))}"
    status = STATUS.unpack(read(STATUS_ADDRESS, STATUS.size).ljust(STATUS.size, b"\0"))
    # A handler that has not called anything still has EXC_RETURN, and the frame on the stack.
    sp = registers.get("psp" if lr & _USES_PSP else "msp") if lr >= _EXC_RETURN else None
    frame = read(sp, _FRAME.size) if sp is not None else b""
    if sp is not None and len(frame) == _FRAME.size:
        text = describe(Fault(*[*_FRAME.unpack(frame), sp, lr, *status]), locate)
    else:
        text = "\n    ".join(causes(*status))
    return f"at {locate(pc)}, in the handler of a {name}: {text}"
