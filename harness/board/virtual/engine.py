"""Unicorn as an instruction set simulator: runs code, counts it, and says why it stopped.

Nothing of the system around the core is here: no exceptions, no interrupts. What
Unicorn does not do as a Cortex-M does is worked around here and nowhere else:

- `uc_emu_stop` inside a memory callback repeats or loses the access, so execution is
  stopped at the entry of the next block, by the counter's limit.
- In a callback for a mapped device the program counter is that of some earlier
  instruction. Devices that must know the time are therefore mapped without
  permissions: the hook for that comes first, and before it the program counter is
  brought up to date.
- Bringing it up to date inside an IT block leaves the IT state set behind the block.
- UC_MODE_MCLASS makes the core a Cortex-M33 whatever model is asked for; without it, it
  is the Cortex-M4 that is asked for.
- A store to read-only memory happens, once its hook says that it was handled.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from importlib.metadata import version
from typing import Any

import unicorn
from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import uclib

from harness.board.virtual.counting import NEVER, InstructionCounter
from harness.board.virtual.memory import Bus, BusError, Memory, Window
from harness.board.virtual.registers import PC, XPSR, Registers
from harness.board.virtual.thumb import Block, Special, scan
from harness.errors import InfrastructureError

UNICORN = "2.1.4"

_UNTIL = 0xFFFF_FFFF  # odd: no instruction is there
_IT_STATE, _THUMB_STATE = 0x0600_FC00, 1 << 24  # of xPSR
_CODE_PAGE = 10  # bits of an address within a page of translated code
_MEMORY_FAULTS = {
    unicorn_const.UC_ERR_READ_UNMAPPED,
    unicorn_const.UC_ERR_READ_PROT,
    unicorn_const.UC_ERR_READ_UNALIGNED,
}
_STORE_FAULTS = {
    unicorn_const.UC_ERR_WRITE_UNMAPPED,
    unicorn_const.UC_ERR_WRITE_PROT,
    unicorn_const.UC_ERR_WRITE_UNALIGNED,
}
_FETCH_FAULTS = {unicorn_const.UC_ERR_FETCH_UNMAPPED, unicorn_const.UC_ERR_FETCH_PROT}

_Read = ctypes.CFUNCTYPE(
    ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p
)
_Write = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint64, ctypes.c_void_p
)
_Access = ctypes.CFUNCTYPE(
    ctypes.c_bool,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_uint64,
    ctypes.c_int,
    ctypes.c_uint64,
    ctypes.c_void_p,
)
_Interrupt = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
_Code = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)
_Edge = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.c_void_p,
)


class Reason(Enum):
    """Why execution stopped."""

    LIMIT = auto()
    """The limit, or `interrupt`."""
    SLEEP = auto()
    """WFI."""
    EVENT = auto()
    """WFE or YIELD: whether it sleeps is for the core to say."""
    BREAKPOINT = auto()
    EXCEPTION = auto()
    """`number` is QEMU's: see exceptions.py."""
    UNDEFINED = auto()
    """An undefined instruction."""
    STATE = auto()
    """A jump out of Thumb state."""
    LOAD = auto()
    """A load from nowhere, precise."""
    STORE = auto()
    """A store to nowhere; execution went on for up to a block, as with a write buffer."""
    FETCH = auto()
    """Code that is nowhere, or must not be executed."""


@dataclass(frozen=True)
class Stop:
    """Why execution stopped; `address` of a failed access."""

    reason: Reason
    number: int = 0
    address: int = 0


