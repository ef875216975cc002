"""MKW41Z512: reference manual MKW41Z512RM, "Memory Map" and "Debug"."""

from harness.simulator.bus import Memory, Window
from harness.simulator.chips.chip import Chip, ChipOptions
from harness.simulator.core import Core
from harness.simulator.core_devices import CoreDesign
from harness.simulator.core_types import CORTEX_M0PLUS
from harness.simulator.coresight import Component, DebugIds, rom, rom_table
from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.gpio import Pins
from harness.simulator.peripherals.kinetis_flash import KinetisFlash
from harness.simulator.peripherals.kinetis_sim import KinetisSim
from harness.simulator.peripherals.plain_registers import PlainRegisters
from harness.simulator.private_bus import ROM_TABLE

_NAME = "kw41z4"
_FLL_HERTZ = 20_971_520  # 640 times the internal reference of 32,768 Hz
_FREESCALE = 0x00E  # JEP106
_SIM = 0x4004_7000
_SDID, _SDID_VALUE = 0x1024, 0x415F_0000
_UID = (0x1058, 0x105C, 0x1060)  # UIDMH, UIDML, UIDL
_SIM_VALUES = {
    0x0000: 0x9000,
    0x1034: 0xF000_0030,
    0x1038: 0x0200_0182,
    0x103C: 0x0000_0001,
    0x1040: 0x0000_0100,
    0x1044: 0x0001_0000,  # CLKDIV1
    0x104C: 0x0F00_0000,  # FCFG1: 512 KiB of flash
    0x1050: 0x7FFF_0000,
}
_MCG_VALUES = {0x00: 0x0000_C004, 0x04: 0x0010_0000, 0x08: 0x0000_0002, 0x0C: 0x0000_8000}
_SMC_VALUES = {0x00: 0x0103_0000}  # PMSTAT: running
_RCM_VALUES = {0x00: 0x0000_0082}  # SRS0: power-on
_SYSTEM_TABLE = 0xF000_2000
_STATUS, _CONTROL, _IDR = 0x00, 0x04, 0xFC
_ERASED, _READY, _SECURE, _NOT_IN_RESET, _ERASABLE, _HALTED = (
    *(1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 5),
    1 << 16,
)
_MASS_ERASE, _DEBUG_REQUEST, _RESET_REQUEST = 1 << 0, 1 << 2, 1 << 3


class MdmAp:
    """MDM-AP ("Debug"): access port 1. The core is halted instead of held in reset."""

    def __init__(self, controller: KinetisFlash, core: Core) -> None:
        self._controller = controller
        self._core = core
        self._control = 0
        self._erased = False

    def read(self, register: int) -> int:
        """Return the status, the control bits, or the identification."""
        if register == _STATUS:
            return (
                _READY
                | (_ERASED if self._erased else 0)
                | (_SECURE if self._controller.locked else 0)
                | (0 if self._core.held_in_reset else _NOT_IN_RESET)
                | (_ERASABLE if self._controller.mass_erase_enabled else 0)
                | (_HALTED if self._core.halted else 0)
            )
        return {_CONTROL: self._control, _IDR: 0x001C_0020}.get(register, 0)

    def write(self, register: int, value: int) -> None:
        """Write the control bits: erase everything, halt or reset."""
        if register != _CONTROL:
            return
        before, self._control = self._control, value & ~_MASS_ERASE
        if value & _MASS_ERASE and self._controller.mass_erase_enabled:
            with self._core.stopped():
                self._controller.mass_erase()
                self._erased = True
        if self._controller.locked:
            return
        if value & _DEBUG_REQUEST:
            self._core.halt()
        if (before ^ value) & _RESET_REQUEST:
            self._core.set_reset(asserted=bool(value & _RESET_REQUEST))


def kw41z4(options: ChipOptions) -> Chip:
    """Return the chip of a FRDM-KW41Z."""
    flash = Memory(0, 0x8_0000, fill=0xFF, flash=True)
    apb, system = Window(0x4000_0000, 0x10_0000, shift=12), Window(0xF000_0000, 0x4000, shift=12)
    apb.exact = {_SIM + Window.PAGE}  # the watchdog
    core = Core(
        (flash, Memory(0x1FFF_8000, 0x2_0000)),
        (apb, system),
        CoreDesign(
            CORTEX_M0PLUS,
            hertz=_FLL_HERTZ,
            vectors=flash.base,
            lines=32,
            priority_bits=2,
            rom=rom(0x4C0, 0x23B),
        ),
        portable=options.portable,
        boot=options.boot,
    )
    controller = KinetisFlash(FlashArray(flash))
    controller.array.changed = core.bus.written
    values = dict(_SIM_VALUES)
    if options.identity in (None, _NAME):
        values[_SDID] = _SDID_VALUE
    values |= zip(_UID, options.id_words(len(_UID)), strict=True)
    sim = KinetisSim(values, core.clock, core.request_reset, core.executor.interrupt)
    core.timed.append(sim)
    apb.add(0x4002_0000, controller, size=0x1000)
    apb.add(_SIM, sim, size=0x2000)
    for base, registers in (
        (0x4006_4000, _MCG_VALUES),
        (0x4007_E000, _SMC_VALUES),
        (0x4007_F000, _RCM_VALUES),
    ):
        apb.add(base, PlainRegisters(registers), size=0x1000)
    table = Component(rom(0x001, _FREESCALE), rom_table(_SYSTEM_TABLE, (ROM_TABLE,)))
    system.add(_SYSTEM_TABLE, table, size=0x1000)
    core.reset_hooks += [apb.reset, system.reset]
    if options.boot is not None:
        core.reset_hooks.append(sim.disable_watchdog)
    return Chip(
        _NAME,
        "FRDM-KW41Z (virtual)",
        core,
        controller,
        uarts={},
        pins=Pins(core.executor.now),
        trigger="",
        access_ports={1: MdmAp(controller, core)},
        debug_ids=DebugIds(0x0BC1_1477, 0x0477_0031, _SYSTEM_TABLE),
        protection=controller,
    )
