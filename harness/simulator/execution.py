"""An instruction set simulator: runs code, counts it, and says why it stopped.

Nothing of the system around the core is here: no exceptions, no interrupts. What
Unicorn does not do as a Cortex-M does is worked around here and nowhere else:

- `uc_emu_stop` inside a memory callback repeats or loses the access, so execution is
  stopped at the entry of the next block, by the counter's limit.
- In a callback for a mapped device the program counter is that of some earlier
  instruction. Devices that must know the time are therefore mapped without
  permissions: the hook for that comes first, and before it the program counter is
  brought up to date.
- Bringing it up to date inside an IT block leaves the IT state set behind the block.
- A store to read-only memory happens, once its hook says that it was handled.
- A store to nowhere stops execution only at the end of its block.
"""

from collections.abc import Callable
from typing import Any

from unicorn import unicorn_const

from harness.errors import InfrastructureError
from harness.simulator.blocks import Blocks
from harness.simulator.bus import Bus, BusError, Memory
from harness.simulator.counting import NEVER, InstructionCounter
from harness.simulator.device_windows import Access, map_window
from harness.simulator.emulator import AccessHook, CodeHook, Emulator, ExceptionHook, TranslatedHook
from harness.simulator.registers import PC, XPSR
from harness.simulator.stops import Reason, Stop
from harness.simulator.thumb import Block, Special, covered

_IT_STATE, _THUMB_STATE = 0x0600_FC00, 1 << 24  # of xPSR
_WFI, _WFE, _YIELD = 0xBF30, 0xBF20, 0xBF10
_WIDE_HINT = 0x8000_F3AF
_ACCESS_FAULTS = {
    unicorn_const.UC_ERR_READ_UNMAPPED: Reason.LOAD,
    unicorn_const.UC_ERR_READ_PROT: Reason.LOAD,
    unicorn_const.UC_ERR_READ_UNALIGNED: Reason.LOAD,
    unicorn_const.UC_ERR_WRITE_UNMAPPED: Reason.STORE,
    unicorn_const.UC_ERR_WRITE_PROT: Reason.STORE,
    unicorn_const.UC_ERR_WRITE_UNALIGNED: Reason.STORE,
    unicorn_const.UC_ERR_FETCH_UNMAPPED: Reason.FETCH,
    unicorn_const.UC_ERR_FETCH_PROT: Reason.FETCH,
}


