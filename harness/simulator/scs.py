"""The system control space: 0xE000E000 to 0xE000EFFF.

Armv7-M ARM (DDI 0403E): B3.2 system control block, B3.5 MPU. NVIC, SysTick, the MPU, the float
context and the debug registers are separate devices inside it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from harness.simulator.bus import Device
from harness.simulator.nvic import Nvic

ICTR, ACTLR = 0x004, 0x008
CPUID, VTOR, AIRCR, SCR, CCR = 0xD00, 0xD08, 0xD0C, 0xD10, 0xD14
CFSR, HFSR, DFSR, MMFAR, BFAR, CPACR = 0xD28, 0xD2C, 0xD30, 0xD34, 0xD38, 0xD88
DHCSR, DEMCR, DSCSR = 0xDF0, 0xDFC, 0xE08
MVFR0, MVFR1, MVFR2 = 0xF40, 0xF44, 0xF48

SCR_SLEEPONEXIT, SCR_SLEEPDEEP, SCR_SEVONPEND = 1 << 1, 1 << 2, 1 << 4
CCR_NONBASETHRDENA, CCR_USERSETMPEND = 1 << 0, 1 << 1
CCR_UNALIGN_TRP, CCR_DIV_0_TRP, CCR_BFHFNMIGN, CCR_STKALIGN = 1 << 3, 1 << 4, 1 << 8, 1 << 9
ACTLR_DISDEFWBUF = 1 << 1
CPACR_CP10, CPACR_PRIVILEGED = 3 << 20, 1 << 20

_VECTKEY, _VECTKEYSTAT = 0x05FA, 0xFA05
_SYSRESETREQ, _VECTCLRACTIVE, _VECTRESET = 1 << 2, 1 << 1, 1 << 0


@dataclass(frozen=True)
class ControlRegisters:
    """The registers of a core type, by their offset.

    `fixed` are read-only registers, `after_reset` values after reset, and `writable` the bits that
    software can write; the others keep those values. If there are registers `present`, all others
    read as zero and ignore writes.
    """

    fixed: Mapping[int, int]
    after_reset: Mapping[int, int]
    writable: Mapping[int, int]
    present: Collection[int] | None = None


class SystemControl:
    """The system control space; `others` are the devices in it, by the offset of each register.

    `reset_requested` is called for SYSRESETREQ, `float_allowed` when CPACR changes, `configured`
    with CCR and ACTLR when one of them changes.
    """

    def __init__(
        self,
        controller: Nvic,
        registers: ControlRegisters,
        others: Mapping[int, Device],
        *,
        lines: int,
        reset_requested: Callable[[], None],
        float_allowed: Callable[[bool], None],
        configured: Callable[[int, int], None],
    ) -> None:
        self._nvic = controller
        self._lines = lines
        self._reset_requested = reset_requested
        self._float_allowed = float_allowed
        self._configured = configured
        self._design = registers
        self._registers: dict[int, int] = {}
        self._others = others
        self.reset()

    def __getitem__(self, offset: int) -> int:
        """Return a register that only stores its value."""
        return self._registers.get(offset, 0)

    def raise_bits(self, offset: int, bits: int) -> None:
        """Set bits of a status register."""
        self._registers[offset] = self._registers.get(offset, 0) | bits

    def set(self, offset: int, value: int) -> None:
        """Set a register on behalf of the core, whether firmware can write it or not."""
        self._registers[offset] = value

    def reset(self) -> None:
        """Set all registers to their values after reset."""
        self._registers.clear()
        self._registers.update(self._design.after_reset)
        self._float_allowed(False)
        self._configured(self[CCR], self[ACTLR])

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; 0 if writing ones has an effect."""
        other = self._others.get(offset)
        if other is not None:
            return other.peek(offset)
        return 0 if offset in (CFSR, HFSR) else self.read(offset)

    def read(self, offset: int) -> int:
        """Return a register."""
        if self._is_missing(offset):
            return 0
        other = self._others.get(offset)
        if other is not None:
            return other.read(offset)
        if offset == AIRCR:
            return _VECTKEYSTAT << 16 | self._nvic.grouping << 8
        if offset == ICTR:
            return (self._lines - 1) // 32
        return self._design.fixed.get(offset, self[offset])

    def write(self, offset: int, value: int) -> None:
        """Write a register; read-only and missing registers ignore the write."""
        writable = self._design.writable.get(offset, 0xFFFF_FFFF)
        if self._is_missing(offset) or not writable:
            return
        value &= writable
        other = self._others.get(offset)
        if other is not None:
            other.write(offset, value)
        elif offset == AIRCR:
            self._write_application_control(value)
        elif offset in (CFSR, HFSR):
            self._registers[offset] = self[offset] & ~value
        elif offset not in self._design.fixed:
            self._registers[offset] = value | self._design.after_reset.get(offset, 0) & ~writable
            if offset == CPACR:
                self._float_allowed(self[CPACR] & CPACR_CP10 == CPACR_CP10)
            elif offset in (CCR, ACTLR):
                self._configured(self[CCR], self[ACTLR])

    def _is_missing(self, offset: int) -> bool:
        return self._design.present is not None and offset not in self._design.present

    def _write_application_control(self, value: int) -> None:
        if value >> 16 != _VECTKEY:
            return
        self._nvic.set_grouping(value >> 8 & 7)
        if value & _VECTCLRACTIVE:
            self._nvic.active.clear()
        if value & (_SYSRESETREQ | _VECTRESET):
            self._reset_requested()
