"""Exception entry and return, with tail-chaining.

Armv7-M ARM (DDI 0403E): B1.5.6 exception entry, B1.5.8 exception return, B1.5.11 derived
exceptions. A core with the security extension stays in the Secure state, whose EXC_RETURN values
are those of Armv7-M (Armv8-M ARM, DDI 0553, EXC_RETURN and RETPSR); the stacked xPSR then also
holds CONTROL.SFPA, and the stack limits are checked.
"""

from collections.abc import Callable, Sequence

from harness.simulator import fault_status, float_context, nvic, scs
from harness.simulator import registers as reg
from harness.simulator.bus import MASK32, WORD, BusError
from harness.simulator.core_devices import CoreDesign, CoreDevices
from harness.simulator.execution import Executor
from harness.simulator.frames import Frames
from harness.simulator.priority import Priority
from harness.simulator.stacking import BASIC, EXTENDED, Access, StackError

LOCKUP_PC = 0xFFFF_FFFE

_XPSR_T, _XPSR_ALIGNED, _XPSR_IT = 1 << 24, 1 << 9, 0x0600_FC00
_CONTROL_NPRIV, _CONTROL_SPSEL, _CONTROL_FPCA, _CONTROL_SFPA = 1, 2, 4, 8
_TO_XPSR = 17  # from CONTROL.SFPA to the stacked bit
_HANDLER, _THREAD_MAIN, _THREAD_PROCESS = 0xFFFF_FFF1, 0xFFFF_FFF9, 0xFFFF_FFFD
_NO_FLOAT = 1 << 4  # of EXC_RETURN: the frame is basic
_NUMBER = 0x1FF  # IPSR


