"""The peripherals of the nRF52840: product specification 1.7, 4.2.3 "Instantiation".

The ID of a peripheral on the APB tells its address and is the number of its interrupt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.simulator.bus import Window
from harness.simulator.chips.chip import ABSENT, IDLE, MODELLED
from harness.simulator.core import Core
from harness.simulator.peripherals import nrf_idle
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.gpio import Pins
from harness.simulator.peripherals.nrf import NrfPeripheral
from harness.simulator.peripherals.nrf_acl import NrfAcl
from harness.simulator.peripherals.nrf_ecb import NrfEcb
from harness.simulator.peripherals.nrf_gpio import NrfGpio
from harness.simulator.peripherals.nrf_gpiote import NrfGpiote
from harness.simulator.peripherals.nrf_nvmc import Nvmc
from harness.simulator.peripherals.nrf_power import NRF52840, NrfPower
from harness.simulator.peripherals.nrf_ppi import NrfPpi
from harness.simulator.peripherals.nrf_radio import NrfRadio
from harness.simulator.peripherals.nrf_rng import NrfRng
from harness.simulator.peripherals.nrf_rtc import NrfRtc
from harness.simulator.peripherals.nrf_saadc import NrfSaadc
from harness.simulator.peripherals.nrf_serial_bus import NrfSerialBus
from harness.simulator.peripherals.nrf_timer import NrfTimer
from harness.simulator.peripherals.nrf_uart import NrfUart
from harness.simulator.peripherals.nrf_wdt import NrfWdt

APB, GPIO = 0x4000_0000, 0x5000_0000
_SIZE = 0x1000
_NVMC, _PPI = 30, 31


@dataclass(frozen=True)
class Block:
    """The peripherals with one ID; `make` returns what they share.

    Those without `make` are made by the wiring, or are absent. `exact` ones need the exact
    instruction count.
    """

    name: str
    identity: int
    make: Callable[[Wiring, int], NrfPeripheral] | None = None
    state: str = MODELLED
    exact: bool = False

    @property
    def base(self) -> int:
        """Its address."""
        return APB + self.identity * _SIZE

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return _SIZE


class Wiring:
    """What the peripherals of the chip with `core` have in common."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.agenda = Agenda(core.clock, core.executor.interrupt)
        core.timed.append(self.agenda)
        self.pins = Pins(core.executor.now)
        self.gpio = NrfGpio(self.pins)
        self.power = NrfPower(
            core.nvic.line(0), self.agenda, core.clock.hertz, NRF52840, core.request_reset
        )
        self.uarts: list[NrfUart] = []

    def place(self, controller: Nvmc, apb: Window, ahb: Window) -> None:
        """Place all peripherals in the windows; the NVMC is `controller`."""
        ppi = NrfPpi()
        for block in BLOCKS:
            if block.make is not None:
                peripheral = block.make(self, block.identity)
                apb.add(block.base, peripheral, size=_SIZE)
                ppi.connect(block.base, peripheral)
        apb.add(APB + _NVMC * _SIZE, NrfAcl(controller), size=_SIZE)
        apb.add(APB + _PPI * _SIZE, ppi, size=_SIZE)
        ahb.add(GPIO, self.gpio, size=_SIZE)
        self.core.reset_hooks += [self._note_reset, apb.reset, ahb.reset]

    def line(self, interrupt: int) -> Callable[[bool], None]:
        """Return the input of `interrupt`."""
        return self.core.nvic.line(interrupt)

    def _note_reset(self) -> None:
        self.power.note_reset(by_pin=self.core.held_in_reset)


def _uart(wiring: Wiring, identity: int) -> NrfPeripheral:
    core = wiring.core
    uart = NrfUart(wiring.line(identity), core.bus, core.clock, wiring.agenda)
    wiring.uarts.append(uart)
    return uart


def _serial_bus(wiring: Wiring, identity: int) -> NrfPeripheral:
    return NrfSerialBus(wiring.line(identity), wiring.core.bus)


def _gpiote(wiring: Wiring, identity: int) -> NrfPeripheral:
    gpiote = NrfGpiote(wiring.line(identity), wiring.gpio.ports)
    gpiote.on_detect = wiring.power.wake
    return gpiote


def _saadc(wiring: Wiring, identity: int) -> NrfPeripheral:
    core = wiring.core
    return NrfSaadc(wiring.line(identity), core.bus, wiring.agenda, core.clock.hertz)


