"""Stops before an instruction that faults because of an unaligned address or a zero divisor.

Unicorn cannot stop inside an IT block, nor inside an access to memory. What the instruction and the
rest of its IT block have changed is therefore taken back afterwards.
"""

from collections.abc import Callable

from harness.simulator.bus import Bus, Memory
from harness.simulator.counting import InstructionCounter
from harness.simulator.emulator import Emulator
from harness.simulator.operand_checks import OperandChecks, number
from harness.simulator.registers import FPSCR, IT_STATE, LR, PC, SP, XPSR, XPSR_ALL, R, S
from harness.simulator.stops import Reason, Stop
from harness.simulator.thumb_operands import Operand
from harness.simulator.unaligned_trap import UnalignedTrap

_NOWHERE = 0xD000_0000  # Armv7-M ARM, B3.1: external devices; no chip has memory there


class Denials:
    """Denies the execution of instructions in `emulator`; `stop` is the denied one's.

    `it_state` returns the ITSTATE of the instruction at an address of the running block. `portable`
    selects hooks in Python.
    """

    def __init__(
        self,
        emulator: Emulator,
        counter: InstructionCounter,
        bus: Bus,
        it_state: Callable[[int], int],
        *,
        portable: bool = False,
    ) -> None:
        self.stop: Stop | None = None
        self.trap_division = False
        self.trap = UnalignedTrap(emulator, self._on_unaligned, portable=portable)
        self.checks = OperandChecks(emulator, self._on_unsuitable, portable=portable)
        self._emulator = emulator
        self._counter = counter
        self._bus = bus
        self._it_state = it_state
        general = (*R, SP, LR, *S, FPSCR)
        self._save = emulator.registers.batch(*general, XPSR, PC)
        self._restore = emulator.registers.batch(*general, XPSR_ALL, PC)
        self._kept: tuple[list[int], int, int] | None = None  # registers, count and block
        self._overwritten: tuple[Memory, int, bytes] | None = None

    def take_back(self) -> None:
        """After a run: restore the state before the denied instruction."""
        if self._kept is not None:
            values, self._counter.state.count, self._counter.state.block = self._kept
            self._restore.write(values)
            self._emulator.registers.refresh()
            self._kept = None
        if self._overwritten is not None:
            memory, offset, data = self._overwritten
            memory.bytes[offset : offset + len(data)] = data
            self._overwritten = None

    def _on_unsuitable(self, address: int, operand: Operand) -> None:
        if self.stop:
            return
        if operand.divides and not self.trap_division:
            return
        self.stop = self._stop_for(operand)
        state = self._it_state(address)
        if not state:
            self._emulator.stop()
            return
        *values, status, _ = self._save.read()
        status = status & ~IT_STATE | (state & 0xFC) << 8 | (state & 3) << 25
        self._keep([*values, status, address | 1])
        registers = self._emulator.registers
        if not operand.divides:
            registers.write(number(operand), _NOWHERE)  # this access fails and changes nothing
        registers.write(PC, address | 1)  # after the IT block, a new block begins here
        self._counter.interrupt()

    @staticmethod
    def _stop_for(operand: Operand) -> Stop:
        if operand.copied:
            return Stop(Reason.COPY, number(operand), mask=operand.mask)
        return Stop(Reason.DIVISION if operand.divides else Reason.UNALIGNED)

    def _on_unaligned(self, address: int, size: int) -> None:
        if self.stop:
            return
        self.stop = Stop(Reason.UNALIGNED)
        *values, pc = self._save.read()
        self._keep([*values, pc | 1])
        found = self._bus.memory(address, size)
        if found is not None:
            memory, offset = found
            self._overwritten = (memory, offset, bytes(memory.bytes[offset : offset + size]))
        self._emulator.stop()

    def _keep(self, registers: list[int]) -> None:
        self._kept = (registers, self._counter.state.count, self._counter.state.block)
