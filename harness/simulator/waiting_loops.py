"""Passes over the rounds of a loop that only waits for a bit of a device's register.

A loop that reads this register, and otherwise only computes and reads its own stack and constants,
does the same in each round that begins with the same registers and reads the same value. Such
rounds are not executed but counted. The loop is one block, or two where it crosses the end of one
of the emulator's pages.

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
_BRANCH = ((0xF000, 0xD000, 8), (0xF800, 0xE000, 11))  # with the bits of their distance
_LOOKS = 8  # in a row without an equal round: a loop does more than wait
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
        self._state = registers.batch(*R, SP, LR, XPSR)
        self._waiting: dict[int, tuple[Block, ...]] = {}  # by the address of the read
        self._in_vain: dict[int, int] = {}  # looks in a row, by the address of the read

    def pass_rounds(self, pc: int, ticks: int) -> None:
        """Count rounds of the loop that reads a register at `pc`, which stays the same for `ticks`.

        This read then becomes that of a later round, but no later than the counter's limit allows.
        """
        looks = self._in_vain.get(pc, 0)
        if looks < _LOOKS:
            self._in_vain[pc] = 0 if self._passes_rounds(pc, ticks) else looks + 1

    def _passes_rounds(self, pc: int, ticks: int) -> bool:
        """Pass rounds, and return True, if the round before was the same."""
        start, _ = self._counter.entered
        loop, state = self._loop(start, pc), self._counter.state
        if not loop:
            return False
        instructions = sum(block.count for block in loop)
        registers = self._state.read()
        is_same = self.last == (pc, state.count - instructions, registers)
        if is_same:
            limit = -(-(state.limit - state.count) // instructions)
            state.count += max(min(limit, (ticks - 1) // instructions), 0) * instructions
        self.last = (pc, state.count, registers)
        return is_same

    def _loop(self, start: int, pc: int) -> tuple[Block, ...]:
        """Return the blocks of the loop with the block at `start`; none if it may do more."""
        known = self._waiting.get(pc, ())
        if not (known and all(self._blocks.get(block.start) is block for block in known)):
            known = self._waiting[pc] = self._find_loop(start, pc)
        return known

    def _find_loop(self, start: int, pc: int) -> tuple[Block, ...]:
        entered = self._blocks.get(start)
        if entered is None:
            return ()
        last = entered if self._target(entered) is not None else self._blocks.get(entered.end)
        first = None if last is None else self._blocks.get(self._target(last) or 0)
        if first is None or last is None:
            return ()
        loop = (first,) if first is last else (first, last)
        follow = first is last or (first.end == last.start and self._target(first) is None)
        if follow and entered in loop and all(self._only_waits(block, pc) for block in loop):
            return loop
        return ()

    def _target(self, block: Block) -> int | None:
        """Return where the branch at the end of `block` goes to; None without a branch."""
        found = self._bus.memory(block.start, block.size)
        if found is None:
            return None
        memory, base = found
        at = block.offsets[-1]
        code = memory.value(base + at, 2)
        for mask, value, bits in _BRANCH:
            if code & mask == value:
                sign = 1 << bits - 1
                return block.start + at + 4 + 2 * ((code & 2 * sign - 1 ^ sign) - sign)
        return None

    def _only_waits(self, block: Block, pc: int) -> bool:
        """Return whether `block` reads nothing but a register at `pc`, and changes no memory."""
        found = self._bus.memory(block.start, block.size)
        if found is None or block.specials:
            return False
        memory, base = found
        return all(
            self._loads(memory.value(base + at, 4))
            if block.start + at == pc
            else self._is_harmless(memory.value(base + at, 4))
            for at in block.offsets
        )

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
