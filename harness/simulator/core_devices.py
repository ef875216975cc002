"""The core's own devices on the private peripheral bus."""

from collections.abc import Callable
from dataclasses import dataclass

from harness.simulator import coresight, nvic, private_bus
from harness.simulator.bus import Window
from harness.simulator.clock import Clock
from harness.simulator.core_types import CoreType
from harness.simulator.dwt import Dwt
from harness.simulator.execution import Executor
from harness.simulator.fpb import Fpb
from harness.simulator.halting_debug import DebuggedCore, HaltingDebug
from harness.simulator.itm import Itm
from harness.simulator.nvic import Nvic
from harness.simulator.scs import SystemControl
from harness.simulator.swo import Swo
from harness.simulator.systick import SysTick


@dataclass(frozen=True)
class CoreDesign:
    """The choices of a chip's maker: the `type` of the core, and its options.

    `hertz` is the clock after reset, `vectors` the address of the vector table at boot, `lines`
    the number of interrupts, `priority_bits` the bits of a priority, `rom` the identification of
    the ROM table. With `bit_band`, the core has the alias regions of bit_band.py.
    """

    type: CoreType
    hertz: int
    vectors: int
    lines: int
    priority_bits: int
    rom: coresight.Part
    bit_band: bool = False


class CoreDevices:
    """NVIC, SysTick, system control, debug, DWT, FPB and ITM of `core`, placed in `window`.

    `reset_requested` is called for SYSRESETREQ.
    """

    def __init__(
        self,
        core: DebuggedCore,
        executor: Executor,
        clock: Clock,
        design: CoreDesign,
        window: Window,
        reset_requested: Callable[[], None],
    ) -> None:
        self.nvic = Nvic(design.priority_bits, executor.interrupt)
        self.systick = SysTick(clock, lambda: self.nvic.pend(nvic.SYSTICK), executor.interrupt)
        kind = design.type
        self.debug = HaltingDebug(core, executor, self.nvic, kind)
        self.control = SystemControl(
            self.nvic,
            self.systick,
            self.debug,
            kind.registers,
            lines=design.lines,
            reset_requested=reset_requested,
            float_allowed=executor.allow_float,
            trap=executor.trap,
        )
        self.dwt = Dwt(core, kind, executor, clock, lambda: self.debug.traced)
        self.debug.trace_changed = self.dwt.trace_changed
        fpb = Fpb(executor.set_breakpoints, kind.breakpoints, kind.debug_version)
        self.swo = Swo()
        itm = Itm(
            lambda: self.debug.traced, clock.ticks, self.swo.send, locks=kind.debug_version == 1
        )
        private_bus.add_devices(window, self.control, self.dwt, fpb, itm, kind.parts, design.rom)

    def reset(self) -> None:
        """Reset all but the debug units, which keep their values but for the monitor's (C1.4)."""
        self.nvic.reset()
        self.systick.reset()
        self.control.reset()
        self.debug.reset()