def _rng(wiring: Wiring, identity: int) -> NrfPeripheral:
    return NrfRng(wiring.line(identity), wiring.agenda, wiring.core.clock.hertz)


def _wdt(wiring: Wiring, identity: int) -> NrfPeripheral:
    power, clock = wiring.power, wiring.core.clock
    return NrfWdt(
        clock, wiring.line(identity), wiring.agenda, power.bite, lambda: power.keeps_watchdog
    )


def _timer(number: int, identity: int, channels: int) -> Block:
    def make(wiring: Wiring, interrupt: int) -> NrfPeripheral:
        return NrfTimer(wiring.core.clock, wiring.line(interrupt), wiring.agenda, channels)

    return Block(f"TIMER{number}", identity, make, exact=True)


def _rtc(number: int, identity: int, channels: int) -> Block:
    def make(wiring: Wiring, interrupt: int) -> NrfPeripheral:
        return NrfRtc(wiring.core.clock, wiring.line(interrupt), wiring.agenda, channels)

    return Block(f"RTC{number}", identity, make, exact=True)


def _task_to_event(name: str, identity: int, kind: nrf_idle.Idle, state: str = IDLE) -> Block:
    def make(wiring: Wiring, interrupt: int) -> NrfPeripheral:
        return nrf_idle.NrfIdle(wiring.line(interrupt), kind)

    return Block(name, identity, make, state)


BLOCKS = (
    Block("CLOCK and POWER", 0, lambda wiring, _: wiring.power),
    Block("RADIO", 1, lambda wiring, identity: NrfRadio(wiring.line(identity)), IDLE),
    Block("UARTE0 and UART0", 2, _uart),
    Block("SPI0, SPIM0, SPIS0, TWI0, TWIM0 and TWIS0", 3, _serial_bus, IDLE),
    Block("SPI1, SPIM1, SPIS1, TWI1, TWIM1 and TWIS1", 4, _serial_bus, IDLE),
    _task_to_event("NFCT", 5, nrf_idle.NFCT),
    Block("GPIOTE", 6, _gpiote, exact=True),
    Block("SAADC", 7, _saadc, IDLE),
    _timer(0, 8, 4),
    _timer(1, 9, 4),
    _timer(2, 10, 4),
    _rtc(0, 11, 3),
    _task_to_event("TEMP", 12, nrf_idle.TEMP),
    Block("RNG", 13, _rng),
    Block("ECB", 14, lambda wiring, identity: NrfEcb(wiring.line(identity), wiring.core.bus)),
    _task_to_event("CCM and AAR", 15, nrf_idle.CCM_AAR),
    Block("WDT", 16, _wdt),
    _rtc(1, 17, 4),
    _task_to_event("QDEC", 18, nrf_idle.QDEC),
    _task_to_event("COMP and LPCOMP", 19, nrf_idle.COMPARATOR),
    *(_task_to_event(f"EGU{n} and SWI{n}", 20 + n, nrf_idle.EGU, MODELLED) for n in range(6)),
    _timer(3, 26, 6),
    _timer(4, 27, 6),
    _task_to_event("PWM0", 28, nrf_idle.PWM),
    _task_to_event("PDM", 29, nrf_idle.PDM),
    Block("NVMC and ACL", _NVMC),
    Block("PPI", _PPI),
    _task_to_event("MWU", 32, nrf_idle.MWU),
    _task_to_event("PWM1", 33, nrf_idle.PWM),
    _task_to_event("PWM2", 34, nrf_idle.PWM),
    Block("SPI2, SPIM2 and SPIS2", 35, _serial_bus, IDLE),
    _rtc(2, 36, 4),
    _task_to_event("I2S", 37, nrf_idle.I2S),
    Block("FPU", 38, state=ABSENT),
    _task_to_event("USBD", 39, nrf_idle.USBD),
    Block("UARTE1", 40, _uart),
    _task_to_event("QSPI", 41, nrf_idle.QSPI),
    _task_to_event("PWM3", 45, nrf_idle.PWM),
    Block("SPIM3", 47, _serial_bus, IDLE),
)
"""All peripherals on the APB, in the order of their IDs."""

EXACT = {block.base for block in BLOCKS if block.exact}
"""The pages of those that need the exact instruction count."""
