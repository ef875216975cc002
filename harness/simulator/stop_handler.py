"""The core's reaction to a stop of the executor: exceptions, faults, breakpoints, sleep.

Armv7-M ARM (DDI 0403E): B1.5.14 faults, B1.5.18 WFE and the event register, B1.5.19 WFI.
On Armv6-M the fault status registers are missing, so every fault becomes a HardFault.
"""

from collections.abc import Callable

from harness.errors import InfrastructureError
from harness.simulator import fault_status, nvic, scs
from harness.simulator.core_devices import CoreDesign, CoreDevices
from harness.simulator.exception_return import ExceptionReturn
from harness.simulator.exceptions import Exceptions
from harness.simulator.execution import Executor
from harness.simulator.halting_debug import DFSR_BKPT, DFSR_VCATCH
from harness.simulator.mended_steps import copy_without, pass_access
from harness.simulator.stops import Reason, Stop
from harness.simulator.thumb import Block, Special

# QEMU's exception numbers
_SVC, _BKPT, _EXIT, _SEMIHOST, _NOCP, _STATE, _STACK_LIMIT, _UNALIGNED = (
    *(2, 7, 8),
    *(16, 17, 18, 19, 22),
)
_USAGE_FAULTS = {
    Reason.STATE: fault_status.INVSTATE,
    Reason.UNDEFINED: fault_status.UNDEFINSTR,
    Reason.UNALIGNED: fault_status.UNALIGNED,
    Reason.DIVISION: fault_status.DIVBYZERO,
}
_USAGE_EXCEPTIONS = {
    _NOCP: fault_status.NOCP,
    _STATE: fault_status.INVSTATE,
    _STACK_LIMIT: fault_status.STKOF,
    _UNALIGNED: fault_status.UNALIGNED,
}