class Engine:
    """Code on `bus`.

    `special` is called when a block that has specials is entered, and returns whether it
    must not run.
    """

    def __init__(
        self, bus: Bus, special: Callable[[Block], bool], *, portable: bool = False
    ) -> None:
        _check_version()
        self.bus = bus
        self.float_allowed = False
        self._special = special
        self._uc = unicorn.Uc(
            unicorn_const.UC_ARCH_ARM,
            unicorn_const.UC_MODE_THUMB,
            arm_const.UC_CPU_ARM_CORTEX_M4,
        )
        self._handle: ctypes.c_void_p = self._uc._uch
        self.registers = Registers(self._handle)
        stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value or 0
        self.counter = InstructionCounter(self._seen, stop, portable=portable)
        self.pc = 0
        self._running = False
        self._instant: int | None = None
        self._blocks: dict[int, Block] = {}
        self._code_pages: set[int] = set()
        self._stale = False
        self._repairs: list[tuple[Memory, int, int, int]] = []
        self._failure: BaseException | None = None
        self._stop = Stop(Reason.LIMIT)
        self._stepping = False
        self._breakpoints: dict[int, tuple[ctypes.c_size_t, Any]] = {}
        self._passing: int | None = None
        self._kept: list[Any] = []  # callbacks must live as long as Unicorn may call them
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
        return count - instructions + self._position(start, self._instant)

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
            done = 1 if self.pc != pc or stop.reason is Reason.LIMIT else 0
            code = self.bus.memory(pc, 2)
            if code is not None:
                block = scan(pc, code[0].bytes[code[1] : code[1] + 2])
                halfword = code[0].value(code[1], 2)
                if halfword >> 8 == 0xBF and halfword & 0xF and block.count:
                    covered = 4 - (halfword & -halfword & 0xF).bit_length() + 1
                    done += covered if stop.reason is Reason.LIMIT else 0
            self.counter.state.count = before + done
        return stop

    def set_breakpoints(self, addresses: set[int]) -> None:
        """Stop before the instructions at `addresses` from now on."""
        if addresses == self._breakpoints.keys():
            return
        for address in self._breakpoints.keys() - addresses:
            hook, _ = self._breakpoints.pop(address)
            uclib.uc_hook_del(self._handle, hook)
        for address in addresses - self._breakpoints.keys():
            callback = _Code(self._on_breakpoint)
            hook = self._add_hook(unicorn_const.UC_HOOK_CODE, callback, address, address)
            self._breakpoints[address] = (hook, callback)
        self._stale = True

    def pass_breakpoint(self) -> None:
        """Let the next run begin at a breakpoint without stopping there."""
        self._passing = self.pc

    def before(self, start: int, offset: int) -> int:
        """Return how many instructions of the block at `start` come before `offset`."""
        return self._position(start, start + offset)

    def allow_float(self, allowed: bool) -> None:
        """Say whether blocks that use the FPU are special."""
        if allowed != self.float_allowed:
            self.float_allowed = allowed
            self.counter.forget()

    def flush(self) -> None:
        """Forget all translated code."""
        self._uc.ctl_flush_tb()
        self.counter.forget()
        self._blocks.clear()
        self._code_pages.clear()
        self._stale = False

    # Running

    def _start(self, count: int) -> Stop:
        if self._stale:
            self.flush()
        self._stop = Stop(Reason.LIMIT)
        self.counter.state.block = 0
        self._running = True
        error = uclib.uc_emu_start(
            self._handle,
            ctypes.c_uint64(self.pc | 1),
            ctypes.c_uint64(_UNTIL),
            ctypes.c_uint64(0),
            ctypes.c_size_t(count),
        )
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
            self.counter.state.count -= instructions - self._position(start, self.pc)

    def _reason(self, error: int) -> Stop:
        if error == unicorn_const.UC_ERR_OK:
            if self._stop.reason is not Reason.LIMIT:
                return self._stop
            return Stop(Reason.SLEEP) if self._ended_with(0xBF30) else self._stop
        if error in _MEMORY_FAULTS:
            return Stop(Reason.LOAD, address=self._stop.address)
        if error in _STORE_FAULTS:
            return Stop(Reason.STORE, address=self._stop.address)
        if error in _FETCH_FAULTS:
            return Stop(Reason.FETCH, address=self.pc)
        if error == unicorn_const.UC_ERR_INSN_INVALID:
            if not self.registers.read(XPSR) & _THUMB_STATE:
                return Stop(Reason.STATE)
            hinted = self._ended_with(0xBF20) or self._ended_with(0xBF10)
            return Stop(Reason.EVENT if hinted else Reason.UNDEFINED)
        raise InfrastructureError(
            f"the emulator failed at pc {self.pc:#010x}: "
            f"{uclib.uc_strerror(error).decode('ascii', 'replace')}",
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
        return last >> 16 == hint or last == (0x8000_F3AF | (hint >> 4 & 0xF) << 16)

    def _position(self, start: int, pc: int) -> int:
        block = self._blocks.get(start)
        return 0 if block is None else block.positions.get(pc - start, 0)

    # Callbacks from Unicorn: an exception must not cross it

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self.counter.interrupt()

    def _seen(self, address: int, size: int) -> tuple[int, bool, bool]:
        block = self._blocks.get(address)
        if block is None or block.size != size:
            found = self.bus.memory(address, size)
            if found is None:
                return 0, False, False
            memory, offset = found
            block = scan(address, memory.bytes[offset : offset + size])
            self._blocks[address] = block
            self._code_pages.update(
                range(address >> _CODE_PAGE, (address + size - 1 >> _CODE_PAGE) + 1)
            )
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
        self._blocks.pop(address, None)
        self.counter.forget_block(address)

    def _on_exception(self, uc: int, number: int, _data: int) -> None:
        self._stop = Stop(Reason.EXCEPTION, number)
        uclib.uc_emu_stop(ctypes.c_void_p(uc))

    def _on_breakpoint(self, uc: int, address: int, _size: int, _data: int) -> None:
        if self._passing == address:
            self._passing = None
            return
        self._stop = Stop(Reason.BREAKPOINT)
        uclib.uc_emu_stop(ctypes.c_void_p(uc))

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
        first = address >> _CODE_PAGE
        last = address + size - 1 >> _CODE_PAGE
        if not self._code_pages.isdisjoint(range(first, last + 1)):
            self._stale = True
            self.counter.interrupt()

    def _map(self) -> None:
        for memory in self.bus.memories:
            permissions = unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC
            if not memory.flash:
                permissions |= unicorn_const.UC_PROT_WRITE
            for base in memory.bases:
                self._uc.mem_map_ptr(base, memory.size, permissions, memory.address)
        for window in self.bus.windows:
            self._map_window(window)

    def _map_window(self, window: Window) -> None:
        """Map `window`: each exact page by itself, without permissions."""
        start = window.base
        for page in sorted(window.exact):
            self._map_devices(window, start, page - start)
            self._map_devices(window, page, Window.PAGE)
            self._uc.mem_protect(page, Window.PAGE, unicorn_const.UC_PROT_NONE)
            start = page + Window.PAGE
        self._map_devices(window, start, window.base + window.size - start)

    def _map_devices(self, window: Window, base: int, size: int) -> None:
        if size <= 0:
            return

        def read(_uc: int, offset: int, size: int, _data: int) -> int:
            if self._repairs:
                self._repair()
            try:
                return window.read(base + offset, size)
            except Exception as error:
                self._fail(error)
                return 0
            finally:
                self._instant = None

        def write(_uc: int, offset: int, size: int, value: int, _data: int) -> None:
            if self._repairs:
                self._repair()
            try:
                window.write(base + offset, size, value)
            except Exception as error:
                self._fail(error)
            finally:
                self._instant = None

        callbacks = (_Read(read), _Write(write))
        self._kept.append(callbacks)
        error = uclib.uc_mmio_map(
            self._handle,
            ctypes.c_uint64(base),
            ctypes.c_size_t(size),
            callbacks[0],
            None,
            callbacks[1],
            None,
        )
        if error != unicorn_const.UC_ERR_OK:
            raise InfrastructureError(
                f"the emulator cannot map devices at {base:#010x}: error {error}",
                where="virtual board",
            )

    def _hook(self) -> None:
        self._add_hook(unicorn_const.UC_HOOK_BLOCK, self.counter.hook, 1, 0, self.counter.user_data)
        for kind, callback in (
            (unicorn_const.UC_HOOK_EDGE_GENERATED, _Edge(self._on_translated)),
            (unicorn_const.UC_HOOK_INTR, _Interrupt(self._on_exception)),
            (unicorn_const.UC_HOOK_MEM_UNMAPPED, _Access(self._on_unmapped)),
            (unicorn_const.UC_HOOK_MEM_READ_PROT, _Access(self._on_protected_read)),
            (unicorn_const.UC_HOOK_MEM_WRITE_PROT, _Access(self._on_protected_write)),
        ):
            self._kept.append(callback)
            self._add_hook(kind, callback, 1, 0)

    def _add_hook(
        self, kind: int, callback: Any, begin: int, end: int, data: int = 0
    ) -> ctypes.c_size_t:
        hook = ctypes.c_size_t()
        error = uclib.uc_hook_add(
            self._handle,
            ctypes.byref(hook),
            kind,
            ctypes.cast(callback, ctypes.c_void_p),
            ctypes.c_void_p(data),
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if error != unicorn_const.UC_ERR_OK:
            raise InfrastructureError(
                f"the emulator takes no hook of kind {kind}: error {error}", where="virtual board"
            )
        return hook


def _check_version() -> None:
    found = version("unicorn")
    if found != UNICORN:
        raise InfrastructureError(
            f"unicorn {found} is installed; the virtual boards know the ways of {UNICORN}",
            where="virtual board",
            remedy=f"pip install unicorn=={UNICORN}",
        )
