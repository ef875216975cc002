"""Why a core does not answer: lockup, fault, halt or a loop."""

import time
from functools import partial

from pyocd.core.session import Session
from pyocd.core.target import Target

from harness.board import halted
from harness.board.halted import Location
from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.image.stack_paint import PAINT
from harness.link.device_errors import DeviceFaultError, DeviceStoppedError
from harness.link.fault_registers import code_location, describe, remedy
from harness.link.messages import Fault

# Armv7-M ARM (DDI 0403E)
_PRIVATE_BUS = 0xE000_0000
_DHCSR = 0xE000EDF0  # C1.6.2
_S_RESET_ST = 1 << 25  # the core was reset since the last read of DHCSR
_HARDFAULT = 3  # exception number, B1.5.2
_STACKED_WORDS = 8
_HALT_DEADLINE = 0.5  # seconds
_RESET_PERIOD = 0.3


def crash(session: Session, elf: Elf) -> InfrastructureError | None:
    """Return the error of a core that is halted or locked up; None while it runs.

    It is a `DeviceFaultError` for a HardFault, which the probe catches before the firmware can
    report it, and a `DeviceStoppedError` otherwise.
    """
    target = session.target
    state = target.get_state()
    if state is Target.State.LOCKUP:
        _halt(target)
        fault = _lockup(session)
        text = describe(fault, elf.locate)
        return DeviceStoppedError(
            f"the core is in lockup: {text}", remedy=remedy(fault.cfsr, fault.hfsr)
        )
    if state is not Target.State.HALTED:
        return None
    if target.read_core_register("ipsr") == _HARDFAULT:
        fault = _stacked_fault(session)
        return DeviceFaultError(
            f"HardFault: {describe(fault, elf.locate)}", remedy=remedy(fault.cfsr, fault.hfsr)
        )
    pc, lr = (target.read_core_register(name) for name in ("pc", "lr"))
    return DeviceStoppedError(f"the core is halted, at {code_location(pc, lr, elf.locate)}")


def handled(session: Session, elf: Elf) -> DeviceFaultError:
    """Halt a core that stays in the handler of a fault, and return the error of it."""
    location = _halted_at(session, elf)
    return DeviceFaultError(f"the core stays {location.text}", remedy=location.remedy)


def whereabouts(session: Session, elf: Elf) -> Location:
    """Halt a running core; return its location and how much stack it has used."""
    resets = _keeps_resetting(session.target)
    location = _halted_at(session, elf)
    lines = [f"the core was {location.text}"]
    if resets:
        lines.append("it keeps resetting: a watchdog, the power supply, or the firmware itself?")
    stack = elf.symbols("stack_bottom", "stack_top")
    if stack is not None:
        words = session.target.read_memory_block32(stack[0], (stack[1] - stack[0]) // 4)
        painted = next((i for i, word in enumerate(words) if word != PAINT), len(words))
        lines.append(f"stack: {4 * (len(words) - painted):,} of {4 * len(words):,} bytes used")
    return Location("\n".join(lines), location.remedy)


def _halted_at(session: Session, elf: Elf) -> Location:
    """Halt a running core; return its location, and its fault if it handles one."""
    _halt(session.target)
    names = (*(f"r{number}" for number in range(13)), "pc", "lr", "xpsr", "msp", "psp")
    registers = {name: session.target.read_core_register(name) for name in names}
    return halted.whereabouts(registers, partial(read, session), elf)


def _keeps_resetting(target: Target) -> bool:
    """Return whether the core resets although the probe does not request it."""
    target.read32(_DHCSR)
    time.sleep(_RESET_PERIOD)
    return bool(target.read32(_DHCSR) & _S_RESET_ST)


def _halt(target: Target) -> None:
    """Halt and wait: pyOCD does not wait. If the core does not halt, reading registers fails."""
    target.halt()
    end = time.monotonic() + _HALT_DEADLINE
    while not target.is_halted() and time.monotonic() < end:
        pass


def read(session: Session, address: int, size: int) -> bytes:
    """Return `size` bytes at `address`; empty if there is no memory."""
    region = session.target.memory_map.get_region_for_address(address)
    inside = region is not None and region.contains_address(address + size - 1)
    if not inside and address < _PRIVATE_BUS:  # pyOCD's memory maps leave the private bus out
        return b""
    return bytes(session.target.read_memory_block8(address, size))


def _stacked_fault(session: Session) -> Fault:
    """Return the registers at the time of the fault, from the stacked frame."""
    target = session.target
    exc_return = target.read_core_register("lr")
    sp = target.read_core_register("psp" if exc_return & halted.USES_PSP else "msp")
    region = target.memory_map.get_region_for_address(sp)
    frame = [0] * _STACKED_WORDS
    if (
        region is not None
        and region.is_ram
        and region.contains_address(sp + 4 * _STACKED_WORDS - 1)
    ):
        frame = target.read_memory_block32(sp, _STACKED_WORDS)
    return _fault(session, [*frame, sp, exc_return])


def _lockup(session: Session) -> Fault:
    """Return the current registers: a core in lockup has not stacked a frame."""
    names = ("r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr", "sp")
    return _fault(session, [*(session.target.read_core_register(name) for name in names), 0])


def _fault(session: Session, registers: list[int]) -> Fault:
    """Return the fault with `registers`, in the order of `Fault`, and the fault status."""
    status = [session.target.read32(address) for address in halted.STATUS_ADDRESSES]
    return Fault(*registers, *status)
