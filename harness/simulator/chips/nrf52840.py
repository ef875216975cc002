"""nRF52840: product specification 1.7; memory map 4.2, instantiation 4.2.3, FICR 4.4."""

from harness.simulator.bus import Memory, Window
from harness.simulator.chips.chip import PART_NUMBER, Chip, ChipOptions
from harness.simulator.chips.control_ap import ControlAp
from harness.simulator.core import Core
from harness.simulator.core_devices import CoreDesign
from harness.simulator.core_types import CORTEX_M4F
from harness.simulator.coresight import rom
from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.gpio import Pins
from harness.simulator.peripherals.nrf_clock import NrfClock
from harness.simulator.peripherals.nrf_gpio import NrfGpio
from harness.simulator.peripherals.nrf_nvmc import Nvmc
from harness.simulator.peripherals.nrf_rtc import NrfRtc
from harness.simulator.peripherals.nrf_timer import NrfTimer
from harness.simulator.peripherals.nrf_uart import NrfUart

_NAME = "nrf52840"
_HERTZ = 64_000_000
_NORDIC = 0x144  # JEP106
_GPIO = 0x5000_0000
_TIMERS = ((0x4000_8000, 8), (0x4000_9000, 9))  # TIMER0, TIMER1: base and interrupt
# RTC0, RTC1, RTC2
_RTCS = ((0x4000_B000, 11), (0x4001_1000, 17), (0x4002_4000, 36))
_FICR = {  # CODEPAGESIZE, CODESIZE, then INFO: PART, VARIANT, PACKAGE, RAM, FLASH
    0x010: 0x1000,
    0x014: 0x100,
    0x100: 0x5_2840,
    0x104: 0x4141_4330,
    0x108: 0x2004,
    0x10C: 0x100,
    0x110: 0x400,
}
_DEVICEID = 0x060
_UNKNOWN_PART = 0xFFFF_FFFF
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
    if options.identity not in (None, _NAME):
        factory.store(0x100, 4, PART_NUMBER.get(options.identity or "", _UNKNOWN_PART))
    user = Memory(0x1000_1000, 0x1000, fill=0xFF, flash=True)
    memories = (flash, factory, user, Memory(0x2000_0000, 0x4_0000))
    apb, ahb = Window(0x4000_0000, 0x3_0000, shift=12), Window(_GPIO, 0x1000, shift=12)
    apb.exact, ahb.exact = {base for base, _ in _TIMERS}, {_GPIO}
    core = Core(
        memories,
        (apb, ahb),
        CoreDesign(
            CORTEX_M4F,
            hertz=_HERTZ,
            vectors=flash.base,
            lines=48,
            priority_bits=3,
            rom=rom(0x008, _NORDIC),
        ),
        portable=options.portable,
        boot=options.boot,
    )
    line = core.nvic.line
    uart = NrfUart(line(2), core.bus, core.clock, core.executor.interrupt)
    core.timed.append(uart)
    array, uicr = FlashArray(flash), FlashArray(user)
    controller = Nvmc(array, uicr)
    array.changed = uicr.changed = core.bus.written
    pins = Pins(core.executor.now)
    apb.add(0x4000_0000, NrfClock(line(0)), size=0x1000)
    apb.add(0x4000_2000, uart, size=0x1000)
    for base, interrupt in _TIMERS:
        timer = NrfTimer(core.clock, line(interrupt), core.executor.interrupt)
        core.timed.append(timer)
        apb.add(base, timer, size=0x1000)
    for base, interrupt in _RTCS:
        counter = NrfRtc(core.clock, line(interrupt), core.executor.interrupt)
        core.timed.append(counter)
        apb.add(base, counter, size=0x1000, exact=True)
    apb.add(0x4001_E000, controller, size=0x1000)
    ahb.add(_GPIO, NrfGpio(pins), size=0x1000)
    protection = _Protection(user)
    core.reset_hooks += [apb.reset, ahb.reset, protection.load]
    if options.boot is not None:
        core.reset_hooks.append(uart.listen)
    return Chip(
        _NAME,
        "nRF52840-DK (virtual)",
        core,
        controller,
        {"UARTE0": uart, "UART0": uart},
        pins,
        "P0.13",
        protection,
        "UARTE0",
        {1: ControlAp(controller, core, lambda: int(not protection.locked))},
    )