class Exceptions:
    """Exceptions of the core; `entered` is called with the number of each entered exception."""

    def __init__(
        self,
        executor: Executor,
        devices: CoreDevices,
        entered: Callable[[int], None],
        design: CoreDesign,
    ) -> None:
        self.lockup = False
        self._executor = executor
        self._nvic = devices.nvic
        self._scs = devices.control
        self.priority = Priority(executor, devices)
        self._frames = Frames(executor, devices, self.priority)
        self._stacking = devices.stacking
        self._floats = devices.floats
        self._entered = entered
        self._vectors = design.vectors
        self._float_secure = _CONTROL_SFPA if design.type.security_extension else 0
        registers = executor.registers
        self._state = registers.batch(reg.XPSR, reg.CONTROL, reg.SP, *reg.CALLER_SAVED)
        self._enter = registers.batch(reg.SP, reg.XPSR_ALL, reg.CONTROL, reg.LR, reg.FLAGS)
        self._chain = registers.batch(reg.FAULTMASK, reg.XPSR_ALL, reg.LR, reg.FLAGS)
        self._leave = registers.batch(reg.SP, reg.FAULTMASK, reg.CONTROL, reg.XPSR_ALL)
        self._restore = registers.batch(*reg.CALLER_SAVED)

    @property
    def privileged(self) -> bool:
        """Whether the running code is privileged."""
        xpsr, control, *_ = self._state.read()
        return bool(xpsr & _NUMBER) or not control & _CONTROL_NPRIV

    def take_due(self) -> None:
        """Enter the pending exception of the highest priority, if it may preempt."""
        due = self.priority.due()
        if due is not None:
            self.enter(due)

    # Entry

    def enter(self, exception: int, *, thumb: bool = True) -> None:
        """Stack the state and branch to the handler of `exception`.

        Without `thumb`, the state has the invalid EPSR.T of 0.
        """
        xpsr, control, sp, *caller_saved = self._state.read()
        in_thread = not xpsr & _NUMBER
        on_psp = in_thread and bool(control & _CONTROL_SPSEL)
        has_float = bool(control & _CONTROL_FPCA)
        aligns = has_float or bool(self._scs[scs.CCR] & scs.CCR_STKALIGN)
        words = EXTENDED if has_float else BASIC
        frame_at = sp - WORD * words & (~7 if aligns else ~3) & MASK32
        stacked = xpsr & ~_XPSR_ALIGNED | (control & self._float_secure) << _TO_XPSR
        if sp & 4 and aligns:
            stacked |= _XPSR_ALIGNED
        if not thumb:
            stacked &= ~_XPSR_T
        frame = [*caller_saved, self._executor.pc, stacked]
        privileged = not (in_thread and control & _CONTROL_NPRIV)
        access = Access(privileged, self.priority.is_negative)
        limit = self._limit(on_psp)
        try:
            self._stacking.check_limit(frame_at, limit)
            self._frames.push(frame_at, frame, has_float, access)
        except StackError as error:
            derived = self._derived(exception, error)
            if derived is None:
                return
            exception = derived
        frame_at = max(frame_at, limit)
        link = _THREAD_PROCESS if on_psp else _THREAD_MAIN if in_thread else _HANDLER
        if has_float:
            link &= ~_NO_FLOAT
        handler = self._vector(exception)
        if handler is None:
            return
        exception, address = handler
        status = xpsr & ~(_NUMBER | _XPSR_IT) | exception | _XPSR_T
        control &= ~(_CONTROL_FPCA | self._float_secure)
        self._enter.write((frame_at, status, control, link, status))
        self._begin(exception, address)

    def _limit(self, on_psp: bool) -> int:
        """Return the limit of a stack; Armv7-M has none."""
        return self._executor.hidden.stack_limits[on_psp] if self._float_secure else 0

    def _begin(self, exception: int, handler: int) -> None:
        """Run the handler at the address `handler`; the registers are as it expects them."""
        self._executor.permissions.clear_monitor()
        self._executor.pc = handler & ~1
        self._nvic.enter(exception)
        self.priority.follow()
        if not handler & 1:
            self.fault(nvic.USAGE_FAULT, fault_status.INVSTATE, thumb=False)
            return
        self._entered(exception)

    def _derived(self, exception: int, error: StackError) -> int | None:
        """Handle a fault during stacking; return the exception to take, None in lockup."""
        self._scs.raise_bits(scs.CFSR, error.status)
        derived = error.exception
        if derived not in self._nvic.enabled or not self.priority.may_preempt(derived):
            derived = nvic.HARD_FAULT
            self._scs.raise_bits(scs.HFSR, fault_status.FORCED)
            if not self.priority.may_preempt(derived):
                self.lock_up()
                return None
        self._nvic.pend(exception)
        self._nvic.pend(derived)
        return min((exception, derived), key=lambda one: (self._nvic.priority(one), one))

    def _vector(self, exception: int) -> tuple[int, int] | None:
        """Return the exception to take, and the address of its handler; None in lockup.

        If a vector cannot be read, this is a HardFault, and `exception` stays pending.
        """
        try:
            return exception, self._read_vector(exception)
        except BusError:
            self._scs.raise_bits(scs.HFSR, fault_status.VECTTBL)
        if exception not in (nvic.HARD_FAULT, nvic.NMI) and self.priority.may_preempt(
            nvic.HARD_FAULT
        ):
            self._nvic.pend(exception)
            try:
                return nvic.HARD_FAULT, self._read_vector(nvic.HARD_FAULT)
            except BusError:
                pass
        self.lock_up()
        return None

    def _read_vector(self, exception: int) -> int:
        table = self._scs[scs.VTOR] or self._vectors
        return self._executor.bus.read(table + WORD * exception, WORD)

    # Return

    def leave(self) -> None:
        """Return from the exception; the program counter contains EXC_RETURN."""
        link = (self._executor.pc | 1) & MASK32
        xpsr, control, _, *_ = self._state.read()
        returning = xpsr & _NUMBER
        is_valid = self._is_valid(link, returning)
        self._deactivate(returning)
        if not is_valid:
            self._fault_at_return(nvic.USAGE_FAULT, fault_status.INVPC, link)
            return
        due = self.priority.due()
        if due is not None:
            self._tail_chain(due, link)
            return
        to_thread, on_psp = link & 0xF != 1, bool(link & 4)
        sp = self._executor.registers.read(reg.PSP if on_psp else reg.MSP)
        privileged = not (to_thread and control & _CONTROL_NPRIV)
        access = Access(privileged, self.priority.is_negative)
        try:
            frame = self._frames.pop(sp, not link & _NO_FLOAT, access)
        except StackError as error:
            self._fault_at_return(error.exception, error.status, link)
            return
        if to_thread == bool(frame[7] & _NUMBER):
            self._fault_at_return(nvic.USAGE_FAULT, fault_status.INVPC, link)
            return
        self._unstack(frame, sp, link, control)

    def _is_valid(self, link: int, returning: int) -> bool:
        """Return whether EXC_RETURN suits the active exceptions (B1.5.8, ExceptionReturn)."""
        kind = link | _NO_FLOAT
        if kind not in (_HANDLER, _THREAD_MAIN, _THREAD_PROCESS):
            return False
        if returning not in self._nvic.active:
            return False
        if kind == _HANDLER or len(self._nvic.active) == 1:
            return True
        return bool(self._scs[scs.CCR] & scs.CCR_NONBASETHRDENA)

    def _deactivate(self, returning: int) -> None:
        """End the exception; a return from any but NMI clears FAULTMASK."""
        self._nvic.leave(returning)
        if returning != nvic.NMI and self._executor.hidden.masks()[2]:
            self._executor.registers.write(reg.FAULTMASK, 0)

    def _unstack(self, frame: Sequence[int], sp: int, link: int, control: int) -> None:
        has_float = not link & _NO_FLOAT
        to_thread, on_psp = link & 0xF != 1, bool(link & 4)
        status = frame[7]
        after = sp + WORD * (EXTENDED if has_float else BASIC) & MASK32
        if status & _XPSR_ALIGNED and (has_float or self._scs[scs.CCR] & scs.CCR_STKALIGN):
            after |= 4
        registers = self._executor.registers
        unprivileged = control & _CONTROL_NPRIV
        # Unicorn writes all of CONTROL only in privileged thread mode: nPRIV is cleared first,
        # and set again in thread mode.
        psr = status & ~(_XPSR_ALIGNED | self._float_secure << _TO_XPSR)
        mask = registers.read(reg.FAULTMASK)
        self._leave.write((registers.read(reg.SP), mask, control & ~_CONTROL_NPRIV, psr))
        selected = _CONTROL_SPSEL if on_psp else 0
        context = has_float * _CONTROL_FPCA | status >> _TO_XPSR & self._float_secure
        if to_thread:
            registers.write(reg.CONTROL, selected | context)
        else:
            kept = control & ~(_CONTROL_FPCA | self._float_secure)
            registers.write(reg.CONTROL, kept | context)
        registers.write(reg.SP, after)
        self._restore.write(frame[:6])
        self._frames.restore_float(frame)
        if unprivileged and to_thread:
            registers.write(reg.CONTROL, selected | context | _CONTROL_NPRIV)
        registers.write(reg.FLAGS, psr)
        self._executor.permissions.clear_monitor()
        self._executor.pc = frame[6] & ~1
        self._nvic.current = status & _NUMBER
        self.priority.follow()
        if not status & _XPSR_T:
            self.fault(nvic.USAGE_FAULT, fault_status.INVSTATE, thumb=False)

    def _tail_chain(self, exception: int, link: int) -> None:
        """Enter `exception` with the frame and the registers of the one that ended."""
        handler = self._vector(exception)
        if handler is None:
            return
        exception, address = handler
        registers = self._executor.registers
        status = registers.read(reg.XPSR) & ~(_NUMBER | _XPSR_IT) | exception | _XPSR_T
        self._chain.write((registers.read(reg.FAULTMASK), status, link, status))
        self._begin(exception, address)

    def _fault_at_return(self, exception: int, status: int, link: int) -> None:
        """Tail-chain to a fault of the return itself: the frame stays where it is."""
        self._scs.raise_bits(scs.CFSR, status)
        if exception not in self._nvic.enabled or not self.priority.may_preempt(exception):
            self._scs.raise_bits(scs.HFSR, fault_status.FORCED)
            exception = nvic.HARD_FAULT
        if self.priority.may_preempt(exception):
            self._tail_chain(exception, link)
        else:
            self.lock_up()

    # Faults

    def fault(self, exception: int, status: int, *, thumb: bool = True) -> None:
        """Set the bits `status` of CFSR and take `exception`, or a HardFault, or lock up."""
        self._scs.raise_bits(scs.CFSR, status)
        if exception in self._nvic.enabled and self.priority.may_preempt(exception):
            self.enter(exception, thumb=thumb)
        else:
            self.hard_fault(fault_status.FORCED, thumb=thumb)

    def fault_later(self, exception: int, status: int) -> None:
        """Take an asynchronous fault, at once or when its priority suffices (B1.5.14)."""
        self._scs.raise_bits(scs.CFSR, status)
        if exception not in self._nvic.enabled:
            self._scs.raise_bits(scs.HFSR, fault_status.FORCED)
            exception = nvic.HARD_FAULT
        if self.priority.may_preempt(exception):
            self.enter(exception)
        else:
            self._nvic.pend(exception)

    def lazy_fault(self, error: StackError) -> None:
        """Take the fault of a lazy stacking, or pend it and give the float state up."""
        self._scs.raise_bits(scs.CFSR, error.status)
        exception = error.exception
        is_memory = exception == nvic.MEM_MANAGE
        if not self._floats.control & (float_context.MMRDY if is_memory else float_context.BFRDY):
            self._scs.raise_bits(scs.HFSR, fault_status.FORCED)
            exception = nvic.HARD_FAULT
        if self.priority.may_preempt(exception):
            self.enter(exception)
        else:
            self._nvic.pend(exception)
            self._floats.release()

    def hard_fault(self, status: int, *, thumb: bool = True) -> None:
        """Set the bits `status` of HFSR and take a HardFault; lock up if already in one."""
        self._scs.raise_bits(scs.HFSR, status)
        if self.priority.may_preempt(nvic.HARD_FAULT):
            self.enter(nvic.HARD_FAULT, thumb=thumb)
        else:
            self.lock_up()

    def supervisor_call(self) -> None:
        """Take SVCall, or a HardFault if its priority is too low."""
        if self.priority.may_preempt(nvic.SVCALL):
            self.enter(nvic.SVCALL)
        else:
            self.hard_fault(fault_status.FORCED)

    def lock_up(self) -> None:
        """Lock up, until a reset, a debugger or an NMI ends it (B1.5.15)."""
        self.lockup = True
        self._executor.pc = LOCKUP_PC

    def end_lockup(self) -> None:
        """Take a pending NMI, if it preempts what locked up."""
        if self.lockup and nvic.NMI in self._nvic.pending and self.priority.may_preempt(nvic.NMI):
            self.lockup = False
            self.enter(nvic.NMI)
