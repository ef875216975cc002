"""Exception return; what is due then is tail-chained (Armv7-M ARM, DDI 0403E: B1.5.8)."""

from collections.abc import Sequence

from harness.simulator import fault_status, nvic, scs
from harness.simulator import registers as reg
from harness.simulator.bus import MASK32, WORD
from harness.simulator.core_devices import CoreDevices
from harness.simulator.exception_bits import (
    CONTROL_FPCA,
    CONTROL_NPRIV,
    CONTROL_SPSEL,
    HANDLER,
    IPSR,
    NO_FLOAT,
    SFPA_TO_XPSR,
    THREAD_MAIN,
    THREAD_PROCESS,
    XPSR_ALIGNED,
    XPSR_T,
)
from harness.simulator.exceptions import Exceptions
from harness.simulator.execution import Executor
from harness.simulator.stacking import BASIC, EXTENDED, Access, StackError


class ExceptionReturn:
    """Returns from the `exceptions` of a core."""

    def __init__(self, executor: Executor, devices: CoreDevices, exceptions: Exceptions) -> None:
        self._executor = executor
        self._nvic = devices.nvic
        self._scs = devices.control
        self._exceptions = exceptions
        self._priority = exceptions.priority
        self._frames = exceptions.frames
        self._float_secure = exceptions.float_secure
        registers = executor.registers
        self._state = registers.batch(reg.XPSR, reg.CONTROL)
        self._leave = registers.batch(reg.SP, reg.FAULTMASK, reg.CONTROL, reg.XPSR_ALL)
        self._restore = registers.batch(*reg.CALLER_SAVED)

    def leave(self) -> None:
        """Return from the exception; the program counter contains EXC_RETURN."""
        link = (self._executor.pc | 1) & MASK32
        xpsr, control = self._state.read()
        returning = xpsr & IPSR
        is_valid = self._is_valid(link, returning)
        self._deactivate(returning)
        if not is_valid:
            self._fault_at_return(nvic.USAGE_FAULT, fault_status.INVPC, link)
            return
        due = self._priority.due()
        if due is not None:
            self._exceptions.tail_chain(due, link)
            return
        to_thread, on_psp = link & 0xF != 1, bool(link & 4)
        sp = self._executor.registers.read(reg.PSP if on_psp else reg.MSP)
        privileged = not (to_thread and control & CONTROL_NPRIV)
        access = Access(privileged, self._priority.is_negative)
        try:
            frame = self._frames.pop(sp, not link & NO_FLOAT, access)
        except StackError as error:
            self._fault_at_return(error.exception, error.status, link)
            return
        if to_thread == bool(frame[7] & IPSR):
            self._fault_at_return(nvic.USAGE_FAULT, fault_status.INVPC, link)
            return
        self._unstack(frame, sp, link, control)

    def _is_valid(self, link: int, returning: int) -> bool:
        """Return whether EXC_RETURN suits the active exceptions (B1.5.8, ExceptionReturn)."""
        kind = link | NO_FLOAT
        if kind not in (HANDLER, THREAD_MAIN, THREAD_PROCESS):
            return False
        if returning not in self._nvic.active:
            return False
        if kind == HANDLER or len(self._nvic.active) == 1:
            return True
        return bool(self._scs[scs.CCR] & scs.CCR_NONBASETHRDENA)

    def _deactivate(self, returning: int) -> None:
        """End the exception; a return from any but NMI clears FAULTMASK."""
        self._nvic.leave(returning)
        if returning != nvic.NMI and self._executor.hidden.masks()[2]:
            self._executor.registers.write(reg.FAULTMASK, 0)

    def _unstack(self, frame: Sequence[int], sp: int, link: int, control: int) -> None:
        has_float = not link & NO_FLOAT
        to_thread, on_psp = link & 0xF != 1, bool(link & 4)
        status = frame[7]
        after = sp + WORD * (EXTENDED if has_float else BASIC) & MASK32
        if status & XPSR_ALIGNED and (has_float or self._scs[scs.CCR] & scs.CCR_STKALIGN):
            after |= 4
        registers = self._executor.registers
        unprivileged = control & CONTROL_NPRIV
        # Unicorn writes all of CONTROL only in privileged thread mode: nPRIV is cleared first,
        # and set again in thread mode.
        psr = status & ~(XPSR_ALIGNED | self._float_secure << SFPA_TO_XPSR)
        mask = registers.read(reg.FAULTMASK)
        self._leave.write((registers.read(reg.SP), mask, control & ~CONTROL_NPRIV, psr))
        selected = CONTROL_SPSEL if on_psp else 0
        context = has_float * CONTROL_FPCA | status >> SFPA_TO_XPSR & self._float_secure
        if to_thread:
            registers.write(reg.CONTROL, selected | context)
        else:
            kept = control & ~(CONTROL_FPCA | self._float_secure)
            registers.write(reg.CONTROL, kept | context)
        registers.write(reg.SP, after)
        self._restore.write(frame[:6])
        self._frames.restore_float(frame)
        if unprivileged and to_thread:
            registers.write(reg.CONTROL, selected | context | CONTROL_NPRIV)
        registers.write(reg.FLAGS, psr)
        self._executor.hidden.clear_monitor()
        self._executor.pc = frame[6] & ~1
        self._nvic.current = status & IPSR
        self._priority.follow()
        if not status & XPSR_T:
            self._exceptions.fault(nvic.USAGE_FAULT, fault_status.INVSTATE, thumb=False)

    def _fault_at_return(self, exception: int, status: int, link: int) -> None:
        """Tail-chain to a fault of the return itself: the frame stays where it is."""
        self._scs.raise_bits(scs.CFSR, status)
        if exception not in self._nvic.enabled or not self._priority.may_preempt(exception):
            self._scs.raise_bits(scs.HFSR, fault_status.FORCED)
            exception = nvic.HARD_FAULT
        if self._priority.may_preempt(exception):
            self._exceptions.tail_chain(exception, link)
        else:
            self._exceptions.lock_up()