class StopHandler:
    """Handles stops of `executor`; calls `halt` with the reason's bit in DFSR."""

    def __init__(
        self,
        executor: Executor,
        devices: CoreDevices,
        halt: Callable[[int], None],
        design: CoreDesign,
    ) -> None:
        self.exceptions = Exceptions(executor, devices, self._on_entry, design)
        self._return = ExceptionReturn(executor, devices, self.exceptions)
        self._executor = executor
        self._nvic = devices.nvic
        self._control = devices.control
        self._debug = devices.debug
        self._floats = devices.floats
        self._mpu = devices.mpu
        self._halt = halt
        devices.nvic.became_pending = self._on_pending
        self._event = False
        self._sleeps_on_event = False
        self._waits_for_event = False
        self._denied: tuple[int, Special] | None = None  # with its offset in the last block

    def reset(self) -> None:
        """Clear the event register, a denied instruction and lockup."""
        self._event = False
        self._denied = None
        self.exceptions.lockup = False

    def on_special(self, block: Block) -> bool:
        """Handle the special instructions of the next `block`; return whether it must not run."""
        for offset, special in block.specials:
            if special is Special.CONTROL:
                self._executor.violations.may_be_unprivileged = True
            elif special is Special.UNMASK:
                if self.exceptions.priority.may_unmask():
                    self._executor.interrupt()
            elif special is Special.FAULTMASK:
                self._before_faultmask()
            elif special is Special.SEND_EVENT:
                self._event = True
            elif special is Special.WAIT_FOR_EVENT:
                self._sleeps_on_event, self._event = not self._event, False
            elif special is Special.UNDEFINED or (
                special is Special.FLOAT and self._denies_float()
            ):
                self._denied = (offset, special)
                return True
        return False

    def _before_faultmask(self) -> None:
        """Stop after the block if a change of FAULTMASK may matter."""
        if self._nvic.current in (nvic.NMI, nvic.HARD_FAULT):
            self.exceptions.priority.keep_faultmask()
            self._executor.interrupt()
        elif self._nvic.pending or self._is_protected():
            self._executor.interrupt()

    def _denies_float(self) -> bool:
        """Return whether CPACR or the float context denies the next float instruction."""
        if self._executor.inspection.float_allowed or self._floats.refusal is not None:
            return not self._executor.inspection.float_allowed
        access = self._control[scs.CPACR] & scs.CPACR_CP10
        if access == scs.CPACR_PRIVILEGED:
            return not self.exceptions.privileged
        return access != scs.CPACR_CP10

    def _is_protected(self) -> bool:
        """Return whether a negative execution priority switches the MPU off."""
        return self._mpu is not None and self._mpu.ends_at_negative_priority

    def handle(self, stop: Stop) -> bool:
        """Handle `stop`; return whether the core now sleeps."""
        if self._denied is not None:
            return self._deny(*self._denied)
        reason = stop.reason
        if reason is Reason.EXCEPTION:
            return self._exception(stop.number)
        if reason is Reason.LIMIT:
            return False
        if reason is Reason.SLEEP:
            self._waits_for_event = False
            return True
        if reason is Reason.EVENT:
            sleeps, self._sleeps_on_event = self._sleeps_on_event, False
            self._waits_for_event = sleeps
            return sleeps
        if reason is Reason.BREAKPOINT:
            self._breakpoint()
        else:
            self._fault(stop)
        return False

    def wakes(self) -> bool:
        """Return whether the core must not sleep any more; an event then is over."""
        if self._waits_for_event and self._event:
            self._event = False
            return True
        return self.exceptions.priority.wakes()

    def _on_pending(self) -> None:
        """Send an event (SCR.SEVONPEND, B1.5.18)."""
        if self._control[scs.SCR] & scs.SCR_SEVONPEND:
            self._event = True

    def _exception(self, number: int) -> bool:
        if number == _EXIT:
            self._return.leave()
            self._event = True
            self._waits_for_event = False  # the core may sleep on exit, as with a WFI
            return not self._nvic.active and bool(self._control[scs.SCR] & scs.SCR_SLEEPONEXIT)
        if number == _SVC:
            self.exceptions.supervisor_call()
        elif number in (_BKPT, _SEMIHOST):
            self._breakpoint()
        elif number in _USAGE_EXCEPTIONS:
            self.exceptions.fault(nvic.USAGE_FAULT, _USAGE_EXCEPTIONS[number])
        else:
            raise InfrastructureError(
                f"the emulator raised exception {number} at pc {self._executor.pc:#010x}",
                where="virtual board",
            )
        return False

    def _fault(self, stop: Stop) -> None:
        fault = self.exceptions.fault
        if stop.reason in _USAGE_FAULTS:
            fault(nvic.USAGE_FAULT, _USAGE_FAULTS[stop.reason])
        elif stop.reason is Reason.COPY:
            copy_without(self._executor, stop.number, stop.mask)
        elif stop.reason is Reason.DENIED_FETCH:
            fault(nvic.MEM_MANAGE, fault_status.IACCVIOL)
        elif stop.reason is Reason.DENIED:
            self._control.set(scs.MMFAR, stop.address)
            fault(nvic.MEM_MANAGE, fault_status.DACCVIOL | fault_status.MMARVALID)
        elif stop.reason is Reason.FETCH:
            fault(nvic.BUS_FAULT, fault_status.IBUSERR)
        elif stop.reason is Reason.LATE_STORE:
            self._late_fault(stop)
        else:
            self._data_fault(stop)

    def _late_fault(self, stop: Stop) -> None:
        """Let the store end, as behind a write buffer; then take the BusFault."""
        if not self._executor.violations.in_it_block:
            pass_access(self._executor, stop.address)
        self.exceptions.fault_later(nvic.BUS_FAULT, fault_status.IMPRECISERR)

    def _data_fault(self, stop: Stop) -> None:
        """Take a precise BusFault, or ignore it at a negative priority (CCR.BFHFNMIGN, B3.2.8)."""
        self._control.set(scs.BFAR, stop.address)
        status = fault_status.PRECISERR | fault_status.BFARVALID
        ignores = self._control[scs.CCR] & scs.CCR_BFHFNMIGN
        if ignores and self.exceptions.priority.is_negative:
            self._control.raise_bits(scs.CFSR, status)
            pass_access(self._executor, stop.address)
        else:
            self.exceptions.fault(nvic.BUS_FAULT, status)

    def _breakpoint(self) -> None:
        if not self.debug_event(DFSR_BKPT):
            self._debug.dfsr |= DFSR_BKPT
            self.exceptions.hard_fault(fault_status.DEBUGEVT)

    def debug_event(self, reason: int) -> bool:
        """Halt, or take DebugMonitor; return whether one of both was possible (C1.5)."""
        if self._debug.enabled:
            self._halt(reason)
            return True
        if self._debug.monitors and self.exceptions.priority.may_preempt(nvic.DEBUG_MONITOR):
            self._debug.dfsr |= reason
            self.exceptions.enter(nvic.DEBUG_MONITOR)
            return True
        return False

    def _on_entry(self, exception: int) -> None:
        self._event = True
        if self._debug.catches(exception):
            self._halt(DFSR_VCATCH)

    def _deny(self, offset: int, special: Special) -> bool:
        """Execute the block up to the instruction at `offset`, which raises a fault."""
        self._denied = None
        start, _ = self._executor.counter.entered
        stop = self._executor.approach(offset)
        if self._executor.pc != start + offset or stop.reason is not Reason.LIMIT:
            return self.handle(stop)
        if special is Special.UNDEFINED:
            self.exceptions.fault(nvic.USAGE_FAULT, fault_status.UNDEFINSTR)
        elif self._floats.refusal is None:
            self.exceptions.fault(nvic.USAGE_FAULT, fault_status.NOCP)
        else:
            self.exceptions.lazy_fault(self._floats.refusal)
        return False
