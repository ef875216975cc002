"""nRF9160: product specification, "Memory", "FICR", "UICR", "NVMC" and "Debug and trace".

The core starts in the Secure state and stays there: all peripherals are secure after reset. They
are also at their non-secure addresses.
"""

from harness.simulator.bus import Device, Memory, Window
from harness.simulator.chips.chip import PART_NUMBER, Chip, ChipOptions
from harness.simulator.chips.control_ap import ControlAp
from harness.simulator.core import Core
from harness.simulator.core_devices import CoreDesign
from harness.simulator.core_types import CORTEX_M33
from harness.simulator.coresight import Constants, DebugIds, rom
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.gpio import Pins
from harness.simulator.peripherals.nrf_gpio import NrfGpio
from harness.simulator.peripherals.nrf_nvmc import Nvmc
from harness.simulator.peripherals.nrf_power import NRF9160, NrfPower
from harness.simulator.peripherals.nrf_rtc import NrfRtc
from harness.simulator.peripherals.nrf_timer import NrfTimer
from harness.simulator.peripherals.nrf_uart import NrfUart
from harness.simulator.peripherals.nrf_wdt import NrfWdt
from harness.simulator.private_bus import ROM_TABLE

_NAME = "nrf91"
_HERTZ = 64_000_000
_NORDIC = 0x144  # JEP106
_BASES = (0x5000_0000, 0x4000_0000)  # secure, non-secure
_CLOCK, _UARTE0, _WDT, _NVMC, _GPIO = 0x5000, 0x8000, 0x1_8000, 0x3_9000, 0x84_2000
_TIMERS = ((0xF000, 15), (0x1_0000, 16), (0x1_1000, 17))  # TIMER0 to 2: offset and interrupt
_RTCS = ((0x1_4000, 20), (0x1_5000, 21))  # RTC0, RTC1
_PART = 0x140
_FICR = {  # SIPINFO: PARTNO, HWREVISION, VARIANT; INFO: RAM, FLASH, CODEPAGESIZE, CODESIZE
    _PART: 0x9160,
    0x144: int.from_bytes(b"B1A0", "little"),
    0x148: int.from_bytes(b"SICA", "little"),
    0x218: 0x100,
    0x21C: 0x400,
    0x220: 0x1000,
    0x224: 0x100,
}
_DEVICEID = 0x204
_UNKNOWN_PART = 0xFFFF_FFFF
_APPROTECT, _SECURE_APPROTECT = 0x000, 0x02C  # in UICR
_ALL_ACCESS = 0b11  # CTRL-AP.APPROTECTSTATUS
_UNPROTECTED = (0xFFFF_FFFF, 0x50FA_50FA)
_APB_AP = Constants({0xF8: 0xFFFF_FFFF, 0xFC: 0x5477_0002})  # BASE: no ROM table; IDR


class _Protection:
    """APPROTECT and SECUREAPPROTECT, which take effect at the next reset."""

    def __init__(self, user: Memory) -> None:
        self.memory: Memory | None = None
        self._user = user
        self.status = _ALL_ACCESS

    def load(self) -> None:
        """Load both from UICR."""
        values = (self._user.value(at, 4) for at in (_APPROTECT, _SECURE_APPROTECT))
        self.status = sum((value in _UNPROTECTED) << bit for bit, value in enumerate(values))

    def lock(self) -> None:
        """Write APPROTECT, as a production tool does."""
        self._user.store(_APPROTECT, 4, 0)
        self.load()

    @property
    def locked(self) -> bool:
        """Whether debuggers have no access: the core is always in the Secure state."""
        return self.status != _ALL_ACCESS


def nrf91(options: ChipOptions) -> Chip:
    """Return the chip of an nRF9160-DK."""
    flash = Memory(0, 0x10_0000, fill=0xFF, flash=True)
    factory = Memory(0x00FF_0000, 0x1000, fill=0xFF, flash=True)
    for offset, value in _FICR.items():
        factory.store(offset, 4, value)
    for index, word in enumerate(options.id_words(2)):
        factory.store(_DEVICEID + 4 * index, 4, word)
    if options.identity not in (None, _NAME):
        factory.store(_PART, 4, PART_NUMBER.get(options.identity or "", _UNKNOWN_PART))
    user = Memory(0x00FF_8000, 0x1000, fill=0xFF, flash=True)
    windows = [Window(base + at, 0x4_3000, shift=12) for base in _BASES for at in (0, 0x82_0000)]
    for window in windows:
        pages = (*(offset for offset, _ in (*_TIMERS, *_RTCS)), _GPIO)
        window.exact = {
            base + page
            for base in _BASES
            for page in pages
            if 0 <= base + page - window.base < window.size
        }
    core = Core(
        (flash, factory, user, Memory(0x2000_0000, 0x4_0000)),
        windows,
        CoreDesign(
            CORTEX_M33,
            hertz=_HERTZ,
            vectors=flash.base,
            lines=65,
            priority_bits=3,
            rom=rom(0x009, _NORDIC),
        ),
        portable=options.portable,
        boot=options.boot,
    )
    controller = Nvmc(FlashArray(flash), FlashArray(user), erases_by_writing=True)
    controller.array.changed = controller.uicr.changed = core.bus.written
    line, clock = core.nvic.line, core.clock
    agenda = Agenda(clock, core.executor.interrupt)
    core.timed.append(agenda)
    pins = Pins(core.executor.now)
    uart = NrfUart(line(8), core.bus, clock, agenda)
    timers = [(at, NrfTimer(clock, line(number), agenda, 6)) for at, number in _TIMERS]
    counters = [(at, NrfRtc(clock, line(number), agenda)) for at, number in _RTCS]
    power = NrfPower(line(5), agenda, clock.hertz, NRF9160, core.request_reset)
    watchdog = NrfWdt(clock, line(24), agenda, power.bite, lambda: power.keeps_watchdog)
    devices: tuple[tuple[int, Device], ...] = (
        (_CLOCK, power),
        (_WDT, watchdog),
        (_UARTE0, uart),
        *timers,
        *counters,
        (_NVMC, controller),
        (_GPIO, NrfGpio(pins)),
    )
    for base in _BASES:
        for offset, device in devices:
            at = base + offset
            window = next(w for w in windows if 0 <= at - w.base < w.size)
            window.add(at, device, size=0x1000)
    protection = _Protection(user)
    core.reset_hooks += [
        lambda: power.note_reset(by_pin=core.held_in_reset),
        *(window.reset for window in windows),
        protection.load,
    ]
    return Chip(
        _NAME,
        "nRF9160-DK (virtual)",
        core,
        controller,
        {"UARTE0": uart},
        pins,
        "P0.02",
        protection,
        "UARTE0",
        {3: _APB_AP, 4: ControlAp(controller, core, lambda: protection.status)},
        DebugIds(0x6BA0_2477, 0x8477_0001, ROM_TABLE, target=0x1009_0289),
    )
