"""The registers of the NVIC, including those in the system control block.

Armv7-M ARM (DDI 0403E): B3.4.3 NVIC registers, B3.2.4 ICSR, B3.2.10 to 12 SHPR.
"""

from harness.simulator import nvic
from harness.simulator.nvic import Nvic

ISER, ICER, ISPR, ICPR, IABR, IPR, IPR_END = 0x100, 0x180, 0x200, 0x280, 0x300, 0x400, 0x4F0
ICSR, SHPR1, SHPR3, STIR = 0xD04, 0xD18, 0xD20, 0xF00
OFFSETS = (*range(ISER, IPR_END, 4), ICSR, *range(SHPR1, SHPR3 + 4, 4), STIR)
"""Offsets in the system control space."""

BASELINE_OFFSETS = (ISER, ICER, ISPR, ICPR, *range(IPR, IPR + 32, 4), ICSR, SHPR1 + 4, SHPR3)
"""The same for Armv6-M (DDI 0419): no active bits, no STIR, and 32 interrupts at most."""

_RETTOBASE, _ISRPENDING = 1 << 11, 1 << 22
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
        is_priority = IPR <= offset < IPR_END or SHPR1 <= offset <= SHPR3
        return self.read(offset) if is_priority else 0

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset < IPR:
            return self._read_set(offset)
        if offset < IPR_END:
            return self._read_priorities(nvic.EXTERNAL + offset - IPR)
        if offset == ICSR:
            return self._state()
        return 0 if offset == STIR else self._read_priorities(4 + offset - SHPR1)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset < IABR:
            self._write_set(offset, value)
        elif IPR <= offset < IPR_END:
            self._write_priorities(nvic.EXTERNAL + offset - IPR, value)
        elif offset == ICSR:
            self._write_state(value)
        elif offset == STIR:
            self._nvic.pend(nvic.EXTERNAL + (value & 0xFF))
        elif offset >= SHPR1:
            self._write_priorities(4 + offset - SHPR1, value)

    def _read_set(self, offset: int) -> int:
        first = nvic.EXTERNAL + 8 * (offset & 0x7F)
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
            self._nvic.set_priority(first + index, value >> 8 * index & 0xFF)

    def _state(self) -> int:
        due = self._nvic.due()
        value = self._nvic.active[-1] if self._nvic.active else 0
        value |= (due or 0) << 12
        if len(self._nvic.active) == 1:
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
