"""Exception entry and return, fault escalation and lockup.

Armv7-M ARM (DDI 0403E): B1.5.6 exception entry, B1.5.8 exception return, B1.5.10 fault
escalation, B1.5.11 derived exceptions, B1.5.14 faults, B1.5.15 lockup. A return to another
pending exception unstacks and stacks again, whereas silicon tail-chains; handlers cannot detect
the difference. The float registers are stacked at once, never lazily.

On Armv6-M the fault status registers are missing, so every fault becomes a HardFault. A core with
the security extension stays in the Secure state, whose EXC_RETURN values are those of Armv7-M
(Armv8-M ARM, DDI 0553, EXC_RETURN and RETPSR); the stacked xPSR then also holds CONTROL.SFPA.
"""

from collections.abc import Callable, Sequence

from harness.simulator import nvic, scs
from harness.simulator import registers as reg
from harness.simulator.bus import MASK32, WORD, BusError
from harness.simulator.core_devices import CoreDesign
from harness.simulator.execution import Executor
from harness.simulator.nvic import Nvic
from harness.simulator.scs import SystemControl

# Bits of CFSR (B3.2.15).
IACCVIOL, IBUSERR, PRECISERR, IMPRECISERR = 1 << 0, 1 << 8, 1 << 9, 1 << 10
UNSTKERR, STKERR, BFARVALID = 1 << 11, 1 << 12, 1 << 15
UNDEFINSTR, INVSTATE, INVPC, NOCP, STKOF = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20
UNALIGNED, DIVBYZERO = 1 << 24, 1 << 25
# Bits of HFSR (B3.2.16).
VECTTBL, FORCED, DEBUGEVT = 1 << 1, 1 << 30, 1 << 31

LOCKUP_PC = 0xFFFF_FFFE

_BASIC, _EXTENDED = 8, 26  # words of a frame
_XPSR_T, _XPSR_ALIGNED, _XPSR_IT = 1 << 24, 1 << 9, 0x0600_FC00
_CONTROL_NPRIV, _CONTROL_SPSEL, _CONTROL_FPCA, _CONTROL_SFPA = 1, 2, 4, 8
_TO_XPSR = 17  # from CONTROL.SFPA to the stacked bit
_RETURNS = {0xFFFF_FFF1, 0xFFFF_FFF9, 0xFFFF_FFFD, 0xFFFF_FFE1, 0xFFFF_FFE9, 0xFFFF_FFED}


