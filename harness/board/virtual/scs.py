"""The system control space: 0xE000E000 to 0xE000EFFF, except SysTick and the debug registers.

Armv7-M ARM (DDI 0403E): B3.2 system control block, B3.4 NVIC, B3.5 MPU (there is
none here), B3.2.21 FPCCR and the like; identification values from the Cortex-M4 TRM
(100166), table 4-1.
"""

from collections.abc import Callable

from harness.board.virtual import nvic, systick
from harness.board.virtual.memory import Device
from harness.board.virtual.nvic import Nvic
from harness.board.virtual.systick import SysTick

ICTR = 0x004
ISER, ICER, ISPR, ICPR, IABR, IPR = 0x100, 0x180, 0x200, 0x280, 0x300, 0x400
CPUID, ICSR, VTOR, AIRCR, SCR, CCR = 0xD00, 0xD04, 0xD08, 0xD0C, 0xD10, 0xD14
SHPR1, SHPR3, SHCSR, CFSR, HFSR, DFSR = 0xD18, 0xD20, 0xD24, 0xD28, 0xD2C, 0xD30
MMFAR, BFAR, CPACR = 0xD34, 0xD38, 0xD88
DHCSR, DEMCR, STIR = 0xDF0, 0xDFC, 0xF00
FPCCR, MVFR0, MVFR1 = 0xF34, 0xF40, 0xF44
COMPONENT_ID = 0xFD0

SCR_SLEEPONEXIT = 1 << 1
CCR_STKALIGN = 1 << 9
SHCSR_ENABLED = {nvic.MEM_MANAGE: 1 << 16, nvic.BUS_FAULT: 1 << 17, nvic.USAGE_FAULT: 1 << 18}
CPACR_CP10 = 3 << 20

_FIXED = {
    CPUID: 0x410F_C241,  # r0p1
    0xD40: 0x0000_0030,
    0xD44: 0x0000_0200,
    0xD48: 0x0010_0000,
    0xD50: 0x0010_0030,  # ID_MMFR0 to 3
    0xD58: 0x0100_0000,
    0xD60: 0x0114_1110,  # ID_ISAR0 to 4
    0xD64: 0x0211_2000,
    0xD68: 0x2123_2231,
    0xD6C: 0x0111_1131,
    0xD70: 0x0131_0102,
    MVFR0: 0x1011_0021,
    MVFR1: 0x1100_0011,
}
_AFTER_RESET = {CCR: CCR_STKALIGN, FPCCR: 0xC000_0000}
_VECTKEY, _VECTKEYSTAT = 0x05FA, 0xFA05
_SYSRESETREQ, _VECTCLRACTIVE, _VECTRESET = 1 << 2, 1 << 1, 1 << 0
_PENDING = {  # ICSR: bits that set and clear the pending state
    nvic.NMI: (1 << 31, 0),
    nvic.PENDSV: (1 << 28, 1 << 27),
    nvic.SYSTICK: (1 << 26, 1 << 25),
}
_ACTIVE = {  # SHCSR
    nvic.MEM_MANAGE: 1 << 0,
    nvic.BUS_FAULT: 1 << 1,
    nvic.USAGE_FAULT: 1 << 3,
    nvic.SVCALL: 1 << 7,
    nvic.DEBUG_MONITOR: 1 << 8,
    nvic.PENDSV: 1 << 10,
    nvic.SYSTICK: 1 << 11,
}
_WRITABLE = {VTOR: 0xFFFF_FF80, SCR: 0x16, CCR: 0x31B, SHCSR: 7 << 16, CPACR: 0xF << 20}


