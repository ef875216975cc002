"""A Cortex-M4F: runs, sleeps, halts, resets.

Its thread executes. Other threads (the debug port, the serial line) take the core
between two blocks with `stopped`; what they change then needs no further lock.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from harness.board.virtual import coresight, debug, exceptions, nvic, scs
from harness.board.virtual import registers as reg
from harness.board.virtual.clock import Clock, Timed
from harness.board.virtual.counting import NEVER
from harness.board.virtual.debug import Debug
from harness.board.virtual.dwt import Dwt
from harness.board.virtual.engine import Engine, Reason, Stop
from harness.board.virtual.exceptions import Exceptions
from harness.board.virtual.fpb import Fpb
from harness.board.virtual.memory import Bus, BusError, Memory, Window
from harness.board.virtual.nvic import Nvic
from harness.board.virtual.scs import SystemControl
from harness.board.virtual.systick import SysTick
from harness.board.virtual.thumb import Block, Special
from harness.errors import InfrastructureError

PPB = 0xE000_0000
_PPB_SIZE = 0x10_0000
_ITM, _DWT, _FPB, _SCS, _ROM = PPB, PPB + 0x1000, PPB + 0x2000, PPB + 0xE000, PPB + 0xFF000

_EXECUTE_NEVER = ((0x4000_0000, 0x6000_0000), (0xA000_0000, 0x1_0000_0000))  # B3.1
_INLINE = 400_000  # instructions that a resume executes in the debugger's thread
_IDLE = 0.0005  # seconds that a firmware waits which does nothing but poll
_CLOSE_DEADLINE = 5.0  # seconds
_QEMU_SVC, _QEMU_BKPT, _QEMU_EXIT, _QEMU_SEMIHOST = 2, 7, 8, 16
_QEMU_PREFETCH, _QEMU_DATA, _QEMU_NOCP, _QEMU_STATE, _QEMU_UNALIGNED = 3, 4, 17, 18, 22


class Core:
    """The core with `memories` and the chip's device `windows`.

    `vectors` is where it boots from; `lines` are the interrupts of the chip, `rom` the
    identification of its ROM table. `timed` devices and `reset_hooks` are the chip's to add.
    """

    def __init__(
        self,
        memories: Sequence[Memory],
        windows: Sequence[Window],
        *,
        hertz: int,
        vectors: int,
        lines: int,
        priority_bits: int,
        rom: coresight.Part,
        portable: bool = False,
    ) -> None:
        self.halted = False
        self.sleeping = False
        self.failure: BaseException | None = None
        self.reset_hooks: list[Callable[[], None]] = []
        self._vectors = vectors
        self._held_in_reset = True  # until power_on
        self._halt_wanted = False
        self._reset_wanted = False
        self._event = False
        self._idle = False
        self._sleep_on_event = False
        self._float_denied: int | None = None
        self._brown_out = NEVER
        self._ppb = Window(PPB, _PPB_SIZE, shift=12)
        self._ppb.exact = {_DWT, _SCS}
        self.bus = Bus(memories, [*windows, self._ppb])
        self.engine = Engine(self.bus, self._on_special, portable=portable)
        self.clock = Clock(hertz, self.engine.now)
        self.nvic = Nvic(priority_bits, self.engine.interrupt)
        self._systick = SysTick(
            self.clock, lambda: self.nvic.pend(nvic.SYSTICK), self.engine.interrupt
        )
        self.timed: list[Timed] = [self._systick]
        self.debug = Debug(self, self.engine, self.nvic)
        self.control = SystemControl(
            self.nvic,
            self._systick,
            self.debug,
            lines=lines,
            reset_requested=self._request_reset,
            float_allowed=self.engine.allow_float,
        )
        self._exceptions = Exceptions(
            self.engine, self.nvic, self.control, self._on_entry, vectors=vectors
        )
        self._dwt = Dwt(self.engine.now, lambda: self.debug.traced)
        self.debug.trace_changed = self._dwt.trace_changed
        self._fpb = Fpb(self.engine.set_breakpoints)
        self._place(rom)
        self._turn = threading.Condition(threading.RLock())
        self._waiting = 0
        self._count_lock = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="core", daemon=True)
        self._thread.start()

    def _place(self, rom: coresight.Part) -> None:
        components = {_SCS: self.control, _DWT: self._dwt, _FPB: self._fpb}
        parts = {_SCS: coresight.SCS, _DWT: coresight.DWT, _FPB: coresight.FPB}
        for base, device in components.items():
            self._ppb.add(base, coresight.Component(parts[base], device), size=0x1000)
        itm = coresight.Component(coresight.ITM, coresight.Constants({}))
        self._ppb.add(_ITM, itm, size=0x1000)
        table = coresight.rom_table(_ROM, (_SCS, _DWT, _FPB, _ITM))
        self._ppb.add(_ROM, coresight.Component(rom, table), size=0x1000)

    def add_vendor_device(self, base: int, device: coresight.Constants) -> None:
        """Place a chip's own device in the private peripheral bus."""
        self._ppb.add(base, device, size=0x1000)

    # For other threads

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Hold the core between two blocks."""
        with self._count_lock:
            self._waiting += 1
        self.engine.interrupt()
        self._turn.acquire()
        try:
            yield
            if self._reset_wanted:  # by a debugger's write to AIRCR
                self._reset()
        finally:
            with self._count_lock:
                self._waiting -= 1
            self._turn.notify_all()
            self._turn.release()

    @property
    def locked_up(self) -> bool:
        """Tell whether the core is in lockup."""
        return self._exceptions.lockup

    @property
    def held_in_reset(self) -> bool:
        """Tell whether nRESET is low."""
        return self._held_in_reset

    def power_on(self) -> None:
        """Begin with a reset."""
        self.set_reset(asserted=True)
        self.set_reset(asserted=False)

    def halt(self) -> None:
        """Halt as a debugger does; held in reset, it halts when reset ends."""
        with self.stopped():
            if self._held_in_reset:
                self._halt_wanted = True
            elif not self.halted:
                self._halt(debug.DFSR_HALTED)

    def resume(self) -> None:
        """Go on. A short piece of code, such as a flash algorithm, runs before this returns."""
        with self.stopped():
            self._halt_wanted = False
            if not self.halted:
                return
            self.halted = False
            self.engine.pass_breakpoint()
            limit = self.engine.now() + _INLINE
            self._idle = False
            while self._runs_on() and self.engine.now() < limit:
                self._execute(limit, lambda: True)

    def idle(self) -> None:
        """Let other threads go first for a moment: the firmware polls and nothing has come."""
        self._idle = True
        self.engine.interrupt()

    def step(self) -> None:
        """Execute one instruction of a halted core; no interrupt comes in if they are masked."""
        with self.stopped():
            if not self.halted:
                return
            self.halted = self.sleeping = False
            self._expire()
            if not self.debug.control & debug.C_MASKINTS:
                self._exceptions.take_due()
            self.engine.pass_breakpoint()
            self._after(self.engine.step())
            if self._reset_wanted:
                self._reset()
            self.sleeping = False
            self._halt(debug.DFSR_HALTED)

    def set_reset(self, *, asserted: bool) -> None:
        """Drive nRESET."""
        with self.stopped():
            if asserted and not self._held_in_reset:
                self._held_in_reset = True
                self.halted = False
            elif not asserted and self._held_in_reset:
                self._held_in_reset = False
                self._reset()
                if self._halt_wanted:
                    self._halt(debug.DFSR_HALTED)

    def brown_out_after(self, instructions: int) -> None:
        """Reset after so many more instructions, as when the supply sags."""
        with self.stopped():
            self._brown_out = self.engine.now() + instructions

    def reset_now(self) -> None:
        """Do at once what SYSRESETREQ asks for."""
        with self.stopped():
            self._reset()

    def close(self) -> None:
        """End the thread."""
        with self.stopped():
            self._closing = True
        self._thread.join(_CLOSE_DEADLINE)

    # The thread

    def _loop(self) -> None:
        with self._turn:
            while not self._closing:
                if self._waiting or not self._may_execute():
                    self._turn.wait()
                elif self.sleeping:
                    self._doze()
                elif self._idle:
                    self._idle = False
                    self._turn.wait(_IDLE)
                else:
                    try:
                        self._execute(NEVER, self._undisturbed)
                    except Exception as error:
                        self.failure = error
                        return

    def _undisturbed(self) -> bool:
        return not self._waiting

    def _may_execute(self) -> bool:
        return not (self.halted or self._held_in_reset or self._exceptions.lockup)

    def _runs_on(self) -> bool:
        return self._may_execute() and not self.sleeping and not self._idle

    def _doze(self) -> None:
        """Sleep until something is due or another thread has been there."""
        self._expire()
        if self._exceptions.wakes():
            self.sleeping = False
            return
        deadline = self._deadline()
        begin = self.clock.ticks()
        left = None if deadline is None else max(deadline - begin, 0) / self.clock.hertz
        since = time.monotonic()
        notified = self._turn.wait(left)
        passed = int((time.monotonic() - since) * self.clock.hertz)
        if deadline is not None:
            passed = min(passed, deadline - begin) if notified else deadline - begin
        self.clock.slept += max(passed, 0)

    def _execute(self, limit: int, ready: Callable[[], bool]) -> None:
        """Run until something happens, and let it happen."""
        self._expire()
        if self.nvic.pending:
            if self.sleeping and not self._exceptions.wakes():
                return
            self.sleeping = False
            self._exceptions.take_due()
            if not self._may_execute():
                return
        deadline = self._deadline()
        if deadline is not None:
            limit = min(limit, deadline - self.clock.slept)
        self._after(self.engine.run(min(limit, self._brown_out), ready))
        if self.engine.now() >= self._brown_out:
            self._brown_out = NEVER
            self._reset_wanted = True
        if self._reset_wanted:
            self._reset()

    def _deadline(self) -> int | None:
        deadlines = [deadline for timed in self.timed if (deadline := timed.deadline()) is not None]
        return min(deadlines, default=None)

    def _expire(self) -> None:
        for timed in self.timed:
            timed.expire()

    # What happens

    def _after(self, stop: Stop) -> None:
        """Act on why execution stopped."""
        self.debug.retired = True
        if self._float_denied is not None:
            self._deny_float(self._float_denied)
        elif stop.reason is Reason.LIMIT:
            return
        elif stop.reason is Reason.SLEEP:
            self.sleeping = True
        elif stop.reason is Reason.EVENT:
            self.sleeping, self._sleep_on_event = self._sleep_on_event, False
        elif stop.reason is Reason.BREAKPOINT:
            self._breakpoint()
        elif stop.reason is Reason.EXCEPTION:
            self._exception(stop.number)
        else:
            self._fault(stop)

    def _exception(self, number: int) -> None:
        if number == _QEMU_EXIT:
            self._exceptions.leave()
            self._event = True
            if not self.nvic.active and self.control[scs.SCR] & scs.SCR_SLEEPONEXIT:
                self.sleeping = True
        elif number == _QEMU_SVC:
            self._exceptions.supervisor_call()
        elif number in (_QEMU_BKPT, _QEMU_SEMIHOST):
            self._breakpoint()
        elif number == _QEMU_PREFETCH:
            self._fault(Stop(Reason.FETCH, address=self.engine.pc))
        elif number in (_QEMU_DATA, _QEMU_UNALIGNED):
            self._exceptions.fault(nvic.USAGE_FAULT, exceptions.UNALIGNED)
        elif number == _QEMU_NOCP:
            self._exceptions.fault(nvic.USAGE_FAULT, exceptions.NOCP)
        elif number == _QEMU_STATE:
            self._exceptions.fault(nvic.USAGE_FAULT, exceptions.INVSTATE)
        else:
            raise InfrastructureError(
                f"the emulator raised exception {number} at pc {self.engine.pc:#010x}",
                where="virtual board",
            )

    def _fault(self, stop: Stop) -> None:
        bus, usage = nvic.BUS_FAULT, nvic.USAGE_FAULT
        if stop.reason is Reason.LOAD:
            status = exceptions.PRECISERR | exceptions.BFARVALID
            self._exceptions.fault(bus, status, stop.address)
        elif stop.reason is Reason.STORE:
            self._exceptions.fault(bus, exceptions.IMPRECISERR)
        elif stop.reason is Reason.STATE:
            self._exceptions.fault(usage, exceptions.INVSTATE)
        elif stop.reason is Reason.UNDEFINED:
            self._exceptions.fault(usage, exceptions.UNDEFINSTR)
        elif any(start <= stop.address < end for start, end in _EXECUTE_NEVER):
            self._exceptions.fault(nvic.MEM_MANAGE, exceptions.IACCVIOL)
        else:
            self._exceptions.fault(bus, exceptions.IBUSERR)

    def _breakpoint(self) -> None:
        if self.debug.enabled:
            self._halt(debug.DFSR_BKPT)
        else:
            self._exceptions.hard_fault(exceptions.DEBUGEVT)

    def _on_entry(self, exception: int) -> None:
        self._event = True
        if self.debug.catches(exception):
            self._halt(debug.DFSR_VCATCH)

    def _on_special(self, block: Block) -> bool:
        """A block is about to run that has more in it than code; return whether it must not."""
        for offset, special in block.specials:
            if special is Special.UNMASK and self.nvic.pending:
                self.engine.interrupt()
            elif special is Special.SEND_EVENT:
                self._event = True
            elif special is Special.WAIT_FOR_EVENT:
                self._sleep_on_event, self._event = not self._event, False
            elif special is Special.FLOAT and not self.engine.float_allowed:
                self._float_denied = offset
                return True
        return False

    def _deny_float(self, offset: int) -> None:
        """Execute the block up to its first float instruction; that one is a UsageFault (NOCP)."""
        self._float_denied = None
        start, _ = self.engine.counter.entered
        before = self.engine.before(start, offset)
        if before:
            stop = self.engine.step(before)
            if self.engine.pc != start + offset:
                self._after(stop)
                return
        self._exceptions.fault(nvic.USAGE_FAULT, exceptions.NOCP)

    def _halt(self, reason: int) -> None:
        self.halted = True
        self.sleeping = False  # to enter debug state ends a WFI (B1.5.19)
        self._halt_wanted = False
        self._exceptions.lockup = False
        self.debug.dfsr |= reason
        self._turn.notify_all()

    # Reset

    def _request_reset(self) -> None:
        self._reset_wanted = True
        self.engine.interrupt()

    def _reset(self) -> None:
        """Reset the system; the debug registers keep their values (B1.5.5, C1.4)."""
        self._reset_wanted = False
        self.halted = self.sleeping = self._event = self._exceptions.lockup = False
        self._float_denied = None
        self.nvic.reset()
        self._systick.reset()
        self.control.reset()
        self._dwt.reset()
        for hook in self.reset_hooks:
            hook()
        registers = self.engine.registers
        registers.write(reg.XPSR_ALL, 1 << 24)
        for register in (reg.CONTROL, reg.PRIMASK, reg.BASEPRI, reg.FAULTMASK, reg.FPSCR):
            registers.write(register, 0)
        registers.refresh()
        registers.batch(*reg.R).write([0] * len(reg.R))
        registers.write(reg.LR, 0xFFFF_FFFF)
        try:
            stack, entry = self.bus.read_words(self._vectors, 2)
        except BusError:
            stack, entry = 0, 0
        registers.write(reg.SP, stack & ~3)
        self.engine.pc = entry & ~1
        self.debug.was_reset, self.debug.retired = True, False
        if self.debug.enabled and self.debug.demcr & debug.VC_CORERESET:
            self._halt(debug.DFSR_VCATCH)
        self._turn.notify_all()
