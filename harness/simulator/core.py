"""A Cortex-M that runs, sleeps, halts and resets.

The core has a thread of its own. Other threads (debug port, serial line) stop it between two
blocks with `stopped`; inside, they may change its state without a further lock.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from harness.simulator import bit_band, halting_debug, nvic, private_bus, scs
from harness.simulator import registers as reg
from harness.simulator.bus import Bus, BusError, Device, Memory, Window
from harness.simulator.clock import Clock, Timed, next_deadline
from harness.simulator.core_devices import CoreDesign, CoreDevices
from harness.simulator.counting import NEVER
from harness.simulator.execution import Executor
from harness.simulator.polling import PollingDetector
from harness.simulator.stop_handler import StopHandler
from harness.simulator.stops import Stop
from harness.simulator.thumb import Block
from harness.simulator.turn import Turn

_INLINE_INSTRUCTIONS = 400_000  # executed by `resume` in the debugger's thread
_INLINE_SLICE = 20_000  # of them, between two looks at the time
_INLINE_SECONDS = 0.5  # a program that only accesses devices needs more for that many
_IDLE_PAUSE = 0.0005  # seconds for other threads while the firmware only polls a UART
_POLL_PAUSE = 0.002  # the same while it polls memory; a debugger's write ends the pause
_CLOSE_DEADLINE = 5.0  # seconds


class Core:
    """A core with `memories` and the chip's device `windows`.

    With `boot`, reset starts the program with the vector table at that address and sets VTOR to
    it, as a bootloader does. The chip adds its `timed` devices and `reset_hooks`. The core's
    thread calls `report_awake` repeatedly: with True while the core runs, with False while it
    sleeps.
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
        if boot is not None:
            design.check_boot(boot, memories)
        self.halted = False
        self.sleeping = False
        self.off = False
        """Whether the chip sleeps so deeply that only a reset ends it."""
        self.deep_sleep: Callable[[], bool] | None = None
        """Returns whether a deep sleep switches the chip off. It stops SysTick; without: sleep."""
        self.failure: BaseException | None = None
        self.reset_hooks: list[Callable[[], None]] = []
        self.report_awake: Callable[[bool], None] = lambda _awake: None
        self._vectors = design.vectors
        self._boot = boot
        self._held_in_reset = True  # until power_on
        self._halt_wanted = False
        self._reset_wanted = False
        self._idle = False
        self._event_at, self._event = NEVER, self.request_reset
        self._private_bus = private_bus.window()
        self.bus = Bus(memories, [*windows, self._private_bus])
        if design.bit_band:
            bit_band.add_to(self.bus)
        self.type = design.type
        self.executor = Executor(
            self.bus, self._on_special, design.type, design.priority_bits, portable=portable
        )
        self.clock = Clock(design.hertz, self.executor.now)
        self._devices = CoreDevices(
            self, self.executor, self.clock, design, self._private_bus, self.request_reset
        )
        self.nvic = self._devices.nvic
        self.debug = self._devices.debug
        self.control = self._devices.control
        self.swo = self._devices.swo
        self.mpu = self._devices.mpu
        self.timed: list[Timed] = [self._devices.systick, self._devices.dwt]
        self._stop_handler = StopHandler(self.executor, self._devices, self._halt, design)
        self._exceptions = self._stop_handler.exceptions
        self.lock_up = self._exceptions.lock_up
        self._polling = PollingDetector(self.executor, memories, self._seconds_left)
        self._turn = Turn(self.executor.interrupt)
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="core", daemon=True)
        self._thread.start()

    def add_vendor_device(self, base: int, device: Device) -> None:
        """Add a device of the chip to the private peripheral bus."""
        self._private_bus.add(base, device, size=0x1000)

    # For other threads

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the core between two blocks while the context is open."""
        with self._turn.taken():
            yield
            if self._reset_wanted:  # a debugger has written AIRCR
                self._reset()

    @property
    def locked_up(self) -> bool:
        """Whether the core is in lockup."""
        return self._exceptions.lockup

    @property
    def held_in_reset(self) -> bool:
        """Whether nRESET is low."""
        return self._held_in_reset

    def power_on(self) -> None:
        """Start with a reset."""
        self.set_reset(asserted=True)
        self.set_reset(asserted=False)

    def halt(self) -> None:
        """Halt on behalf of a debugger; while reset is asserted, halt when it ends."""
        with self.stopped():
            if self._held_in_reset:
                self._halt_wanted = True
            elif not self.halted:
                self._halt(halting_debug.DFSR_HALTED)

    def resume(self) -> None:
        """Run again; short code, such as a flash algorithm, ends before this returns."""
        with self.stopped():
            self._halt_wanted = False
            if not self.halted:
                return
            self.halted = False
            self.executor.pass_breakpoint()
            limit, end = self.executor.now() + _INLINE_INSTRUCTIONS, monotonic() + _INLINE_SECONDS
            self._idle = False
            while self._keeps_running() and self.executor.now() < limit and monotonic() < end:
                self._execute(min(self.executor.now() + _INLINE_SLICE, limit), lambda: True)

    def idle(self) -> None:
        """Pause briefly for other threads: the firmware polls a UART without data."""
        self._idle = True
        self.executor.interrupt()

    def step(self) -> None:
        """Execute one instruction of a halted core; C_MASKINTS masks interrupts."""
        with self.stopped():
            if not self.halted:
                return
            self.halted = self.sleeping = False
            self._expire()
            if not self.debug.control & halting_debug.C_MASKINTS:
                self._exceptions.take_due()
            self._exceptions.priority.follow()
            self.executor.pass_breakpoint()
            self._handle(self.executor.single_step())
            if self._reset_wanted:
                self._reset()
            self.sleeping = False
            self._halt(halting_debug.DFSR_HALTED)
            if self.executor.watchpoints.take():
                self.debug.dfsr |= halting_debug.DFSR_DWTTRAP

    def set_reset(self, *, asserted: bool) -> None:
        """Drive nRESET."""
        with self.stopped():
            if asserted and not self._held_in_reset:
                self._held_in_reset = True
                self.halted = False
            elif not asserted and self._held_in_reset:
                self._reset()
                self._held_in_reset = False
                if self._halt_wanted:
                    self._halt(halting_debug.DFSR_HALTED)

    def call_after(self, instructions: int, event: Callable[[], None]) -> None:
        """Call `event` after that many more instructions, in the core's thread."""
        with self.stopped():
            self._event_at, self._event = self.executor.now() + instructions, event

    def reset_now(self) -> None:
        """Reset immediately, as SYSRESETREQ does."""
        with self.stopped():
            self._reset()

    def request_reset(self) -> None:
        """Reset between two blocks, as a watchdog of the chip does."""
        self._reset_wanted = True
        self.executor.interrupt()

    def close(self) -> None:
        """End the thread."""
        with self.stopped():
            self._closing = True
        self._thread.join(_CLOSE_DEADLINE)

    # The core's thread

    def _loop(self) -> None:
        with self._turn:
            while not self._closing:
                self._exceptions.end_lockup()
                if not (self._turn.is_free() and self._may_execute()):
                    self._turn.wait()
                elif self.sleeping:
                    self.report_awake(False)
                    self._sleep()
                elif self._idle:
                    self._idle = False
                    self._turn.wait(_IDLE_PAUSE)
                else:
                    try:
                        self.report_awake(True)
                        self._run_slice()
                    except Exception as error:
                        self.failure = error
                        return

    def _run_slice(self) -> None:
        """Run for a while; then pause if the firmware only polls memory."""
        end = self.executor.now() + self._polling.slice
        is_free = self._turn.is_free
        self._execute(end, is_free)
        while is_free() and self._keeps_running() and self.executor.now() < end:
            self._execute(end, is_free)
        if self.executor.now() >= end and self._keeps_running() and self._polling.polls():
            self._turn.wait(_POLL_PAUSE)

    def _may_execute(self) -> bool:
        return not (self.halted or self._held_in_reset or self._exceptions.lockup)

    def _keeps_running(self) -> bool:
        return self._may_execute() and not self.sleeping and not self._idle

    def _sleep(self) -> None:
        """Sleep until an event is due or another thread has stopped the core."""
        self._expire()
        if self._reset_wanted:
            self._reset()
            return
        if not self.off and self._stop_handler.wakes():
            self._wake()
            return
        if self.deep_sleep is not None and self.control[scs.SCR] & scs.SCR_SLEEPDEEP:
            self._devices.systick.hold()
            self.off = self.deep_sleep()
        self.clock.sleep(next_deadline(self.timed), self._turn.wait)

    def _wake(self) -> None:
        self.sleeping = self.off = False
        self._devices.systick.release()

    def _execute(self, limit: int, ready: Callable[[], bool]) -> None:
        """Run until the executor stops, and handle the stop."""
        self._expire()
        if self._reset_wanted:  # by a watchdog, just now
            self._reset()
            return
        if self.executor.watchpoints.take():
            self._stop_handler.debug_event(halting_debug.DFSR_DWTTRAP)
            if not self._may_execute():
                return
        if self._exceptions.take_due() and not self._may_execute():
            return
        self._exceptions.priority.follow()
        if self.debug.steps and self._exceptions.priority.may_preempt(nvic.DEBUG_MONITOR):
            self._step_for_monitor()
        else:
            deadline = next_deadline(self.timed)
            if deadline is not None:
                limit = min(limit, deadline - self.clock.slept)
            self._handle(self.executor.run(min(limit, self._event_at), ready))
        if self.executor.now() >= self._event_at:
            self._event_at = NEVER
            self._event()
        if self._reset_wanted:
            self._reset()

    def _step_for_monitor(self) -> None:
        """Execute one instruction, then take DebugMonitor: DEMCR.MON_STEP (C1.6.5)."""
        self._handle(self.executor.single_step())
        self.debug.dfsr |= halting_debug.DFSR_HALTED
        self.nvic.pend(nvic.DEBUG_MONITOR)

    def _seconds_left(self) -> float:
        """Return the time of the board until the next event of a timer."""
        deadline = next_deadline(self.timed)
        if deadline is None:
            return math.inf
        return (deadline - self.clock.ticks()) / self.clock.hertz

    def _expire(self) -> None:
        for timed in self.timed:
            timed.expire()

    def _on_special(self, block: Block) -> bool:
        return self._stop_handler.on_special(block)

    def _handle(self, stop: Stop) -> None:
        self.debug.retired = True
        self.sleeping = self._stop_handler.handle(stop)

    def _halt(self, reason: int) -> None:
        self.halted = True
        self._wake()  # entering debug state ends a WFI (B1.5.19)
        self._halt_wanted = False
        self._exceptions.lockup = False
        self.debug.dfsr |= reason
        self._turn.notify()

    # Reset

    def _reset(self) -> None:
        """Reset the system; the debug registers keep their values (B1.5.5, C1.4)."""
        self._reset_wanted = False
        self.halted = self.sleeping = self.off = False
        self._stop_handler.reset()
        registers = self.executor.registers
        registers.reset()
        self._devices.reset()
        for hook in self.reset_hooks:
            hook()
        if self._boot is not None:
            self.control.write(scs.VTOR, self._boot)
        vectors = self._vectors if self._boot is None else self._boot
        try:
            stack, entry = self.bus.read_words(vectors, 2)
        except BusError:
            stack, entry = 0, 0
        registers.write(reg.SP, stack & ~3)
        self.executor.pc = entry & ~1
        self.debug.was_reset, self.debug.retired = True, False
        if self.debug.enabled and self.debug.demcr & halting_debug.VC_CORERESET:
            self._halt(halting_debug.DFSR_VCATCH)
        self._turn.notify()
