"""Passes over the rounds of a loop that only waits for a bit of a device's register.

A loop of one block that reads this register, and otherwise only computes and reads its own stack
and constants, does the same in each round that begins with the same registers and reads the same
value. Such rounds are not executed but counted.

Armv7-M ARM (DDI 0403E), A5.2 and A5.3: the encodings.
"""

from harness.simulator.blocks import Blocks
from harness.simulator.bus import Bus
from harness.simulator.counting import InstructionCounter
from harness.simulator.registers import LR, SP, XPSR, R, Registers
from harness.simulator.thumb import Block, is_wide

# Masks and values of instructions that only compute, branch, or read the stack or a constant.
_NARROW = (
    (0xC000, 0x0000),  # shift, add, subtract, move, compare with constants
    (0xFC00, 0x4000),  # data processing
    (0xFF00, 0x4500),  # CMP of high registers
    (0xF800, 0x4800),  # LDR of a constant
    (0xF800, 0x9800),  # LDR from the stack
    (0xF500, 0xB100),  # CBZ, CBNZ
    (0xFF00, 0xB200),  # SXTH, SXTB, UXTH, UXTB
    (0xFF00, 0xBF00),  # IT; hints have effects of their own, which `specials` tell
    (0xF000, 0xD000),  # conditional branches; SVC ends in an exception
    (0xF800, 0xE000),  # B
)
_WIDE = (
    (0xF800, 0xF000, 0x8000, 0x0000),  # data processing with a constant
    (0xFE00, 0xEA00, 0x0000, 0x0000),  # data processing with a shifted register
)
_OTHERS = 8  # after so many, a loop does more than wait
_LDR, _LDR_WIDE = (0xF800, 0x6800), (0xFFF0, 0xF8D0)


class WaitingLoops:
    """Passes over rounds of loops in `blocks` by advancing `counter`."""

    def __init__(
        self, bus: Bus, blocks: Blocks, counter: InstructionCounter, registers: Registers
    ) -> None:
        self.last: tuple[int, int, list[int]] | None = None
        """Where the last read was, the count of instructions then, and the registers; or None."""
        self._bus = bus
        self._blocks = blocks
        self._counter = counter
        self._others = 0  # rounds in a row that began with other registers
        self._state = registers.batch(*R, SP, LR, XPSR)
        self._known: dict[int, tuple[Block, int, bool]] = {}  # what `_only_waits` found, by address

    def pass_rounds(self, pc: int, ticks: int) -> None:
        """Count rounds of the loop that reads a register at `pc`, which stays the same for `ticks`.

        This read then becomes that of a later round, but no later than the counter's limit allows.
        """
        start, instructions = self._counter.entered
        block, state = self._blocks.get(start), self._counter.state
        if block is None or not self._is_known(block, pc):
            self.last = None
            return
        registers = self._state.read()
        if self.last == (pc, state.count - instructions, registers):
            limit = -(-(state.limit - state.count) // instructions)
            state.count += max(min(limit, (ticks - 1) // instructions), 0) * instructions
            self._others = 0
        else:
            self._others += 1
            if self._others == _OTHERS:
                self._others, self._known[start] = 0, (block, pc, False)
        self.last = (pc, state.count, registers)

    def _is_known(self, block: Block, pc: int) -> bool:
        known = self._known.get(block.start)
        if known is None or known[0] is not block or known[1] != pc:
            known = self._known[block.start] = (block, pc, self._only_waits(block, pc))
        return known[2]

    def _only_waits(self, block: Block, pc: int) -> bool:
        """Return whether `block` reads nothing but a register at `pc`, and changes no memory."""
        found = self._bus.memory(block.start, block.size)
        if found is None or block.specials:
            return False
        memory, base = found
        return all(
            self._is_harmless(memory.value(base + at, 4)) or block.start + at == pc
            for at in block.offsets
        ) and self._loads(memory.value(base + pc - block.start, 4))

    @staticmethod
    def _is_harmless(code: int) -> bool:
        first, second = code & 0xFFFF, code >> 16
        if not is_wide(first):
            return any(first & mask == value for mask, value in _NARROW)
        return any(
            first & mask == value and second & mask2 == value2
            for mask, value, mask2, value2 in _WIDE
        )

    @staticmethod
    def _loads(code: int) -> bool:
        first = code & 0xFFFF
        return any(first & mask == value for mask, value in (_LDR, _LDR_WIDE))
