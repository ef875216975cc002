"""A Cortex-M4F: runs, sleeps, halts, resets.

Its thread executes. Other threads (the debug port, the serial line) take the core
between two blocks with `stopped`; what they change then needs no further lock.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.simulator import coresight, halting_debug, nvic, private_bus, scs
from harness.simulator import registers as reg
from harness.simulator.bus import Bus, BusError, Memory, Window
from harness.simulator.clock import Clock, Timed
from harness.simulator.counting import NEVER
from harness.simulator.dwt import Dwt
from harness.simulator.execution import Engine
from harness.simulator.fpb import Fpb
from harness.simulator.halting_debug import Debug
from harness.simulator.nvic import Nvic
from harness.simulator.reaction import Reaction
from harness.simulator.scs import SystemControl
from harness.simulator.stops import Stop
from harness.simulator.systick import SysTick
from harness.simulator.thumb import Block

_INLINE = 400_000  # instructions that a resume executes in the debugger's thread
_IDLE = 0.0005  # seconds that a firmware waits which does nothing but poll
_CLOSE_DEADLINE = 5.0  # seconds


@dataclass(frozen=True)
class CoreDesign:
    """What a chip's maker chose: clock, boot address, interrupts, and the ROM table's part.

    `hertz` is the clock after reset, `vectors` the address of the vector table at boot, `lines`
    the number of interrupts, `priority_bits` the bits of a priority.
    """

    hertz: int
    vectors: int
    lines: int
    priority_bits: int
    rom: coresight.Part


class Core:
    """The core with `memories` and the chip's device `windows`.

    With `boot`, reset starts the program whose vector table is at that address, and VTOR holds
    it, as after a bootloader. The chip adds its `timed` devices and `reset_hooks`. `awake` is
    called again and again in the core's thread: with True while the core runs, else with False.
    """

    def __init__(
        self,
        memories: Sequence[Memory],
        windows: Sequence[Window],
        design: CoreDesign,
        *,
        portable: bool = False,
        boot: int | None = None,
    ) -> None:
        self.halted = False
        self.sleeping = False
        self.failure: BaseException | None = None
        self.reset_hooks: list[Callable[[], None]] = []
        self.awake: Callable[[bool], None] = lambda _awake: None
        self._vectors = design.vectors
        self._boot = boot
        self._held_in_reset = True  # until power_on
        self._halt_wanted = False
        self._reset_wanted = False
        self._idle = False
        self._brown_out = NEVER
        self._ppb = private_bus.window()
        self.bus = Bus(memories, [*windows, self._ppb])
        self.engine = Engine(self.bus, self._on_special, portable=portable)
        self.clock = Clock(design.hertz, self.engine.now)
        self.nvic = Nvic(design.priority_bits, self.engine.interrupt)
        self._systick = SysTick(
            self.clock, lambda: self.nvic.pend(nvic.SYSTICK), self.engine.interrupt
        )
        self.timed: list[Timed] = [self._systick]
        self.debug = Debug(self, self.engine, self.nvic)
        self.control = SystemControl(
            self.nvic,
            self._systick,
            self.debug,
            lines=design.lines,
            reset_requested=self._request_reset,
            float_allowed=self.engine.allow_float,
        )
        self._reaction = Reaction(
            self.engine, self.nvic, self.control, self.debug, self._halt, vectors=design.vectors
        )
        self._exceptions = self._reaction.exceptions
        self._dwt = Dwt(self.engine.now, lambda: self.debug.traced)
        self.debug.trace_changed = self._dwt.trace_changed
        self._fpb = Fpb(self.engine.set_breakpoints)
        private_bus.place(self._ppb, self.control, self._dwt, self._fpb, design.rom)
        self._turn = threading.Condition(threading.RLock())
        self._waiting = 0
        self._count_lock = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="core", daemon=True)
        self._thread.start()

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
                self._halt(halting_debug.DFSR_HALTED)

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
            if not self.debug.control & halting_debug.C_MASKINTS:
                self._exceptions.take_due()
            self.engine.pass_breakpoint()
            self._after(self.engine.step())
            if self._reset_wanted:
                self._reset()
            self.sleeping = False
            self._halt(halting_debug.DFSR_HALTED)

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
                    self._halt(halting_debug.DFSR_HALTED)

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
                    self.awake(False)
                    self._doze()
                elif self._idle:
                    self._idle = False
                    self._turn.wait(_IDLE)
                else:
                    try:
                        self.awake(True)
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

    def _on_special(self, block: Block) -> bool:
        return self._reaction.on_special(block)

    def _after(self, stop: Stop) -> None:
        self.debug.retired = True
        self.sleeping = self._reaction.after(stop)

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
        self.halted = self.sleeping = False
        self._reaction.reset()
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
        if self._boot is not None:
            self.control.write(scs.VTOR, self._boot)
        vectors = self._vectors if self._boot is None else self._boot
        try:
            stack, entry = self.bus.read_words(vectors, 2)
        except BusError:
            stack, entry = 0, 0
        registers.write(reg.SP, stack & ~3)
        self.engine.pc = entry & ~1
        self.debug.was_reset, self.debug.retired = True, False
        if self.debug.enabled and self.debug.demcr & halting_debug.VC_CORERESET:
            self._halt(halting_debug.DFSR_VCATCH)
        self._turn.notify_all()
