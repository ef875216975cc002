"""Why a run of the emulator has ended, if no hook knows it."""

from unicorn import unicorn_const

from harness.errors import InfrastructureError
from harness.simulator.blocks import Blocks
from harness.simulator.bus import Bus
from harness.simulator.counting import InstructionCounter
from harness.simulator.emulator import Emulator
from harness.simulator.exception_bits import XPSR_T
from harness.simulator.stops import ACCESS_FAULTS, LIMIT, Reason, Stop
from harness.simulator.thumb import WFE, WFI, YIELD, is_hint


class RunEnds:
    """Looks at the result of a run of `emulator`, and at the last instruction of its last block."""

    def __init__(
        self, emulator: Emulator, bus: Bus, blocks: Blocks, counter: InstructionCounter
    ) -> None:
        self._emulator = emulator
        self._bus = bus
        self._blocks = blocks
        self._counter = counter

    def stop_for(self, error: int, pc: int, status: int, address: int, *, alone: bool) -> Stop:
        """Return the reason for the end at `pc` with xPSR `status`; `error` is Unicorn's result.

        `address` is that of the last access to an address without memory or device. One instruction
        may have run `alone`.
        """
        if error == unicorn_const.UC_ERR_OK:
            if not status & XPSR_T:
                return Stop(Reason.STATE)  # the stop came before the next instruction's fault
            return Stop(Reason.SLEEP) if self._ended_with(WFI, pc, alone=alone) else LIMIT
        if error in ACCESS_FAULTS:
            reason = ACCESS_FAULTS[error]
            return Stop(reason, address=pc if reason is Reason.FETCH else address)
        if error == unicorn_const.UC_ERR_INSN_INVALID:
            if not status & XPSR_T:
                return Stop(Reason.STATE)
            is_event = any(self._ended_with(hint, pc, alone=alone) for hint in (WFE, YIELD))
            return Stop(Reason.EVENT if is_event else Reason.UNDEFINED)
        raise InfrastructureError(
            f"the emulator failed at pc {pc:#010x}: {self._emulator.error_text(error)}",
            where="virtual board",
        )

    def _ended_with(self, hint: int, pc: int, *, alone: bool) -> bool:
        """Return whether the last block ran to its end and ended with `hint`."""
        start, _ = self._counter.entered
        block = self._blocks.get(start)
        if block is None or (pc != block.end and not alone):
            return False
        found = self._bus.memory(pc - 4, 4)
        return found is not None and is_hint(found[0].value(found[1], 4), hint)
