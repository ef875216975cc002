"""The registers of the NVIC, including those in the system control block.

Armv7-M ARM (DDI 0403E): B3.4.3 NVIC registers, B3.2.4 ICSR, B3.2.10 to 12 SHPR, B3.2.13 SHCSR.
"""

from harness.simulator import nvic
from harness.simulator.nvic import Nvic

ISER, ICER, ISPR, ICPR, IABR, IPR, IPR_END = 0x100, 0x180, 0x200, 0x280, 0x300, 0x400, 0x4F0
ICSR, SHPR1, SHPR3, SHCSR, STIR = 0xD04, 0xD18, 0xD20, 0xD24, 0xF00
OFFSETS = (*range(ISER, IPR_END, 4), ICSR, *range(SHPR1, SHCSR + 4, 4), STIR)
"""Offsets in the system control space."""

BASELINE_OFFSETS = (ISER, ICER, ISPR, ICPR, *range(IPR, IPR + 32, 4), ICSR, SHPR1 + 4, SHPR3)
"""The same for Armv6-M (DDI 0419): no active bits, no STIR, and 32 interrupts at most."""

_RETTOBASE, _ISRPENDING = 1 << 11, 1 << 22
_ACTIVE = {  # the bits of SHCSR
    nvic.MEM_MANAGE: 1 << 0,
    nvic.BUS_FAULT: 1 << 1,
    nvic.USAGE_FAULT: 1 << 3,
    nvic.SVCALL: 1 << 7,
    nvic.DEBUG_MONITOR: 1 << 8,
    nvic.PENDSV: 1 << 10,
    nvic.SYSTICK: 1 << 11,
}
_PENDED = {
    nvic.USAGE_FAULT: 1 << 12,
    nvic.MEM_MANAGE: 1 << 13,
    nvic.BUS_FAULT: 1 << 14,
    nvic.SVCALL: 1 << 15,
}
_ENABLED = {nvic.MEM_MANAGE + index: 1 << 16 + index for index in range(4)}
_PENDING = {  # bits of ICSR that set and clear the pending state
    nvic.NMI: (1 << 31, 0),
    nvic.PENDSV: (1 << 28, 1 << 27),
    nvic.SYSTICK: (1 << 26, 1 << 25),
}


class NvicRegisters:
    """The registers of `controller`, which has `lines` interrupts."""

    def __init__(self, controller: Nvic, lines: int) -> None:
        self._nvic = controller
        self._lines = lines

    def reset(self) -> None:
        """Do nothing: the core resets the controller."""

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; 0 if writing ones has an effect."""
        is_stored = IPR <= offset < IPR_END or SHPR1 <= offset <= SHCSR
        return self.read(offset) if is_stored else 0

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset < IPR:
            return self._read_set(offset)
        if offset < IPR_END:
            return self._read_priorities(nvic.EXTERNAL + offset - IPR)
        if offset == ICSR:
            return self._state()
        if offset == SHCSR:
            return self._handlers()
        return 0 if offset == STIR else self._read_priorities(4 + offset - SHPR1)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset < IABR:
            self._write_set(offset, value)
        elif IPR <= offset < IPR_END:
            self._write_priorities(nvic.EXTERNAL + offset - IPR, value)
        elif offset == ICSR:
            self._write_state(value)
        elif offset == SHCSR:
            self._write_handlers(value)
        elif offset == STIR:
            if value & 0x1FF < self._lines:
                self._nvic.pend(nvic.EXTERNAL + (value & 0x1FF))
        elif offset >= SHPR1:
            self._write_priorities(4 + offset - SHPR1, value)

    def _read_set(self, offset: int) -> int:
        first = nvic.EXTERNAL + 8 * (offset - IABR if offset >= IABR else offset & 0x7F)
        if offset >= IABR:
            members = set(self._nvic.active)
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
            if first + index < nvic.EXTERNAL + self._lines:
                self._nvic.set_priority(first + index, value >> 8 * index & 0xFF)

    def _handlers(self) -> int:
        """Return SHCSR."""
        state = ((_ACTIVE, self._nvic.active), (_PENDED, self._nvic.pending))
        return sum(
            bit
            for bits, members in (*state, (_ENABLED, self._nvic.enabled))
            for exception, bit in bits.items()
            if exception in members
        )

    def _write_handlers(self, value: int) -> None:
        for exception, bit in _ACTIVE.items():
            if bool(value & bit) != (exception in self._nvic.active):
                self._nvic.set_active(exception, bool(value & bit))
        for exception, bit in _ENABLED.items():
            self._nvic.enable(exception, bool(value & bit))
        for exception, bit in _PENDED.items():
            if value & bit:
                self._nvic.pend(exception)
            else:
                self._nvic.unpend(exception)

    def _state(self) -> int:
        """Return ICSR; VECTPENDING depends on BASEPRI and FAULTMASK, but not on PRIMASK."""
        due = self._nvic.due()
        if due is not None and self._nvic.priority(due) >= self._nvic.masked_from():
            due = None
        value = self._nvic.current | (due or 0) << 12
        if self._nvic.current and set(self._nvic.active) <= {self._nvic.current}:
            value |= _RETTOBASE
        if any(exception >= nvic.EXTERNAL for exception in self._nvic.pending):
            value |= _ISRPENDING
        return value | sum(
            bit for number, (bit, _) in _PENDING.items() if number in self._nvic.pending
        )

    def _write_state(self, value: int) -> None:
        for exception, (set_bit, clear_bit) in _PENDING.items():
            if value & clear_bit:
                self._nvic.unpend(exception)
            if value & set_bit:
                self._nvic.pend(exception)
