"""Exception entry, faults and lockup.

Armv7-M ARM (DDI 0403E): B1.5.6 exception entry, B1.5.11 derived exceptions, B1.5.14 faults. A core
with the security extension stays in the Secure state, whose EXC_RETURN values are those of Armv7-M
(Armv8-M ARM, DDI 0553, EXC_RETURN and RETPSR); the stacked xPSR then also holds CONTROL.SFPA, and
the stack limits are checked.
"""

from collections.abc import Callable

from harness.simulator import fault_status, float_context, nvic, scs
from harness.simulator import registers as reg
from harness.simulator.bus import MASK32, WORD, BusError
from harness.simulator.core_devices import CoreDesign, CoreDevices
from harness.simulator.exception_bits import (
    CONTROL_FPCA,
    CONTROL_NPRIV,
    CONTROL_SFPA,
    CONTROL_SPSEL,
    HANDLER,
    IPSR,
    NO_FLOAT,
    SFPA_TO_XPSR,
    THREAD_MAIN,
    THREAD_PROCESS,
    XPSR_ALIGNED,
    XPSR_IT,
    XPSR_T,
)
from harness.simulator.execution import Executor
from harness.simulator.frames import Frames
from harness.simulator.priority import Priority
from harness.simulator.stacking import BASIC, EXTENDED, Access, StackError

LOCKUP_PC = 0xFFFF_FFFE


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
        self.frames = Frames(executor, devices, self.priority)
        self._stacking = devices.stacking
        self._floats = devices.floats
        self._entered = entered
        self._vectors = design.vectors
        self.float_secure = CONTROL_SFPA if design.type.security_extension else 0
        """The bit SFPA of CONTROL, if the core has it."""
        self._hidden = executor.hidden
        self._registers = executor.registers

    @property
    def privileged(self) -> bool:
        """Whether the running code is privileged."""
        control = self._hidden.control
        return bool(self._hidden.machine.exception) or not control & CONTROL_NPRIV

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
        with self._hidden.changing():
            xpsr = self._registers.read(reg.XPSR)
            taken = self._stack(exception, xpsr if thumb else xpsr & ~XPSR_T)
        if taken is not None:
            self._begin(*taken, xpsr)

    def _stack(self, exception: int, xpsr: int) -> tuple[int, int] | None:
        """Stack the state with `xpsr`; return what `_vector` returns."""
        *registers, sp, lr = self._hidden.general.tolist()
        control = self._hidden.control
        in_thread = not xpsr & IPSR
        on_psp = in_thread and bool(control & CONTROL_SPSEL)
        has_float = bool(control & CONTROL_FPCA)
        aligns = has_float or bool(self._scs[scs.CCR] & scs.CCR_STKALIGN)
        words = EXTENDED if has_float else BASIC
        frame_at = sp - WORD * words & (~7 if aligns else ~3) & MASK32
        stacked = xpsr & ~XPSR_ALIGNED | (control & self.float_secure) << SFPA_TO_XPSR
        if sp & 4 and aligns:
            stacked |= XPSR_ALIGNED
        frame = [*registers[:4], registers[12], lr, self._executor.pc, stacked]
        privileged = not (in_thread and control & CONTROL_NPRIV)
        access = Access(privileged, self.priority.is_negative)
        limit = self._limit(on_psp)
        try:
            self._stacking.check_limit(frame_at, limit)
            self.frames.push(frame_at, frame, has_float, access)
        except StackError as error:
            derived = self._derived(exception, error)
            if derived is None:
                return None
            exception = derived
        taken = self._vector(exception)
        if taken is not None:
            link = THREAD_PROCESS if on_psp else THREAD_MAIN if in_thread else HANDLER
            sp = max(frame_at, limit)
            self._hidden.enter_handler(link & ~NO_FLOAT if has_float else link, sp)
        return taken

    def _limit(self, on_psp: bool) -> int:
        """Return the limit of a stack; Armv7-M has none."""
        return self._executor.hidden.stack_limits[on_psp] if self.float_secure else 0

    def _begin(self, exception: int, handler: int, xpsr: int) -> None:
        """Run the handler at the address `handler`; xPSR was `xpsr` before."""
        self._registers.write_status(xpsr & ~(IPSR | XPSR_IT) | exception | XPSR_T)
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

    def tail_chain(self, exception: int, link: int) -> None:
        """Enter `exception` with the frame and the registers of the one that ended."""
        taken = self._vector(exception)
        if taken is not None:
            self._hidden.enter_handler(link)
            self._begin(*taken, self._registers.read(reg.XPSR))

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
