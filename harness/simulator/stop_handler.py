"""The core's reaction to a stop of the executor: exceptions, faults, breakpoints, sleep.

Armv7-M ARM (DDI 0403E): B1.5.18 WFE and the event register, B1.5.19 WFI, B3.1 the memory map
with its execute-never regions.
"""

from collections.abc import Callable

from harness.errors import InfrastructureError
from harness.simulator import exceptions, nvic, scs
from harness.simulator.core_devices import CoreDesign
from harness.simulator.exceptions import Exceptions
from harness.simulator.execution import Executor
from harness.simulator.halting_debug import DFSR_BKPT, DFSR_VCATCH, HaltingDebug
from harness.simulator.nvic import Nvic
from harness.simulator.scs import SystemControl
from harness.simulator.stops import Reason, Stop
from harness.simulator.thumb import Block, Special

_EXECUTE_NEVER = ((0x4000_0000, 0x6000_0000), (0xA000_0000, 0x1_0000_0000))
# QEMU's exception numbers
_SVC, _PREFETCH, _DATA, _BKPT, _EXIT, _SEMIHOST, _NOCP, _STATE, _STACK_LIMIT, _UNALIGNED = (
    *(2, 3, 4, 7, 8),
    *(16, 17, 18, 19, 22),
)


class StopHandler:
    """Handles stops of `executor`; calls `halt` with the reason's bit in DFSR."""

    def __init__(
        self,
        executor: Executor,
        controller: Nvic,
        control: SystemControl,
        debug: HaltingDebug,
        halt: Callable[[int], None],
        design: CoreDesign,
    ) -> None:
        self.exceptions = Exceptions(executor, controller, control, self._on_entry, design)
        self._executor = executor
        self._nvic = controller
        self._control = control
        self._debug = debug
        self._halt = halt
        self._event = False
        self._sleeps_on_event = False
        self._float_denied: int | None = None  # offset in the last entered block

    def reset(self) -> None:
        """Clear the event register, a denied float instruction and lockup."""
        self._event = False
        self._float_denied = None
        self.exceptions.lockup = False

    def on_special(self, block: Block) -> bool:
        """Handle the special instructions of the next `block`; return whether it must not run."""
        for offset, special in block.specials:
            if special is Special.UNMASK and self._nvic.pending:
                self._executor.interrupt()
            elif special is Special.SEND_EVENT:
                self._event = True
            elif special is Special.WAIT_FOR_EVENT:
                self._sleeps_on_event, self._event = not self._event, False
            elif special is Special.FLOAT and not self._executor.float_allowed:
                self._float_denied = offset
                return True
        return False

    def handle(self, stop: Stop) -> bool:
        """Handle `stop`; return whether the core now sleeps."""
        if self._float_denied is not None:
            return self._deny_float(self._float_denied)
        if stop.reason is Reason.SLEEP:
            return True
        if stop.reason is Reason.EVENT:
            sleeps, self._sleeps_on_event = self._sleeps_on_event, False
            return sleeps
        if stop.reason is Reason.EXCEPTION:
            return self._exception(stop.number)
        if stop.reason is Reason.BREAKPOINT:
            self._breakpoint()
        elif stop.reason is not Reason.LIMIT:
            self._fault(stop)
        return False

    def _exception(self, number: int) -> bool:
        if number == _EXIT:
            self.exceptions.leave()
            self._event = True
            return not self._nvic.active and bool(self._control[scs.SCR] & scs.SCR_SLEEPONEXIT)
        if number == _SVC:
            self.exceptions.supervisor_call()
        elif number in (_BKPT, _SEMIHOST):
            self._breakpoint()
        elif number == _PREFETCH:
            self._fault(Stop(Reason.FETCH, address=self._executor.pc))
        elif number in (_DATA, _UNALIGNED):
            self.exceptions.fault(nvic.USAGE_FAULT, exceptions.UNALIGNED)
        elif number == _NOCP:
            self.exceptions.fault(nvic.USAGE_FAULT, exceptions.NOCP)
        elif number == _STACK_LIMIT:
            self.exceptions.fault(nvic.USAGE_FAULT, exceptions.STKOF)
        elif number == _STATE:
            self.exceptions.fault(nvic.USAGE_FAULT, exceptions.INVSTATE)
        else:
            raise InfrastructureError(
                f"the emulator raised exception {number} at pc {self._executor.pc:#010x}",
                where="virtual board",
            )
        return False

    def _fault(self, stop: Stop) -> None:
        fault = self.exceptions.fault
        if stop.reason is Reason.LOAD:
            fault(nvic.BUS_FAULT, exceptions.PRECISERR | exceptions.BFARVALID, stop.address)
        elif stop.reason is Reason.STORE:
            fault(nvic.BUS_FAULT, exceptions.IMPRECISERR)
        elif stop.reason is Reason.STATE:
            fault(nvic.USAGE_FAULT, exceptions.INVSTATE)
        elif stop.reason is Reason.UNDEFINED:
            fault(nvic.USAGE_FAULT, exceptions.UNDEFINSTR)
        elif stop.reason is Reason.UNALIGNED:
            fault(nvic.USAGE_FAULT, exceptions.UNALIGNED)
        elif stop.reason is Reason.DIVISION:
            fault(nvic.USAGE_FAULT, exceptions.DIVBYZERO)
        elif any(start <= stop.address < end for start, end in _EXECUTE_NEVER):
            fault(nvic.MEM_MANAGE, exceptions.IACCVIOL)
        else:
            fault(nvic.BUS_FAULT, exceptions.IBUSERR)

    def _breakpoint(self) -> None:
        if not self.debug_event(DFSR_BKPT):
            self._debug.dfsr |= DFSR_BKPT
            self.exceptions.hard_fault(exceptions.DEBUGEVT)

    def debug_event(self, reason: int) -> bool:
        """Halt, or take DebugMonitor; return whether one of both was possible (C1.5)."""
        if self._debug.enabled:
            self._halt(reason)
            return True
        if self._debug.monitors and self.exceptions.may_preempt(nvic.DEBUG_MONITOR):
            self._debug.dfsr |= reason
            self.exceptions.enter(nvic.DEBUG_MONITOR)
            return True
        return False

    def _on_entry(self, exception: int) -> None:
        self._event = True
        if self._debug.catches(exception):
            self._halt(DFSR_VCATCH)

    def _deny_float(self, offset: int) -> bool:
        """Execute the block up to its first float instruction, which raises a UsageFault (NOCP)."""
        self._float_denied = None
        start, _ = self._executor.counter.entered
        before = self._executor.before(start, offset)
        if before:
            stop = self._executor.step(before)
            if self._executor.pc != start + offset:
                return self.handle(stop)
        self.exceptions.fault(nvic.USAGE_FAULT, exceptions.NOCP)
        return False
