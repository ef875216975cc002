"""What a core that does not answer is doing."""

from pyocd.core.session import Session
from pyocd.core.target import Target

from harness.elf import Elf
from harness.link.fault import describe
from harness.link.messages import Fault

# Armv7-M ARM (DDI 0403E), B3.2: System Control Block.
_CFSR, _HFSR, _MMFAR, _BFAR = 0xE000ED28, 0xE000ED2C, 0xE000ED34, 0xE000ED38
_HARDFAULT = 3  # exception number, B1.5.2
_USES_PSP = 1 << 2  # in EXC_RETURN, B1.5.8
_STACKED_WORDS = 8
_PAINT = 0xA5A5A5A5  # firmware/ports/cortexm/startup.c


def crash(session: Session, elf: Elf) -> str | None:
    """Return what went wrong if the core stands still, None while it runs."""
    target = session.target
    state = target.get_state()
    if state is Target.State.LOCKUP:
        target.halt()
        return f"the core is in lockup, {_place(session, elf)}"
    if state is not Target.State.HALTED:
        return None
    if target.read_core_register("ipsr") == _HARDFAULT:
        return "HardFault: " + describe(_fault(session), elf.locate)
    return f"the core is halted, {_place(session, elf)}"


def whereabouts(session: Session, elf: Elf) -> str:
    """Halt a core that runs and return where it was and how much stack it has used."""
    session.target.halt()
    lines = [f"the core was {_place(session, elf)}"]
    stack = elf.symbols("stack_bottom", "stack_top")
    if stack is not None:
        words = session.target.read_memory_block32(stack[0], (stack[1] - stack[0]) // 4)
        painted = next((i for i, word in enumerate(words) if word != _PAINT), len(words))
        lines.append(f"stack: {4 * (len(words) - painted):,} of {4 * len(words):,} bytes used")
    return "\n".join(lines)


def _place(session: Session, elf: Elf) -> str:
    pc, lr = (session.target.read_core_register(name) for name in ("pc", "lr"))
    return f"at {elf.locate(pc)}, called from {elf.locate(lr)}"


def _fault(session: Session) -> Fault:
    """Return the registers as they were when the fault was taken, from the stacked frame."""
    target = session.target
    exc_return = target.read_core_register("lr")
    sp = target.read_core_register("psp" if exc_return & _USES_PSP else "msp")
    region = target.memory_map.get_region_for_address(sp)
    frame = [0] * _STACKED_WORDS
    if (
        region is not None
        and region.is_ram
        and region.contains_address(sp + 4 * _STACKED_WORDS - 1)
    ):
        frame = target.read_memory_block32(sp, _STACKED_WORDS)
    status = [target.read32(address) for address in (_CFSR, _HFSR, _MMFAR, _BFAR)]
    return Fault(
        **dict(zip(Fault.__dataclass_fields__, [*frame, sp, exc_return, *status], strict=True))
    )
