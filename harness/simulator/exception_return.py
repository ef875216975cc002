"""Exception return; what is due then is tail-chained (Armv7-M ARM, DDI 0403E: B1.5.8)."""

from collections.abc import Sequence

from harness.simulator import fault_status, nvic, scs
from harness.simulator.bus import MASK32, WORD
from harness.simulator.core_devices import CoreDevices
from harness.simulator.exception_bits import (
    CONTROL_FPCA,
    CONTROL_NPRIV,
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
        self._hidden = executor.hidden

    def leave(self) -> None:
        """Return from the exception; the program counter contains EXC_RETURN."""
        link = (self._executor.pc | 1) & MASK32
        try:
            with self._hidden.changing():
                due = self._end(link)
                frame = self._unstack(link) if due is None else ()
        except StackError as error:
            self._fault_at_return(error.exception, error.status, link)
            return
        if due is None:
            self._resume(frame)
        else:
            self._exceptions.tail_chain(due, link)

    def _end(self, link: int) -> int | None:
        """Deactivate the exception; return what is due now; raise `StackError` if it cannot return.

        A return from any exception but NMI clears FAULTMASK.
        """
        machine = self._hidden.machine
        returning: int = machine.exception
        is_valid = self._is_valid(link, returning)
        self._nvic.leave(returning)
        if returning != nvic.NMI:
            machine.faultmask[self._hidden.bank] = 0
        if not is_valid:
            raise StackError(nvic.USAGE_FAULT, fault_status.INVPC)
        return self._priority.due()

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

    def _unstack(self, link: int) -> Sequence[int]:
        """Restore all registers but xPSR and the float registers; return the frame.

        Raises `StackError` if it cannot be read, or contradicts `link`.
        """
        has_float = not link & NO_FLOAT
        to_thread, on_psp = link & 0xF != 1, bool(link & 4)
        sp = self._hidden.handlers_stack(process=on_psp)
        privileged = not (to_thread and self._hidden.control & CONTROL_NPRIV)
        access = Access(privileged, self._priority.is_negative)
        frame = self._frames.pop(sp, has_float, access)
        status = frame[7]
        if to_thread == bool(status & IPSR):
            raise StackError(nvic.USAGE_FAULT, fault_status.INVPC)
        after = sp + WORD * (EXTENDED if has_float else BASIC) & MASK32
        if status & XPSR_ALIGNED and (has_float or self._scs[scs.CCR] & scs.CCR_STKALIGN):
            after |= 4
        context = has_float * CONTROL_FPCA | status >> SFPA_TO_XPSR & self._float_secure
        self._hidden.leave_handler(frame, after, context, process=on_psp)
        return frame

    def _resume(self, frame: Sequence[int]) -> None:
        """Go on with the interrupted code; the general registers are already as in `frame`."""
        status = frame[7]
        psr = status & ~(XPSR_ALIGNED | self._float_secure << SFPA_TO_XPSR)
        self._executor.registers.write_status(psr)
        self._frames.restore_float(frame)
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
