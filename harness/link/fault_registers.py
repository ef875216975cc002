"""Describes a fault's registers in words."""

from collections.abc import Callable

from harness.link.messages import Fault

# Armv7-M ARM (DDI 0403E), B3.2.15: Configurable Fault Status Register.
_CFSR = {
    0: "IACCVIOL: instruction fetch from a forbidden address",
    1: "DACCVIOL: data access to a forbidden address",
    3: "MUNSTKERR: forbidden address while leaving an exception",
    4: "MSTKERR: forbidden address while entering an exception",
    5: "MLSPERR: forbidden address while saving float registers",
    8: "IBUSERR: bus error on an instruction fetch",
    9: "PRECISERR: bus error on a data access",
    10: "IMPRECISERR: bus error on an earlier data access",
    11: "UNSTKERR: bus error while leaving an exception",
    12: "STKERR: bus error while entering an exception (stack overflow?)",
    13: "LSPERR: bus error while saving float registers",
    16: "UNDEFINSTR: undefined instruction",
    17: "INVSTATE: jump to an address without the Thumb bit",
    18: "INVPC: invalid return from an exception",
    19: "NOCP: coprocessor or FPU is off",
    20: "STKOF: the stack pointer is below its limit (stack overflow)",  # Armv8-M
    24: "UNALIGNED: unaligned access",
    25: "DIVBYZERO: division by zero",
}
_MMARVALID = 1 << 7
_BFARVALID = 1 << 15
_HFSR_VECTTBL = 1 << 1
# Where code can be: not in the vectors of the exceptions at 0, nor where the core never executes
# (Armv7-M ARM, DDI 0403E, B1.5.3 and B3.1).
_CALLERS = range(0x40, 0xE000_0000)
# On a core with fault status registers, every fault sets a bit; a hard fault at least one of HFSR.
_NO_STATUS = (
    "no fault status: Armv6-M has none. There, the cause can be an unaligned access, an address "
    "without memory or an undefined instruction; on another core, an exception without a handler"
)


def causes(cfsr: int, hfsr: int, mmfar: int, bfar: int) -> list[str]:
    """Return the causes in one line, and one line for each faulting address."""
    reasons = [text for bit, text in _CFSR.items() if cfsr >> bit & 1]
    if hfsr & _HFSR_VECTTBL:
        reasons.append("VECTTBL: the vector table could not be read")
    unknown = "no cause reported" if cfsr or hfsr else _NO_STATUS
    lines = ["; ".join(reasons) or unknown]
    if cfsr & _MMARVALID:
        lines.append(f"address {mmfar:#010x}")
    if cfsr & _BFARVALID:
        lines.append(f"address {bfar:#010x}")
    return lines


def code_location(pc: int, lr: int, locate: Callable[[int], str]) -> str:
    """Return the place of `pc` in the code, and that of the call, if `lr` can be a return address.

    A function that has saved LR may keep any value in it; in a handler, LR is EXC_RETURN.
    """
    if not lr & 1 or lr not in _CALLERS:
        return locate(pc)
    # LR is the return address; the call instruction lies before it.
    return f"{locate(pc)}, called from {locate(lr - 2)}"


def describe(fault: Fault, locate: Callable[[int], str]) -> str:
    """Return causes, addresses and the location in the code, each on a line."""
    lines = causes(fault.cfsr, fault.hfsr, fault.mmfar, fault.bfar)
    if fault.pc:
        lines.append(f"pc {code_location(fault.pc, fault.lr, locate)}")
    else:
        lines.append(
            "the stack pointer was outside the stack: an overflow? "
            "`stack` in the target file sets its size, and in your own firmware the linker script"
        )
    lines.append(f"sp {fault.sp:#010x} cfsr {fault.cfsr:#010x} hfsr {fault.hfsr:#010x}")
    return "\n    ".join(lines)