class Engine:
    """Code on `bus`.

    `special` is called when a block that has specials is entered, and returns whether it
    must not run.
    """

    def __init__(
        self, bus: Bus, special: Callable[[Block], bool], *, portable: bool = False
    ) -> None:
        self.bus = bus
        self.float_allowed = False
        self._special = special
        self._emulator = Emulator()
        self.registers = self._emulator.registers
        stop = self._emulator.stop_function
        self.counter = InstructionCounter(self._seen, stop, portable=portable)
        self.pc = 0
        self._running = False
        self._instant: int | None = None
        self._blocks = Blocks(bus)
        self._stale = False
        self._repairs: list[tuple[Memory, int, int, int]] = []
        self._failure: BaseException | None = None
        self._stop = Stop(Reason.LIMIT)
        self._stepping = False
        self._breakpoints: dict[int, int] = {}  # address to hook
        self._passing: int | None = None
        self._map()
        self._hook()
        bus.written = self._on_written

    # What the core asks

    def now(self) -> int:
        """Return how many instructions have been executed; exact in devices mapped exact."""
        state = self.counter.state
        count: int = state.count
        if not self._running:
            return count
        start, instructions = self.counter.entered
        if self._instant is None:
            return count - instructions
        return count - instructions + self._blocks.position(start, self._instant)

    def interrupt(self) -> None:
        """Stop before the next block; may be called by any thread."""
        self.counter.interrupt()

    def run(self, limit: int, ready: Callable[[], bool]) -> Stop:
        """Run from `pc` until the instruction count reaches `limit`, or something happens.

        `ready` is asked after the limit is set: whoever makes it false and then calls
        `interrupt` is heard, whichever comes first.
        """
        self.counter.state.limit = min(limit, NEVER)
        if not ready():
            return Stop(Reason.LIMIT)
        return self._start(0)

    def step(self, instructions: int = 1) -> Stop:
        """Execute `instructions`; an IT and what it covers are executed as one."""
        self.counter.state.limit = NEVER
        self._stepping = True
        self._stale = True  # code that is translated already would not be counted
        before = self.counter.state.count
        pc = self.pc
        try:
            stop = self._start(instructions)
        finally:
            self._stepping = False
        if instructions == 1:
            self.counter.state.count = before + self._stepped(pc, stop)
        return stop

    def _stepped(self, pc: int, stop: Stop) -> int:
        """Return how many instructions the step from `pc` was."""
        if stop.reason is not Reason.LIMIT:
            return int(self.pc != pc)
        found = self.bus.memory(pc, 2)
        return 1 if found is None else 1 + covered(found[0].value(found[1], 2))

    def set_breakpoints(self, addresses: set[int]) -> None:
        """Stop before the instructions at `addresses` from now on."""
        if addresses == self._breakpoints.keys():
            return
        for address in self._breakpoints.keys() - addresses:
            self._emulator.remove_hook(self._breakpoints.pop(address))
        for address in addresses - self._breakpoints.keys():
            self._breakpoints[address] = self._emulator.add_hook(
                unicorn_const.UC_HOOK_CODE, CodeHook(self._on_breakpoint), address, address
            )
        self._stale = True

    def pass_breakpoint(self) -> None:
        """Let the next run begin at a breakpoint without stopping there."""
        self._passing = self.pc

    def before(self, start: int, offset: int) -> int:
        """Return how many instructions of the block at `start` come before `offset`."""
        return self._blocks.position(start, start + offset)

    def allow_float(self, allowed: bool) -> None:
        """Say whether blocks that use the FPU are special."""
        if allowed != self.float_allowed:
            self.float_allowed = allowed
            self.counter.forget()

    def flush(self) -> None:
        """Forget all translated code."""
        self._emulator.flush()
        self.counter.forget()
        self._blocks.clear()
        self._stale = False

    # Running

    def _start(self, count: int) -> Stop:
        if self._stale:
            self.flush()
        self._stop = Stop(Reason.LIMIT)
        self.counter.state.block = 0
        self._running = True
        error = self._emulator.start(self.pc, count)
        self._running = False
        self._instant = None
        self._passing = None
        self.pc = self.registers.read(PC)
        self._repair()
        self._account()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self._reason(error)

    def _account(self) -> None:
        """Take back the instructions of the last block that were not executed."""
        start, instructions = self.counter.entered
        block = self._blocks.get(start)
        if block is not None and start <= self.pc < block.end:
            self.counter.state.count -= instructions - self._blocks.position(start, self.pc)

    def _reason(self, error: int) -> Stop:
        if error == unicorn_const.UC_ERR_OK:
            if self._stop.reason is not Reason.LIMIT:
                return self._stop
            return Stop(Reason.SLEEP) if self._ended_with(_WFI) else self._stop
        if error in _ACCESS_FAULTS:
            reason = _ACCESS_FAULTS[error]
            fetched = reason is Reason.FETCH
            return Stop(reason, address=self.pc if fetched else self._stop.address)
        if error == unicorn_const.UC_ERR_INSN_INVALID:
            if not self.registers.read(XPSR) & _THUMB_STATE:
                return Stop(Reason.STATE)
            hinted = self._ended_with(_WFE) or self._ended_with(_YIELD)
            return Stop(Reason.EVENT if hinted else Reason.UNDEFINED)
        raise InfrastructureError(
            f"the emulator failed at pc {self.pc:#010x}: {self._emulator.error_text(error)}",
            where="virtual board",
        )

    def _ended_with(self, hint: int) -> bool:
        """Tell whether the last block ran to its end, and that is the 16-bit or 32-bit `hint`."""
        start, _ = self.counter.entered
        block = self._blocks.get(start)
        if block is None or (self.pc != block.end and not self._stepping):
            return False
        found = self.bus.memory(self.pc - 4, 4)
        if found is None:
            return False
        last = found[0].value(found[1], 4)
        return last >> 16 == hint or last == (_WIDE_HINT | (hint >> 4 & 0xF) << 16)

    # Callbacks from Unicorn: an exception must not cross it

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self.counter.interrupt()

    def _seen(self, address: int, size: int) -> tuple[int, bool, bool]:
        block = self._blocks.see(address, size)
        if block is None:
            return 0, False, False
        if not self._is_special(block):
            return block.count, True, False
        if self._stepping:
            return block.count, False, False
        try:
            return block.count, False, self._special(block)
        except Exception as error:
            self._fail(error)
            return block.count, False, True

    def _is_special(self, block: Block) -> bool:
        return any(
            special is not Special.FLOAT or not self.float_allowed for _, special in block.specials
        )

    def _on_translated(self, _uc: int, block: Any, _previous: Any, _data: int) -> None:
        address = block[0]
        self._blocks.forget(address)
        self.counter.forget_block(address)

    def _on_exception(self, _uc: int, number: int, _data: int) -> None:
        self._stop = Stop(Reason.EXCEPTION, number)
        self._emulator.stop()

    def _on_breakpoint(self, _uc: int, address: int, _size: int, _data: int) -> None:
        if self._passing == address:
            self._passing = None
            return
        self._stop = Stop(Reason.BREAKPOINT)
        self._emulator.stop()

    def _on_unmapped(self, _uc: int, _kind: int, address: int, *_: int) -> bool:
        self._stop = Stop(Reason.LIMIT, address=address)
        return False

    def _on_protected_read(self, _uc: int, _kind: int, _address: int, *_: int) -> bool:
        self._synchronise()
        return True

    def _on_protected_write(
        self, _uc: int, _kind: int, address: int, size: int, value: int, _data: int
    ) -> bool:
        self._synchronise()
        found = self.bus.memory(address, size)
        if found is not None:
            try:
                self._program(found[0], found[1], address, size, value & ((1 << 8 * size) - 1))
            except BusError:
                return False
            except Exception as error:
                self._fail(error)
            self._instant = None
        return True

    def _synchronise(self) -> None:
        """Note where execution is; undo the IT state that finding out has left behind."""
        pc = self.registers.read(PC)
        self._instant = pc
        block = self._blocks.get(self.counter.entered[0])
        if block is not None and pc - block.start in block.in_it:
            self.registers.write(XPSR, self.registers.read(XPSR) & ~_IT_STATE)

    # Memory

    def _program(self, memory: Memory, offset: int, address: int, size: int, value: int) -> None:
        if memory.programmer is None:
            kept = memory.value(offset, size)
        else:
            kept = memory.programmer.program(offset, size, value)
        if kept != value:
            self._repairs.append((memory, offset, size, kept))
            self.counter.interrupt()
        self._on_written(address, size)

    def _repair(self) -> None:
        for memory, offset, size, value in self._repairs:
            memory.store(offset, size, value)
        self._repairs.clear()

    def _on_written(self, address: int, size: int) -> None:
        """Something other than the core changed memory that may have been translated."""
        if self._blocks.touches(address, size):
            self._stale = True
            self.counter.interrupt()

    def _map(self) -> None:
        for memory in self.bus.memories:
            self._emulator.map_memory(memory)
        access = Access(self._repairs, self._repair, self._pass_instant, self._fail)
        for window in self.bus.windows:
            map_window(self._emulator, window, access)

    def _pass_instant(self) -> None:
        self._instant = None

    def _hook(self) -> None:
        add = self._emulator.add_hook
        add(unicorn_const.UC_HOOK_BLOCK, self.counter.hook, data=self.counter.user_data)
        add(unicorn_const.UC_HOOK_EDGE_GENERATED, TranslatedHook(self._on_translated))
        add(unicorn_const.UC_HOOK_INTR, ExceptionHook(self._on_exception))
        add(unicorn_const.UC_HOOK_MEM_UNMAPPED, AccessHook(self._on_unmapped))
        add(unicorn_const.UC_HOOK_MEM_READ_PROT, AccessHook(self._on_protected_read))
        add(unicorn_const.UC_HOOK_MEM_WRITE_PROT, AccessHook(self._on_protected_write))