class Exceptions:
    """Exceptions of the core; `entered` is called with the number of each entered exception."""

    def __init__(
        self,
        executor: Executor,
        controller: Nvic,
        control: SystemControl,
        entered: Callable[[int], None],
        design: CoreDesign,
    ) -> None:
        self.lockup = False
        self._executor = executor
        self._nvic = controller
        self._scs = control
        self._entered = entered
        self._vectors = design.vectors
        self._float_secure = _CONTROL_SFPA if design.type.security_extension else 0
        registers = executor.registers
        self._state = registers.batch(reg.XPSR, reg.CONTROL, reg.SP, *reg.CALLER_SAVED)
        self._float = registers.batch(*reg.S[:16], reg.FPSCR)
        self._masks = registers.batch(reg.PRIMASK, reg.BASEPRI, reg.FAULTMASK)
        self._enter = registers.batch(reg.SP, reg.XPSR_ALL, reg.CONTROL, reg.LR, reg.FLAGS)
        self._leave = registers.batch(reg.SP, reg.FAULTMASK, reg.CONTROL, reg.XPSR_ALL)
        self._restore = registers.batch(*reg.CALLER_SAVED)

    def execution_priority(self, *, ignore_primask: bool = False) -> int:
        """Return the current execution priority; an exception must have a lower number."""
        primask, basepri, faultmask = self._masks.read()
        if ignore_primask:
            primask = 0
        return self._nvic.execution_priority(primask & 1, basepri & 0xFF, faultmask & 1)

    def take_due(self) -> None:
        """Enter the pending exception of the highest priority, if it may preempt."""
        due = self._nvic.due()
        if due is not None and self.may_preempt(due):
            self.enter(due)

    def wakes(self) -> bool:
        """Return whether a pending exception ends WFI; PRIMASK is ignored (B1.5.19)."""
        due = self._nvic.due()
        if due is None:
            return False
        priority = self._nvic.group(self._nvic.priority(due))
        return priority < self.execution_priority(ignore_primask=True)

    # Entry

    def enter(self, exception: int) -> None:
        """Stack the state and branch to the handler of `exception`."""
        xpsr, control, sp, *caller_saved = self._state.read()
        has_float = bool(control & _CONTROL_FPCA)
        words = _EXTENDED if has_float else _BASIC
        frame_at = (sp - WORD * words) & ~7
        aligned = _XPSR_ALIGNED if sp & 4 else 0
        stacked = xpsr & ~_XPSR_ALIGNED | aligned | (control & self._float_secure) << _TO_XPSR
        frame = [*caller_saved, self._executor.pc, stacked]
        if has_float:
            frame += [*self._float.read(), 0]
        try:
            self._executor.bus.write_words(frame_at & MASK32, frame)
        except BusError:
            exception = self._derived(exception, STKERR)
        handler = self._vector(exception)
        if handler is None:
            return
        in_thread = xpsr & 0x1FF == 0
        on_psp = in_thread and bool(control & _CONTROL_SPSEL)
        link = 0xFFFF_FFFD if on_psp else 0xFFFF_FFF9 if in_thread else 0xFFFF_FFF1
        if has_float:
            link &= ~0x10
        status = xpsr & ~(0x1FF | _XPSR_IT) | exception | _XPSR_T
        control &= ~(_CONTROL_FPCA | self._float_secure)
        self._enter.write((frame_at & MASK32, status, control, link, status))
        self._executor.pc = handler & ~1
        self._nvic.enter(exception)
        if not handler & 1:
            self.fault(nvic.USAGE_FAULT, INVSTATE)
            return
        self._entered(exception)

    def _derived(self, exception: int, status: int) -> int:
        """Handle a fault during stacking; return the exception to take (B1.5.11)."""
        self._scs.raise_bits(scs.CFSR, status)
        enabled = self._scs[scs.SHCSR] & scs.SHCSR_ENABLED[nvic.BUS_FAULT]
        derived = nvic.BUS_FAULT if enabled else nvic.HARD_FAULT
        if self._nvic.priority(derived) >= self._nvic.priority(exception):
            if enabled:
                self._nvic.pend(derived)
            return exception
        if not enabled:
            self._scs.raise_bits(scs.HFSR, FORCED)
        self._nvic.pend(exception)
        return derived

    def _vector(self, exception: int) -> int | None:
        """Return the handler's address; None if the vector cannot be read.

        In that case a HardFault is taken, or the core locks up.
        """
        table = self._scs[scs.VTOR] or self._vectors
        try:
            return self._executor.bus.read(table + WORD * exception, WORD)
        except BusError:
            self._scs.raise_bits(scs.HFSR, VECTTBL)
        if exception in (nvic.HARD_FAULT, nvic.NMI):
            self.lock_up()
            return None
        self.enter(nvic.HARD_FAULT)
        return None

    # Return

    def leave(self) -> None:
        """Return from the exception; the program counter contains EXC_RETURN."""
        link = (self._executor.pc | 1) & MASK32
        xpsr, control, _, *_ = self._state.read()
        current = xpsr & 0x1FF
        if link not in _RETURNS or current not in self._nvic.active:
            self._executor.pc = link & ~1
            self.fault(nvic.USAGE_FAULT, INVPC)
            return
        to_thread = link & 0xF != 1
        on_psp = bool(link & 4)
        has_float = not link & 0x10
        sp = self._executor.registers.read(reg.PSP if on_psp else reg.SP)
        try:
            frame = self._executor.bus.read_words(sp, _EXTENDED if has_float else _BASIC)
        except BusError:
            self._nvic.leave(current)
            self.fault(nvic.BUS_FAULT, UNSTKERR)
            return
        status = frame[7]
        self._nvic.leave(current)
        if to_thread == bool(status & 0x1FF):
            self.fault(nvic.USAGE_FAULT, INVPC)
            return
        faultmask = 0 if current != nvic.NMI else self._executor.registers.read(reg.FAULTMASK)
        self._unstack(frame, sp, control, to_thread=to_thread, on_psp=on_psp, mask=faultmask)

    def _unstack(
        self,
        frame: Sequence[int],
        sp: int,
        control: int,
        *,
        to_thread: bool,
        on_psp: bool,
        mask: int,
    ) -> None:
        has_float = len(frame) == _EXTENDED
        status = frame[7]
        after = sp + WORD * len(frame) + (4 if status & _XPSR_ALIGNED else 0) & MASK32
        registers = self._executor.registers
        unprivileged = control & _CONTROL_NPRIV
        # Unicorn writes all of CONTROL only in privileged thread mode: nPRIV is cleared first,
        # and set again in thread mode.
        psr = status & ~(_XPSR_ALIGNED | self._float_secure << _TO_XPSR)
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
        if has_float:
            self._float.write(frame[8:25])
        if unprivileged and to_thread:
            registers.write(reg.CONTROL, selected | context | _CONTROL_NPRIV)
        registers.write(reg.FLAGS, psr)
        self._executor.pc = frame[6] & ~1

    # Faults

    def fault(self, exception: int, status: int, address: int | None = None) -> None:
        """Set the bits `status` of CFSR and take `exception`, or a HardFault, or lock up."""
        self._scs.raise_bits(scs.CFSR, status)
        if address is not None:
            self._scs.set(scs.BFAR, address)
        enabled = self._scs[scs.SHCSR] & scs.SHCSR_ENABLED[exception]
        if enabled and self.may_preempt(exception):
            self.enter(exception)
        else:
            self.hard_fault(FORCED)

    def hard_fault(self, status: int) -> None:
        """Set the bits `status` of HFSR and take a HardFault; lock up if already in one."""
        self._scs.raise_bits(scs.HFSR, status)
        if self.execution_priority() <= self._nvic.priority(nvic.HARD_FAULT):
            self.lock_up()
        else:
            self.enter(nvic.HARD_FAULT)

    def supervisor_call(self) -> None:
        """Take SVCall, or a HardFault if its priority is too low."""
        if self.may_preempt(nvic.SVCALL):
            self.enter(nvic.SVCALL)
        else:
            self.hard_fault(FORCED)

    def may_preempt(self, exception: int) -> bool:
        """Return whether the priority of `exception` is higher than the current one."""
        priority = self._nvic.group(self._nvic.priority(exception))
        return priority < self.execution_priority()

    def lock_up(self) -> None:
        """Lock up, until a reset or a debugger ends it."""
        self.lockup = True
        self._executor.pc = LOCKUP_PC
