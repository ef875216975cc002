"""nRF52840: product specification 1.7; memory map 4.2, instantiation 4.2.3, FICR 4.4."""

from harness.simulator.bus import Memory, Window
from harness.simulator.chips.chip import PART_NUMBER, Chip, ChipOptions
from harness.simulator.chips.control_ap import ControlAp
from harness.simulator.chips.nrf52840_blocks import APB, EXACT, GPIO, Wiring
from harness.simulator.core import Core
from harness.simulator.core_devices import CoreDesign
from harness.simulator.core_types import CORTEX_M4F
from harness.simulator.coresight import Component, Constants, rom
from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.nrf_nvmc import Nvmc

_NAME = "nrf52840"
_HERTZ = 64_000_000
_NORDIC = 0x144  # JEP106
_APB_SIZE, _AHB_SIZE = 0x8_0000, 0x2_C000  # to the end of what errata write; to CryptoCell
_TEMPERATURE = (  # TEMP: A0 to A5, B0 to B5, T0 to T4
    *(0x320, 0x343, 0x35D, 0x400, 0x452, 0x37B),
    *(0x3FCC, 0x3F98, 0x3F98, 0x12, 0x70, 0x3E28),
    *(0xE2, 0x00, 0x14, 0x19, 0x50),
)
_FICR = {
    0x010: 0x1000,  # CODEPAGESIZE
    0x014: 0x100,  # CODESIZE
    **{0x080 + 4 * n: 0x1111_1111 * (n + 1) for n in range(8)},  # ER, IR
    0x0A0: 0xFFFF_FFFF,  # DEVICEADDRTYPE: random
    0x100: 0x5_2840,  # INFO: PART, VARIANT, PACKAGE, RAM, FLASH
    0x104: 0x4141_4330,
    0x108: 0x2004,
    0x10C: 0x100,
    0x110: 0x400,
    0x130: 0x08,  # by these two Nordic's libraries know the revision, and so its errata
    0x134: 0x02,
    **{0x350 + 4 * n: 0xBB42_319F for n in range(3)},  # PRODTEST: passed
    **{0x404 + 4 * n: value for n, value in enumerate(_TEMPERATURE)},
    0x450: 0x5F,  # NFC.TAGHEADER0
}
_DEVICEID, _DEVICEADDR = 0x060, 0x0A4
_UNKNOWN_PART = 0xFFFF_FFFF
_SYSTEM = (
    0xF000_0000  # in no manual: here Nordic's libraries read the identification of the ROM table
)
_APPROTECT, _OPEN = 0x208, 0xFF


class _Protection:
    """APPROTECT in UICR, loaded at reset (4.8.2): of the revisions that erased UICR leaves open."""

    def __init__(self, user: Memory) -> None:
        self.memory: Memory | None = None
        self._user = user
        self.locked = False

    def load(self) -> None:
        """Load it from UICR."""
        self.locked = self._user.value(_APPROTECT, 1) != _OPEN

    def lock(self) -> None:
        """Write APPROTECT, as a production tool does."""
        self._user.store(_APPROTECT, 4, 0)
        self.load()


def nrf52840(options: ChipOptions) -> Chip:
    """Return the chip of an nRF52840-DK."""
    flash = Memory(0, 0x10_0000, fill=0xFF, flash=True)
    factory = Memory(0x1000_0000, 0x1000, fill=0xFF, flash=True)
    for offset, value in _FICR.items():
        factory.store(offset, 4, value)
    for index, word in enumerate(options.id_words(2)):
        factory.store(_DEVICEID + 4 * index, 4, word)
        factory.store(_DEVICEADDR + 4 * index, 4, word)
    if options.identity not in (None, _NAME):
        factory.store(0x100, 4, PART_NUMBER.get(options.identity or "", _UNKNOWN_PART))
    user = Memory(0x1000_1000, 0x1000, fill=0xFF, flash=True)
    memories = (flash, factory, user, Memory(0x2000_0000, 0x4_0000))
    apb, ahb = Window(APB, _APB_SIZE, shift=12), Window(GPIO, _AHB_SIZE, shift=12)
    apb.exact, ahb.exact = EXACT, {GPIO}
    table = rom(0x008, _NORDIC)
    system = Window(_SYSTEM, 0x1000, shift=12)
    system.add(_SYSTEM, Component(table, Constants({})), size=0x1000)
    core = Core(
        memories,
        (apb, ahb, system),
        CoreDesign(
            CORTEX_M4F,
            hertz=_HERTZ,
            vectors=flash.base,
            lines=48,
            priority_bits=3,
            rom=table,
        ),
        portable=options.portable,
        boot=options.boot,
    )
    array, uicr = FlashArray(flash), FlashArray(user)
    controller = Nvmc(array, uicr)
    array.changed = uicr.changed = core.bus.written
    wiring = Wiring(core)
    wiring.place(controller, apb, ahb)
    protection = _Protection(user)
    core.reset_hooks.append(protection.load)
    uarts = wiring.uarts
    if options.boot is not None:
        core.reset_hooks.append(uarts[0].listen)
    return Chip(
        _NAME,
        "nRF52840-DK (virtual)",
        core,
        controller,
        {"UARTE0": uarts[0], "UART0": uarts[0], "UARTE1": uarts[1]},
        wiring.pins,
        "P0.13",
        protection,
        "UARTE0",
        {1: ControlAp(controller, core, lambda: int(not protection.locked))},
    )