class SystemControl:
    """`reset_requested` is called for SYSRESETREQ, `float_allowed` when CPACR changes."""

    def __init__(
        self,
        controller: Nvic,
        timer: SysTick,
        debug: Device,
        *,
        lines: int,
        reset_requested: Callable[[], None],
        float_allowed: Callable[[bool], None],
    ) -> None:
        self._nvic = controller
        self._timer = timer
        self._debug = debug
        self._lines = lines
        self._reset_requested = reset_requested
        self._float_allowed = float_allowed
        self._registers: dict[int, int] = {}
        self.reset()

    def __getitem__(self, offset: int) -> int:
        """Return a register that merely keeps its value."""
        return self._registers.get(offset, 0)

    def raise_bits(self, offset: int, bits: int) -> None:
        """Set bits of a status register."""
        self._registers[offset] = self._registers.get(offset, 0) | bits

    def set(self, offset: int, value: int) -> None:
        """Set a register from inside, writable or not."""
        self._registers[offset] = value

    def reset(self) -> None:
        """Set all to what it is after reset."""
        self._registers.clear()
        self._registers.update(_AFTER_RESET)
        self._float_allowed(False)

    def peek(self, offset: int) -> int:
        """Return what a narrow write is merged into: nothing where ones have an effect."""
        if ISER <= offset < IABR or offset in (CFSR, HFSR, DFSR, ICSR):
            return 0
        return self.read(offset)

    def read(self, offset: int) -> int:
        """Return a register."""
        if systick.CSR <= offset <= systick.CALIB:
            return self._timer.read(offset)
        if ISER <= offset < IPR:
            return self._read_set(offset)
        if IPR <= offset < CPUID:
            return self._read_priorities(nvic.EXTERNAL + offset - IPR)
        if SHPR1 <= offset <= SHPR3:
            return self._read_priorities(4 + offset - SHPR1)
        if DHCSR <= offset <= DEMCR or offset == DFSR or offset >= COMPONENT_ID:
            return self._debug.read(offset)
        if offset == ICSR:
            return self._interrupt_state()
        if offset == AIRCR:
            return _VECTKEYSTAT << 16 | self._nvic.grouping << 8
        if offset == SHCSR:
            active = sum(bit for number, bit in _ACTIVE.items() if number in self._nvic.active)
            return self[SHCSR] | active
        if offset == ICTR:
            return (self._lines - 1) // 32
        return _FIXED.get(offset, self[offset])

    def write(self, offset: int, value: int) -> None:
        """Write a register; one that is read-only or does not exist ignores it."""
        if systick.CSR <= offset <= systick.CALIB:
            self._timer.write(offset, value)
        elif ISER <= offset < IABR:
            self._write_set(offset, value)
        elif IPR <= offset < CPUID:
            self._write_priorities(nvic.EXTERNAL + offset - IPR, value)
        elif SHPR1 <= offset <= SHPR3:
            self._write_priorities(4 + offset - SHPR1, value)
        elif DHCSR <= offset <= DEMCR or offset == DFSR:
            self._debug.write(offset, value)
        elif offset == ICSR:
            self._write_interrupt_state(value)
        elif offset == AIRCR:
            self._write_application_control(value)
        elif offset in (CFSR, HFSR):
            self._registers[offset] = self[offset] & ~value
        elif offset == STIR:
            self._nvic.pend(nvic.EXTERNAL + (value & 0xFF))
        elif offset not in _FIXED:
            self._registers[offset] = value & _WRITABLE.get(offset, 0xFFFF_FFFF)
            if offset == CPACR:
                self._float_allowed(self[CPACR] & CPACR_CP10 == CPACR_CP10)

    def _read_set(self, offset: int) -> int:
        first = nvic.EXTERNAL + 8 * (offset & 0x7F)
        if offset >= IABR:
            members: set[int] = set(self._nvic.active)
        else:
            members = self._nvic.enabled if offset < ISPR else self._nvic.pending
        return sum(1 << bit for bit in range(32) if first + bit in members)

    def _write_set(self, offset: int, value: int) -> None:
        first = nvic.EXTERNAL + 8 * (offset & 0x7F)
        for exception in (first + bit for bit in range(32) if value >> bit & 1):
            if exception >= nvic.EXTERNAL + self._lines:
                break
            if offset < ISPR:
                self._nvic.enable(exception, offset < ICER)
            elif offset < ICPR:
                self._nvic.pend(exception)
            else:
                self._nvic.unpend(exception)

    def _read_priorities(self, first: int) -> int:
        return sum((self._nvic.priority(first + i) & 0xFF) << 8 * i for i in range(4))

    def _write_priorities(self, first: int, value: int) -> None:
        for index in range(4):
            self._nvic.set_priority(first + index, value >> 8 * index & 0xFF)

    def _interrupt_state(self) -> int:
        due = self._nvic.due()
        value = self._nvic.active[-1] if self._nvic.active else 0
        value |= (due or 0) << 12
        if len(self._nvic.active) == 1:
            value |= 1 << 11  # RETTOBASE
        if any(exception >= nvic.EXTERNAL for exception in self._nvic.pending):
            value |= 1 << 22  # ISRPENDING
        return value | sum(
            bit for number, (bit, _) in _PENDING.items() if number in self._nvic.pending
        )

    def _write_interrupt_state(self, value: int) -> None:
        for exception, (set_bit, clear_bit) in _PENDING.items():
            if value & clear_bit:
                self._nvic.unpend(exception)
            if value & set_bit:
                self._nvic.pend(exception)

    def _write_application_control(self, value: int) -> None:
        if value >> 16 != _VECTKEY:
            return
        self._nvic.grouping = value >> 8 & 7
        if value & _VECTCLRACTIVE:
            self._nvic.active.clear()
        if value & (_SYSRESETREQ | _VECTRESET):
            self._reset_requested()
