"""Executes an IT block instruction by instruction, because Unicorn cannot stop inside one.

Armv7-M ARM (DDI 0403E), A7.3: the conditions, and ITSTATE, which xPSR keeps meanwhile. Unicorn
executes an instruction whose condition is true as if it were not in an IT block. Only the flags
differ then: there, narrow instructions other than comparisons set them (A5.2).
"""

from collections.abc import Callable
from typing import Protocol

from harness.simulator.bus import Bus
from harness.simulator.counting import InstructionCounter
from harness.simulator.registers import IT_STATE, XPSR, XPSR_ALL, Registers
from harness.simulator.stops import Reason, Stop
from harness.simulator.thumb import is_wide, it_length
from harness.simulator.undefined_encodings import Undefined

_FLAGS = 0xF000_0000  # N, Z, C, V
_BREAKPOINT = 0xBE  # BKPT ignores the condition
# CMP with a constant, TST, CMP and CMN, CMP of high registers: mask and value
_COMPARISONS = ((0xF800, 0x2800), (0xFFC0, 0x4200), (0xFF80, 0x4280), (0xFF00, 0x4500))


class Machine(Protocol):
    """What executes the instructions: see `Executor`."""

    pc: int
    bus: Bus
    registers: Registers
    counter: InstructionCounter
    undefined: Undefined

    def step(self) -> Stop:
        """Execute the instruction at `pc`, which is not in an IT block."""

    def pass_breakpoint(self) -> None:
        """Ignore a breakpoint at `pc` in the next step."""


def state(registers: Registers) -> int:
    """Return ITSTATE; it is 0 outside of IT blocks."""
    status = registers.read(XPSR)
    return status >> 8 & 0xFC | status >> 25 & 3


def passes(registers: Registers) -> bool:
    """Return whether the next instruction has no IT condition, or a true one."""
    now = state(registers)
    return not now or _passes(now >> 4, registers.read(XPSR) >> 28)


def single_step(machine: Machine) -> Stop:
    """Execute one instruction, which is perhaps an IT or in an IT block."""
    found = machine.bus.memory(machine.pc, 2)
    code = 0 if found is None else found[0].value(found[1], 2)
    before = state(machine.registers)
    if before:
        return _step_within(machine, code, before)
    if not it_length(code) or machine.undefined(code, None):
        return machine.step()
    _skip(machine, 2, code & 0xFF)
    return Stop(Reason.LIMIT)


def walk(machine: Machine, halts: Callable[[int], bool]) -> Stop:
    """Execute up to the end of the IT block; stop before an instruction whose address `halts`."""
    while True:
        if halts(machine.pc):
            return Stop(Reason.BREAKPOINT)
        stop = single_step(machine)
        if stop.reason is not Reason.LIMIT or not state(machine.registers):
            return stop


def _step_within(machine: Machine, code: int, before: int) -> Stop:
    after = before & 0xE0 | before << 1 & 0x1F if before & 7 else 0
    registers, address = machine.registers, machine.pc
    flags = registers.read(XPSR) & _FLAGS
    if code >> 8 != _BREAKPOINT and not _passes(before >> 4, flags >> 28):
        _skip(machine, 4 if is_wide(code) else 2, after)
        return Stop(Reason.LIMIT)
    _set_state(registers, 0)
    machine.pass_breakpoint()
    stop = machine.step()
    if stop.reason is Reason.LIMIT and not (is_wide(code) or _compares(code)):
        registers.write(XPSR_ALL, registers.read(XPSR) & ~_FLAGS | flags)
    failed = stop.reason is not Reason.LIMIT and machine.pc == address
    _set_state(registers, before if failed else after)
    return stop


def _skip(machine: Machine, size: int, it_state: int) -> None:
    machine.pc += size
    machine.counter.state.count += 1
    _set_state(machine.registers, it_state)


def _set_state(registers: Registers, it_state: int) -> None:
    bits = (it_state & 0xFC) << 8 | (it_state & 3) << 25
    registers.write(XPSR_ALL, registers.read(XPSR) & ~IT_STATE | bits)
    registers.refresh()


def _compares(code: int) -> bool:
    return any(code & mask == value for mask, value in _COMPARISONS)


def _passes(condition: int, flags: int) -> bool:
    """Return whether `condition` is true; `flags` are N, Z, C and V in four bits (A7.3.1)."""
    negative, zero, carry, overflow = (bool(flags & bit) for bit in (8, 4, 2, 1))
    result = (  # of EQ, CS, MI, VS, HI, GE, GT and AL; each is followed by its opposite
        zero,
        carry,
        negative,
        overflow,
        carry and not zero,
        negative == overflow,
        negative == overflow and not zero,
        True,
    )[condition >> 1]
    return result != bool(condition & 1)
