"""Halting debug: DHCSR, DCRSR, DCRDR, DEMCR, DFSR (Armv7-M ARM, C1.6).

With the security extension, the debugger has access to the Secure state, in which the core stays
(Armv8-M ARM, DDI 0553: DSCSR.CDS and DHCSR.S_SDE).
"""

from collections.abc import Callable
from typing import Protocol

from harness.simulator import nvic, scs
from harness.simulator import registers as reg
from harness.simulator.core_types import CoreType
from harness.simulator.execution import Executor
from harness.simulator.nvic import Nvic

DHCSR, DCRSR, DCRDR, DEMCR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_EDFC

C_DEBUGEN, C_HALT, C_STEP, C_MASKINTS = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_DBGKEY = 0xA05F
_REGRDY, _HALT, _SLEEP, _LOCKUP, _RETIRE, _RESET = (1 << bit for bit in (16, 17, 18, 19, 24, 25))
_SECURE_DEBUG = 1 << 20
_DSCSR_SECURE = 1 << 16
_REGWNR = 1 << 16

DFSR_HALTED, DFSR_BKPT, DFSR_DWTTRAP, DFSR_VCATCH = (1 << bit for bit in range(4))

VC_CORERESET, VC_HARDERR = 1 << 0, 1 << 10
_VC_FAULTS = {nvic.MEM_MANAGE: 1 << 4, nvic.BUS_FAULT: 1 << 8, nvic.USAGE_FAULT: 7 << 5}
_MON_EN, _MON_PEND, _MON_STEP = 1 << 16, 1 << 17, 1 << 18
_MONITOR = 0xF << 16
TRCENA = 1 << 24

_SPECIAL = 20  # CONTROL, FAULTMASK, BASEPRI and PRIMASK in one word
_REGISTERS = {
    **dict(enumerate(reg.R)),
    13: reg.SP,
    14: reg.LR,
    16: reg.XPSR,
    17: reg.MSP,
    18: reg.PSP,
    33: reg.FPSCR,
    **{0x40 + index: register for index, register in enumerate(reg.S)},
}
_PC, _XPSR = 15, 16
_STACK_LIMITS = (28, 29)  # MSPLIM_S and PSPLIM_S


class DebuggedCore(Protocol):
    """The state of a core that DHCSR shows."""

    halted: bool
    sleeping: bool

    @property
    def locked_up(self) -> bool:
        """Whether the core is in lockup."""

    @property
    def held_in_reset(self) -> bool:
        """Whether nRESET is low."""


