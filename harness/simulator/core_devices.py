"""The core's own devices on the private peripheral bus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.errors import InputError
from harness.simulator import (
    coresight,
    float_context,
    mpu,
    nvic,
    nvic_registers,
    private_bus,
    scs,
    systick,
)
from harness.simulator.bus import Device, Memory, Window
from harness.simulator.clock import Clock
from harness.simulator.core_types import CoreType
from harness.simulator.dwt import Dwt
from harness.simulator.execution import Executor
from harness.simulator.float_context import FloatContext
from harness.simulator.fpb import Fpb
from harness.simulator.halting_debug import DebuggedCore, HaltingDebug
from harness.simulator.itm import Itm
from harness.simulator.nvic import Nvic
from harness.simulator.nvic_registers import NvicRegisters
from harness.simulator.scs import SystemControl
from harness.simulator.stacking import Stacking
from harness.simulator.swo import Swo
from harness.simulator.systick import SysTick

_WORD = 4
_LEAST_MULTIPLE = 128  # bytes: the lowest bits of VTOR are 0


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

    def check_boot(self, boot: int, memories: Sequence[Memory]) -> None:
        """Raise `InputError` if a vector table cannot begin at the address `boot`.

        It begins in one of the `memories`, at a multiple of the power of two that holds it, and of
        128 bytes (Armv7-M ARM, DDI 0403E, B3.2.5; the same in Armv6-M and Armv8-M).
        """
        vectors = nvic.EXTERNAL + self.lines
        multiple = max(1 << (_WORD * vectors - 1).bit_length(), _LEAST_MULTIPLE)
        if boot % multiple:
            raise InputError(
                f"a vector table cannot begin there: with {vectors} vectors, it begins at a "
                f"multiple of {multiple:#x}",
                where=f"--boot={boot:#010x}",
                remedy=f"link the program to {boot // multiple * multiple:#010x} or "
                f"{(boot // multiple + 1) * multiple:#010x}, and name that",
            )
        if not any(base <= boot < base + each.size for each in memories for base in each.bases):
            flash = next(each for each in memories if each.flash)
            raise InputError(
                "the chip has no memory there",
                where=f"--boot={boot:#010x}",
                remedy=f"name the address of the program's vectors: flash begins at "
                f"{flash.base:#010x}, and ends before {flash.base + flash.size:#010x}",
            )


class CoreDevices:
    """NVIC, SysTick, MPU, system control, debug, DWT, FPB and ITM of `core`, placed in `window`.

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
        self._executor = executor
        self._buffers_stores = design.type.write_buffer
        self.nvic = Nvic(
            design.priority_bits,
            executor.look_again,
            secure_fault=design.type.security_extension,
        )
        self.systick = SysTick(
            clock,
            lambda: self.nvic.pend(nvic.SYSTICK),
            executor.interrupt,
            executor.note_unchanged,
        )
        kind = design.type
        self.debug = HaltingDebug(core, executor, self.nvic, kind)
        self.mpu = None if kind.mpu is None else kind.mpu(kind.regions, self._on_protection)
        self.stacking = Stacking(executor.bus, self.mpu)
        self.floats = FloatContext(executor.hidden, self.stacking, executor.inspection.stall_float)
        self.control = SystemControl(
            self.nvic,
            kind.registers,
            self._in_control_space(design.lines),
            lines=design.lines,
            reset_requested=reset_requested,
            float_allowed=executor.inspection.allow_float,
            configured=self._on_configuration,
        )
        self.dwt = Dwt(core, kind, executor, clock, lambda: self.debug.traced)
        self.debug.trace_changed = self.dwt.trace_changed
        fpb = Fpb(
            executor.set_breakpoints,
            kind.breakpoints,
            kind.debug_version,
            literals=kind.literals,
        )
        self.swo = Swo()
        itm = Itm(
            lambda: self.debug.traced,
            executor.is_privileged,
            clock.ticks,
            self.swo.send,
            locks=kind.debug_version == 1,
        )
        private_bus.add_devices(window, self.control, self.dwt, fpb, itm, kind.parts, design.rom)

    def reset(self) -> None:
        """Reset all but the debug units, which keep their values but for the monitor's (C1.4)."""
        self.nvic.reset()
        self.systick.reset()
        self._executor.permissions.reset()
        if self.mpu is not None:
            self.mpu.reset()
        self.floats.reset()
        self.control.reset()
        self.debug.reset()

    def _in_control_space(self, lines: int) -> dict[int, Device]:
        """Return the devices in the system control space, by the offset of each register."""
        debug = (*range(scs.DHCSR, scs.DEMCR + 4, 4), scs.DFSR, scs.DSCSR)
        return {
            **dict.fromkeys(nvic_registers.OFFSETS, NvicRegisters(self.nvic, lines)),
            **dict.fromkeys(systick.OFFSETS, self.systick),
            **dict.fromkeys(debug, self.debug),
            **dict.fromkeys(float_context.OFFSETS, self.floats),
            **({} if self.mpu is None else dict.fromkeys(mpu.OFFSETS, self.mpu)),
        }

    def _on_configuration(self, control: int, auxiliary: int) -> None:
        executor = self._executor
        executor.trap(
            bool(control & scs.CCR_UNALIGN_TRP), division=bool(control & scs.CCR_DIV_0_TRP)
        )
        executor.violations.open_trigger = bool(control & scs.CCR_USERSETMPEND)
        buffered = self._buffers_stores and not auxiliary & scs.ACTLR_DISDEFWBUF
        executor.violations.precise_stores = not buffered

    def _on_protection(self, control: int, words: Sequence[Sequence[int]]) -> None:
        self._executor.permissions.protect(control, words)
        self.floats.check()
