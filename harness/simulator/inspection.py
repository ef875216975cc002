"""Looks at blocks before they run: which may run at full speed, and which must not run at all."""

from collections.abc import Callable
from dataclasses import replace

from harness.simulator.blocks import Blocks
from harness.simulator.breakpoints import Breakpoints
from harness.simulator.counting import InstructionCounter
from harness.simulator.operand_checks import OperandChecks
from harness.simulator.thumb import Block, Special


class Inspection:
    """Inspects new `blocks` for the `counter`, and those with special instructions each time.

    `special` is called before a block with special instructions runs; it returns whether the block
    must not run, and `refused` is called if so. `failed` is called with an exception. `stop` is the
    address of `uc_emu_stop`.
    """

    def __init__(
        self,
        blocks: Blocks,
        breakpoints: Breakpoints,
        stop: int,
        special: Callable[[Block], bool],
        refused: Callable[[], None],
        failed: Callable[[BaseException], None],
        *,
        portable: bool,
    ) -> None:
        self.counter = InstructionCounter(self._inspect, stop, portable=portable)
        self.checks: OperandChecks
        self.may_unmask: Callable[[], bool] = lambda: True
        """Whether an exception is due when PRIMASK and BASEPRI are cleared."""
        self.stepping = False
        """Whether one instruction runs alone."""
        self._blocks = blocks
        self._breakpoints = breakpoints
        self._special = special
        self._refused = refused
        self._failed = failed
        self._float_enabled = self._float_stalled = False
        self._unmasking: set[int] = set()  # addresses of blocks that had nothing to unmask

    def look_again(self) -> None:
        """Inspect the blocks that had nothing to unmask again."""
        for address in self._unmasking:
            self.counter.forget_block(address)
        self._unmasking.clear()

    @property
    def float_allowed(self) -> bool:
        """Whether FPU instructions run; if not, they are special."""
        return self._float_enabled and not self._float_stalled

    def allow_float(self, enabled: bool) -> None:
        """Set whether CPACR allows FPU instructions."""
        self._set_float(enabled, self._float_stalled)

    def stall_float(self, stalled: bool) -> None:
        """Set whether the float context refuses FPU instructions."""
        self._set_float(self._float_enabled, stalled)

    def _set_float(self, enabled: bool, stalled: bool) -> None:
        before = self.float_allowed
        self._float_enabled, self._float_stalled = enabled, stalled
        if before != self.float_allowed:
            self.counter.forget()

    def _inspect(self, address: int, size: int) -> tuple[int, bool, bool]:
        """Return what `InstructionCounter` needs to know about a block."""
        block = self._blocks.get(address)
        if block is None or block.size != size:
            block = self._blocks.scan(address, size)
            if block is None:
                return 0, False, False
            again = self._breakpoints.guard(block)
            if self.checks.require(address, size, block.operands, again=again):
                return block.count, False, True
        if not self._is_special(block):
            return block.count, True, False
        return block.count, False, self._refuses(block)

    def _is_special(self, block: Block) -> bool:
        """Return whether `block` must be inspected each time."""
        specials = {special for _, special in block.specials}
        if self.float_allowed:
            specials.discard(Special.FLOAT)
        if specials != {Special.UNMASK} or self.may_unmask():
            return bool(specials)
        self._unmasking.add(block.start)
        return False

    def _refuses(self, block: Block) -> bool:
        """Return whether a block with special instructions must not run now."""
        if self.stepping:
            own = (found for found in block.specials if not found[0])
            block = replace(block, specials=tuple(own))
        try:
            refuses = self._special(block)
        except Exception as error:
            self._failed(error)
            return True
        if refuses:
            self._refused()
        return refuses