class HaltingDebug:
    """The debug registers: a device in the system control space, also used by the debug port."""

    def __init__(
        self, core: DebuggedCore, executor: Executor, controller: Nvic, kind: CoreType
    ) -> None:
        self.trace_changed: Callable[[], None] = lambda: None
        self.control = 0  # C_DEBUGEN, C_MASKINTS
        self.demcr = 0
        self.dfsr = 0
        self.was_reset = False
        self.retired = False
        self._data = 0
        self._core = core
        self._executor = executor
        self._nvic = controller
        self._kind = kind

    def reset(self) -> None:
        """Switch the monitor off; only a power-on reset clears the other registers (C1.6)."""
        self.demcr &= ~_MONITOR

    @property
    def traced(self) -> bool:
        """Whether TRCENA is set, so that DWT can count."""
        return bool(self.demcr & TRCENA)

    @property
    def enabled(self) -> bool:
        """Whether debug is enabled: the core halts on debug events."""
        return bool(self.control & C_DEBUGEN)

    @property
    def monitors(self) -> bool:
        """Whether debug events lead to DebugMonitor, as halting debug is off."""
        return bool(self.demcr & _MON_EN)

    @property
    def steps(self) -> bool:
        """Whether each instruction that is less urgent than DebugMonitor is followed by it."""
        return self.demcr & (_MON_EN | _MON_STEP) == _MON_EN | _MON_STEP and not self.enabled

    def catches(self, exception: int) -> bool:
        """Return whether the core halts on entry to `exception`."""
        if not self.enabled:
            return False
        if exception == nvic.HARD_FAULT:
            return bool(self.demcr & VC_HARDERR)
        return bool(self.demcr & _VC_FAULTS.get(exception, 0))

    def status(self, *, clear: bool) -> int:
        """Return DHCSR; a read by the debugger clears the sticky bits."""
        core = self._core
        value = self.control | _REGRDY
        value |= (_HALT | C_HALT) if core.halted else 0
        value |= _SLEEP if core.sleeping else 0
        value |= _LOCKUP if core.locked_up else 0
        value |= _SECURE_DEBUG if self._kind.security_extension else 0
        value |= _RETIRE if self.retired else 0
        value |= _RESET if self.was_reset or core.held_in_reset else 0
        if clear:
            self.was_reset = self.retired = False
        return value

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == scs.DHCSR:
            return self.status(clear=False)
        if offset == scs.DEMCR:
            pending = nvic.DEBUG_MONITOR in self._nvic.pending
            return self.demcr | _MON_PEND * pending
        if offset == scs.DFSR:
            return self.dfsr
        if offset == scs.DSCSR:
            return _DSCSR_SECURE if self._kind.security_extension else 0
        return self._data if offset == DCRDR & 0xFFF else 0

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; DFSR's bits are cleared by ones."""
        return 0 if offset == scs.DFSR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register. Writes by the core to DHCSR and DCRSR have no effect."""
        if offset == scs.DEMCR:
            self._write_demcr(value & self._kind.demcr)
        elif offset == scs.DFSR:
            self.dfsr &= ~value
        elif offset == DCRDR & 0xFFF:
            self._data = value

    def _write_demcr(self, value: int) -> None:
        self.demcr = value & ~_MON_PEND
        if value & _MON_PEND:
            self._nvic.pend(nvic.DEBUG_MONITOR)
        else:
            self._nvic.unpend(nvic.DEBUG_MONITOR)
        if self.steps:
            self._executor.interrupt()
        self.trace_changed()

    @staticmethod
    def control_bits(value: int) -> int | None:
        """Return the control bits of a write to DHCSR; None if the key is missing."""
        return value & 0xF if value >> 16 == _DBGKEY else None

    def transfer_register(self, selector: int) -> None:
        """Copy a core register to or from DCRDR; `selector` is the value written to DCRSR."""
        number = selector & 0x7F
        if number == _SPECIAL:
            if selector & _REGWNR:
                self._write_special(self._data)
            else:
                self._data = self._read_special()
            return
        with self._executor.hidden.privileged():
            if selector & _REGWNR:
                self._write_register(number, self._data)
            else:
                self._data = self._read_register(number)
        if selector & _REGWNR:
            self._executor.registers.refresh()

    def _read_register(self, number: int) -> int:
        registers = self._executor.registers
        if number == _PC:
            return self._executor.pc
        if number in _STACK_LIMITS and self._kind.security_extension:
            return self._executor.hidden.stack_limits[_STACK_LIMITS.index(number)]
        found = _REGISTERS.get(number)
        return 0 if found is None else registers.read(found)

    def _write_register(self, number: int, value: int) -> None:
        registers = self._executor.registers
        if number == _PC:
            self._executor.pc = value & ~1
        elif number in _REGISTERS:
            if number == _XPSR:
                exception = value & 0x1FF
                self._nvic.active = [exception] if exception else []
                self._nvic.current = exception
                self._executor.look_again()
            registers.write(reg.XPSR_ALL if number == _XPSR else _REGISTERS[number], value)

    def _read_special(self) -> int:
        """Return CONTROL, FAULTMASK, BASEPRI and PRIMASK in one word."""
        control = self._executor.registers.read(reg.CONTROL) & 0xF
        primask, basepri, faultmask = self._executor.hidden.masks()
        return control << 24 | faultmask << 16 | (basepri & self._nvic.mask) << 8 | primask

    def _write_special(self, value: int) -> None:
        """Write CONTROL, FAULTMASK, BASEPRI and PRIMASK."""
        registers = self._executor.registers
        self._executor.hidden.end_user_mode()
        registers.write(reg.PRIMASK, value & 1)
        registers.write(reg.BASEPRI, value >> 8 & 0xFF)
        registers.write(reg.FAULTMASK, value >> 16 & 1)
        registers.write(reg.CONTROL, value >> 24 & 0xF)
        self._executor.violations.may_be_unprivileged = True
        registers.refresh()
