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
from typing import Any

from unicorn import unicorn_const

from harness.simulator import it_walk
from harness.simulator.blocks import Blocks
from harness.simulator.breakpoints import Breakpoints
from harness.simulator.bus import Bus, BusError
from harness.simulator.core_types import CoreType
from harness.simulator.counting import NEVER
from harness.simulator.denials import Denials
from harness.simulator.device_windows import Access, map_alias, map_window
from harness.simulator.emulator import Emulator, ExceptionHook, TranslatedHook
from harness.simulator.inspection import Inspection
from harness.simulator.permissions import Permissions
from harness.simulator.registers import IT_STATE, PC, XPSR
from harness.simulator.run_ends import RunEnds
from harness.simulator.stops import LIMIT, Reason, Stop
from harness.simulator.thumb import Block, it_length
from harness.simulator.violations import Violations
from harness.simulator.waiting_loops import WaitingLoops
from harness.simulator.watchpoints import Watch, Watchpoints


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
        self.emulator = Emulator(kind.model)
        self.registers = self.emulator.registers
        self._state = self.registers.batch(PC, XPSR)
        self._status = 0  # xPSR after the last run
        self.hidden = self.emulator.hidden
        self.pc = 0
        self._running = False
        self.undefined = kind.undefined
        self._blocks = Blocks(bus, kind.undefined, priority_bits)
        self._breakpoints = Breakpoints(self.emulator, self._on_breakpoint, self._on_guard)
        self.inspection = Inspection(
            self._blocks,
            self._breakpoints,
            self.emulator.stop_function,
            special,
            self._on_refused,
            self._fail,
            portable=portable,
        )
        self.counter = self.inspection.counter
        self._ends = RunEnds(self.emulator, bus, self._blocks, self.counter)
        self._waits = WaitingLoops(bus, self._blocks, self.counter, self.registers)
        self._stale = self._has_ram_code = False
        self._failure: BaseException | None = None
        self._stop = LIMIT
        self.permissions = Permissions(self.emulator, bus.memories, self._on_permissions)
        self._at_it_block = False
        self.watchpoints = Watchpoints(
            self.emulator, lambda address: bool(self._it_state(address)), portable=portable
        )
        self._denials = Denials(self.emulator, self.counter, bus, self._it_state, portable=portable)
        self.inspection.checks = self._denials.checks
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

    def note_unchanged(self, ticks: int) -> None:
        """Note that the register of an exact device keeps the value that is being read so long."""
        if self._running and self.violations.exact_pc is not None:
            self._waits.pass_rounds(self.violations.exact_pc, ticks)

    def interrupt(self) -> None:
        """Stop before the next block; any thread may call this."""
        self.counter.interrupt()

    def look_again(self) -> None:
        """Stop before the next block; an exception may now be due, or when a mask is cleared."""
        self.inspection.look_again()
        self.counter.interrupt()

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
        self.inspection.stepping = self.violations.stores.alone = stepping
        self.counter.always_begins = stepping

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
            if self._running and not self.inspection.stepping:
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
        if self.violations.stores.refused and not self.inspection.stepping:
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
        self._waits.last = None
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
        if error == unicorn_const.UC_ERR_OK and self._stop is not LIMIT:
            return self._stop
        alone = self.inspection.stepping
        address = self.violations.address
        return self._ends.stop_for(error, self.pc, self._status, address, alone=alone)

    # Callbacks from Unicorn: an exception must not propagate into it

    def _fail(self, error: BaseException) -> None:
        """Keep `error` and stop; `_start` raises it."""
        if isinstance(error, BusError) and self.violations.ignores_errors:
            return
        self._failure = error
        self.counter.interrupt()

    def _on_refused(self) -> None:
        self._stop = Stop(Reason.SPECIAL)

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
