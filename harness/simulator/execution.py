"""The executor: it runs code, counts instructions, and returns the reason for each stop.

It does not know exceptions and interrupts. It works around the differences between Unicorn and a
Cortex-M; no other module needs to know them:

- `uc_emu_stop` inside a memory callback repeats or loses the access. Execution is therefore
  stopped at the entry of the next block, by the counter's limit.
- In a callback for a mapped device, the program counter still points to an earlier instruction.
  Devices that need the exact instruction count are therefore mapped without permissions: Unicorn
  updates the program counter before it calls the hook for the violation, and calls the hook
  before the device's callback.
- This update inside an IT block leaves the IT state set after the block.
- A store to read-only memory is performed after its hook has handled it: see flash_stores.py.
- A store to an address without memory or device stops execution only at the end of its block.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from unicorn import unicorn_const

from harness.errors import InfrastructureError
from harness.simulator import it_walk
from harness.simulator.blocks import Blocks
from harness.simulator.breakpoints import Breakpoints
from harness.simulator.bus import Bus, BusError
from harness.simulator.core_types import CoreType
from harness.simulator.counting import NEVER, InstructionCounter
from harness.simulator.denials import Denials
from harness.simulator.device_windows import Access, map_alias, map_window
from harness.simulator.emulator import Emulator, ExceptionHook, TranslatedHook
from harness.simulator.permissions import Permissions
from harness.simulator.registers import IT_STATE, PC, XPSR
from harness.simulator.stops import ACCESS_FAULTS, LIMIT, Reason, Stop
from harness.simulator.thumb import WFE, WFI, YIELD, Block, Special, is_hint, it_length
from harness.simulator.violations import Violations
from harness.simulator.watchpoints import Watch, Watchpoints

_THUMB_STATE = 1 << 24  # a bit of xPSR


class Executor:
    """Executes the code on `bus`, on Unicorn's model of the core type `kind`.

    BASEPRI has this number of `priority_bits`. `special` is called before a block with special
    instructions runs; it returns whether the block must not run. `portable` selects the counter in
    Python.
    """

    def __init__(
        self,
        bus: Bus,
        special: Callable[[Block], bool],
        kind: CoreType,
        priority_bits: int,
        *,
        portable: bool = False,
    ) -> None:
        self.bus = bus
        self._float_enabled = self._float_stalled = False
        self._special = special
        self.may_unmask: Callable[[], bool] = lambda: True
        """Whether an exception is due when PRIMASK and BASEPRI are cleared: see `look_again`."""
        self._unmasking: set[int] = set()  # addresses of blocks that did not matter so far
        self.emulator = Emulator(kind.model)
        self.registers = self.emulator.registers
        self._state = self.registers.batch(PC, XPSR)
        self._status = 0  # xPSR after the last run
        self.hidden = self.emulator.hidden
        stop = self.emulator.stop_function
        self.counter = InstructionCounter(self._inspect_block, stop, portable=portable)
        self.pc = 0
        self._running = False
        self.undefined = kind.undefined
        self._blocks = Blocks(bus, kind.undefined, priority_bits)
        self._stale = self._has_ram_code = False
        self._failure: BaseException | None = None
        self._stop = LIMIT
        self._stepping = False
        self.permissions = Permissions(self.emulator, bus.memories, self._on_permissions)
        self._at_it_block = False
        self._breakpoints = Breakpoints(self.emulator, self._on_breakpoint, self._on_guard)
        self.watchpoints = Watchpoints(
            self.emulator, lambda address: bool(self._it_state(address)), portable=portable
        )
        self._denials = Denials(self.emulator, self.counter, bus, self._it_state, portable=portable)
        self.violations = Violations(
            self.emulator,
            bus,
            written=self._on_written,
            failed=self._fail,
        )
        self._map()
        self._add_hooks()
        bus.written = self._on_written

    # Called by the core

    def now(self) -> int:
        """Return the number of executed instructions; exact inside callbacks of exact devices."""
        state = self.counter.state
        count: int = state.count
        if not self._running:
            return count
        start, instructions = self.counter.entered
        if self.violations.exact_pc is None:
            return count - instructions
        return count - instructions + self._blocks.position(start, self.violations.exact_pc)

    def interrupt(self) -> None:
        """Stop before the next block; any thread may call this."""
        self.counter.interrupt()

    def look_again(self) -> None:
        """Stop before the next block; `may_unmask` may have changed."""
        for address in self._unmasking:
            self.counter.forget_block(address)
        self._unmasking.clear()
        self.interrupt()

    def run(self, limit: int, ready: Callable[[], bool]) -> Stop:
        """Run from `pc` until the instruction count reaches `limit`, or another reason to stop.

        `ready` is called after the limit is set. A thread that first makes it return False and
        then calls `interrupt` therefore always stops the run, without a race.
        """
        self.counter.state.limit = min(limit, NEVER)
        if not ready():
            return LIMIT
        if not (self.registers.may_be_in_it and it_walk.state(self.registers)):
            stop = self._start(0)
            if not self._at_it_block or stop.reason is not Reason.LIMIT:
                return stop
        return it_walk.walk(self, self._breakpoints.halts)

    def single_step(self) -> Stop:
        """Execute one instruction, also if it is an IT or in an IT block."""
        return it_walk.single_step(self)

    def step(self) -> Stop:
        """Execute one instruction; an IT and its conditional instructions are executed as one."""
        self.counter.state.limit = NEVER  # another thread may interrupt: hence `always_begins`
        self._set_stepping(True)
        self._stale = True  # translated code does not count
        before = self.counter.state.count
        pc = self.pc
        try:
            stop = self._start(1)
        finally:
            self._set_stepping(False)
        self.counter.state.count = before + self._stepped(pc, stop)
        return stop

    def _set_stepping(self, stepping: bool) -> None:
        self._stepping = self.violations.stores.alone = self.counter.always_begins = stepping

    def _stepped(self, pc: int, stop: Stop) -> int:
        """Return how many instructions the step from `pc` executed."""
        if stop.reason is not Reason.LIMIT:
            return int(self.pc != pc)
        found = self.bus.memory(pc, 2)
        return 1 if found is None else 1 + it_length(found[0].value(found[1], 2))

    def set_breakpoints(self, addresses: set[int]) -> None:
        """From now on, stop before the instructions at `addresses`, and at no others.

        The hooks of the breakpoints come before those of the checks, which `flush` removes.
        """
        self._stale |= self._breakpoints.set(addresses)

    def set_watches(self, watches: Mapping[int, Watch]) -> None:
        """Watch exactly this, from the end of the running block on."""
        if self.watchpoints.set(watches):
            self._stale = True
            self.interrupt()

    def pass_breakpoint(self) -> None:
        """Ignore a breakpoint at `pc` when the next run starts."""
        self._breakpoints.passed = self.pc

    def approach(self, offset: int) -> Stop:
        """Execute the last entered block up to the instruction at `offset`.

        Execute that, too, if its IT condition is false. `pc` then tells how far execution came.
        """
        start, _ = self.counter.entered
        stop = LIMIT
        while stop.reason is Reason.LIMIT and (
            start <= self.pc < start + offset
            or (self.pc == start + offset and not it_walk.passes(self.registers))
        ):
            stop = self.single_step()
        return stop

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

    def is_privileged(self) -> bool:
        """Return whether an access to a device is privileged; a debugger's always is."""
        return not self._running or self.violations.is_privileged()

    def trap(self, unaligned: bool, division: bool) -> None:
        """Set whether all unaligned accesses and all divisions by zero fault (CCR).

        A store that changes the first is executed again, in the code with the new checks.
        """
        self._denials.trap_division = division
        if self._denials.trap.switch(unaligned):
            self._stale = True
            self.interrupt()
            if self._running and not self._stepping:
                self.emulator.stop()

    def flush(self) -> None:
        """Discard all translated code."""
        self.emulator.flush()
        self.counter.forget()
        self._blocks.clear()
        self._denials.checks.clear()
        self._stale = self._has_ram_code = False

    # Running

    def _start(self, count: int) -> Stop:
        if self._stale:
            self.flush()
        self._stop = LIMIT
        self._denials.stop = self.violations.aborts.stop = None
        self._at_it_block = False
        error = self._emulate(count)
        while self._tries_again():
            error = self._emulate(count)
        self._breakpoints.passed = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self.violations.stores.refused and not self._stepping:
            return self._repeat()
        return self._denials.stop or self.violations.aborts.stop or self._stop_for(error)

    def _tries_again(self) -> bool:
        """Return whether only the emulator needed the stop, and is ready now."""
        if self._stop.reason is Reason.DENIED_FETCH and self.permissions.open():
            self._stop = LIMIT
            return True
        if self._denials.checks.stale:
            self._denials.checks.retranslate()
            return True
        return False

    def _repeat(self) -> Stop:
        """Execute the instruction at `pc` alone: flash does not keep all that it stores."""
        self.pass_breakpoint()
        stop = self.step()
        self.violations.stores.refused = False
        return stop

    def _emulate(self, count: int) -> int:
        """Run until the emulator stops; return its result. Update `pc` and the counter."""
        self._running = True
        self.counter.state.block = 0
        error = self.emulator.start(self.pc, count)
        self._running = False
        self.violations.exact_pc = None
        if self.violations.aborts.stop is not None:
            self.violations.aborts.take_back()
        if self._denials.stop is not None:
            self._denials.take_back()
        self.pc, self._status = self._state.read()
        self.registers.may_be_in_it = bool(self._status & IT_STATE)
        self.violations.stores.correct()
        self._subtract_unexecuted()
        return error

    def _subtract_unexecuted(self) -> None:
        """Subtract the instructions of the last block that were not executed."""
        start, instructions = self.counter.entered
        block = self._blocks.get(start)
        if block is not None and start <= self.pc < start + block.size:
            self.counter.state.count -= instructions - self._blocks.position(start, self.pc)

    def _stop_for(self, error: int) -> Stop:
        """Return the reason for the stop; `error` is Unicorn's result of the run."""
        if error == unicorn_const.UC_ERR_OK:
            if self._stop.reason is not Reason.LIMIT:
                return self._stop
            if not self._status & _THUMB_STATE:
                return Stop(Reason.STATE)  # the stop came before the next instruction's fault
            return Stop(Reason.SLEEP) if self._ended_with(WFI) else self._stop
        if error in ACCESS_FAULTS:
            reason = ACCESS_FAULTS[error]
            is_fetch = reason is Reason.FETCH
            return Stop(reason, address=self.pc if is_fetch else self.violations.address)
        if error == unicorn_const.UC_ERR_INSN_INVALID:
            if not self._status & _THUMB_STATE:
                return Stop(Reason.STATE)
            is_event = self._ended_with(WFE) or self._ended_with(YIELD)
            return Stop(Reason.EVENT if is_event else Reason.UNDEFINED)
        raise InfrastructureError(
            f"the emulator failed at pc {self.pc:#010x}: {self.emulator.error_text(error)}",
            where="virtual board",
        )

    def _ended_with(self, hint: int) -> bool:
        """Return whether the last block ran to its end and ended with `hint`."""
        start, _ = self.counter.entered
        block = self._blocks.get(start)
        if block is None or (self.pc != block.end and not self._stepping):
            return False
        found = self.bus.memory(self.pc - 4, 4)
        return found is not None and is_hint(found[0].value(found[1], 4), hint)

    # Callbacks from Unicorn: an exception must not propagate into it

    def _fail(self, error: BaseException) -> None:
        """Keep `error` and stop; `_start` raises it."""
        if isinstance(error, BusError) and self.violations.ignores_errors:
            return
        self._failure = error
        self.counter.interrupt()

    def _inspect_block(self, address: int, size: int) -> tuple[int, bool, bool]:
        """Return what `InstructionCounter` needs to know about a new block."""
        block = self._blocks.get(address)
        if block is None or block.size != size:
            block = self._blocks.scan(address, size)
            if block is None:
                return 0, False, False
            again = self._breakpoints.guard(block)
            if self._denials.checks.require(address, size, block.operands, again=again):
                return block.count, False, True
        specials = {special for _, special in block.specials}
        if self.float_allowed:
            specials.discard(Special.FLOAT)
        if specials == {Special.UNMASK} and not self.may_unmask():
            self._unmasking.add(address)
            specials.clear()
        if not specials:
            return block.count, True, False
        if self._stepping:
            own = (found for found in block.specials if not found[0])
            block = replace(block, specials=tuple(own))
        try:
            refuses = self._special(block)
        except Exception as error:
            self._fail(error)
            return block.count, False, True
        if refuses:
            self._stop = Stop(Reason.SPECIAL)
        return block.count, False, refuses

    def _on_translated(self, _uc: int, block: Any, _previous: Any, _data: int) -> None:
        address = block.contents.address
        self._blocks.forget(address)
        self.counter.forget_block(address)
        found = self.bus.memory(address, 1)
        self._has_ram_code |= found is not None and not found[0].flash

    def _on_permissions(self) -> None:
        """Stop; discard code in RAM: Unicorn does not see stores where execution is forbidden."""
        self._stale |= self._has_ram_code
        self.interrupt()

    def _on_exception(self, _uc: int, number: int, _data: int) -> None:
        self._stop = self.permissions.stop_for(number) or Stop(Reason.EXCEPTION, number)
        self.emulator.stop()

    def _on_breakpoint(self) -> None:
        self._stop = Stop(Reason.BREAKPOINT)
        self.emulator.stop()

    def _on_guard(self) -> None:
        self._at_it_block = True
        self.emulator.stop()

    def _it_state(self, address: int) -> int:
        """Return the ITSTATE of the instruction at `address` in the current block."""
        start, _ = self.counter.entered
        block = self._blocks.get(start)
        return 0 if block is None else block.in_it.get(address - start, 0)

    # Memory

    def _on_written(self, address: int, size: int) -> None:
        """Discard the translated code if it may include the `size` changed bytes at `address`."""
        if self._blocks.touches(address, size):
            self._stale = True
            self.counter.interrupt()

    def _map(self) -> None:
        for memory in self.bus.memories:
            self.emulator.map_memory(memory)
        access = Access(self.violations.leave, self._fail)
        for window in self.bus.windows:
            map_window(self.emulator, window, access)
        for alias in self.bus.alias_regions:
            map_alias(self.emulator, alias, access)

    def _add_hooks(self) -> None:
        add = self.emulator.add_hook
        add(unicorn_const.UC_HOOK_BLOCK, self.counter.hook, data=self.counter.user_data)
        add(unicorn_const.UC_HOOK_EDGE_GENERATED, TranslatedHook(self._on_translated))
        add(unicorn_const.UC_HOOK_INTR, ExceptionHook(self._on_exception))
