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
_STACK = (
    "give the stack more room: `stack` in the target file sets its size; in your own firmware, the "
    "linker script or the RTOS does"
)
_REMEDIES = (
    (1 << 4 | 1 << 5 | 1 << 12 | 1 << 13 | 1 << 20, _STACK),
    (
        1 << 24,
        "align the address to the size of the access. LDM, STM, LDRD, STRD and VLDR always need 4 "
        "bytes; others may be unaligned unless CCR.UNALIGN_TRP is set",
    ),
    (1 << 25, "do not divide by 0, or clear CCR.DIV_0_TRP if a quotient of 0 is right"),
    (1 << 19, "switch the FPU on in CPACR before the first float instruction, or compile without"),
    (
        1 << 17,
        "a function pointer or a vector has an even address: was it never set, or overwritten?",
    ),
    (1 << 16, "is the code compiled for this core? Or does it stop itself, with a trap or assert?"),
    (
        1 << 0 | 1 << 8,
        "a function pointer or return address leads to where no code is: is it set? Was the stack "
        "overwritten?",
    ),
    (1 << 3 | 1 << 11 | 1 << 18, "was the stack overwritten, or the return from an exception?"),
    (1 << 1, "does the pointer lead where it should, and do the regions of the MPU allow it?"),
    (
        1 << 9,
        "does the pointer lead where it should? Is a device there on this chip, and is its clock "
        "on?",
    ),
    (1 << 10, "a store before this place failed; set ACTLR.DISDEFWBUF, and the place is exact"),
)
"""What to do about the bits of CFSR; the stack comes first, since its overflow explains others."""
_UNKNOWN = "correct what caused the fault"
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


def remedy(cfsr: int, hfsr: int) -> str:
    """Return what to do about a fault with these status registers."""
    if hfsr & _HFSR_VECTTBL:
        return "is the vector table where VTOR points, and is memory there?"
    return next((text for bits, text in _REMEDIES if cfsr & bits), _UNKNOWN)


def code_location(pc: int, lr: int, locate: Callable[[int], str]) -> str:
    """Return the place of `pc` in the code, and that of the call, if `lr` can be a return address.

    A function that has saved LR may keep any value in it; in a handler, LR is EXC_RETURN. If LR
    is in the same function, that has called another one, which has returned.
    """
    place = locate(pc)
    if not lr & 1 or lr not in _CALLERS:
        return place
    caller = locate(lr - 2)  # LR is the return address; the call instruction lies before it.
    returned = caller.partition(" ")[0] == place.partition(" ")[0]
    return place if returned else f"{place}, called from {caller}"


def describe(fault: Fault, locate: Callable[[int], str]) -> str:
    """Return causes, addresses and the location in the code, each on a line."""
    lines = causes(fault.cfsr, fault.hfsr, fault.mmfar, fault.bfar)
    if fault.pc:
        lines.append(f"pc {code_location(fault.pc, fault.lr, locate)}")
    else:
        lines.append("the stack pointer was outside the stack: an overflow?")
    lines.append(f"sp {fault.sp:#010x} cfsr {fault.cfsr:#010x} hfsr {fault.hfsr:#010x}")
    return "\n    ".join(lines)
