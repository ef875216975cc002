"""The peripherals of the nRF52840: product specification 1.7, 4.2.3 "Instantiation".

The ID of a peripheral on the APB tells its address and is the number of its interrupt.
"""

from collections.abc import Iterator

from harness.simulator.bus import Window
from harness.simulator.core import Core
from harness.simulator.peripherals import nrf_idle
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.gpio import Pins
from harness.simulator.peripherals.nrf import NrfPeripheral
from harness.simulator.peripherals.nrf_acl import NrfAcl
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
_TIMERS = {8: 4, 9: 4, 10: 4, 26: 6, 27: 6}  # TIMER0 to TIMER4: ID and compare channels
_RTCS = {11: 3, 17: 4, 36: 4}  # RTC0 to RTC2
_GPIOTE = 6
_UARTS = (2, 40)
_SERIAL_BUSES = (3, 4, 35, 47)  # SPI, SPIM and SPIS 0 to 3; TWI, TWIM and TWIS 0 and 1
_IDLE = {
    5: nrf_idle.NFCT,
    12: nrf_idle.TEMP,
    14: nrf_idle.ECB,
    15: nrf_idle.CCM_AAR,
    18: nrf_idle.QDEC,
    19: nrf_idle.COMPARATOR,
    **dict.fromkeys(range(20, 26), nrf_idle.EGU),
    **dict.fromkeys((28, 33, 34, 45), nrf_idle.PWM),
    29: nrf_idle.PDM,
    32: nrf_idle.MWU,
    37: nrf_idle.I2S,
    39: nrf_idle.USBD,
    41: nrf_idle.QSPI,
}


def address(identity: int) -> int:
    """Return the address of the peripheral with this ID."""
    return APB + identity * _SIZE


EXACT = {address(identity) for identity in (*_TIMERS, *_RTCS, _GPIOTE)}
"""Of those on the APB, the pages of the peripherals that need the exact instruction count."""


class Nrf52840Peripherals:
    """All peripherals of a chip with `core`, in its windows `apb` and `ahb`."""

    def __init__(self, core: Core, controller: Nvmc, apb: Window, ahb: Window) -> None:
        self._core = core
        self._agenda = Agenda(core.clock, core.executor.interrupt)
        core.timed.append(self._agenda)
        self.pins = Pins(core.executor.now)
        self._gpio = NrfGpio(self.pins)
        line = core.nvic.line
        self.power = NrfPower(line(0), self._agenda, core.clock.hertz, NRF52840, core.request_reset)
        self.uarts = [
            NrfUart(line(identity), core.bus, core.clock, self._agenda) for identity in _UARTS
        ]
        ppi = NrfPpi()
        for identity, peripheral in self._peripherals():
            apb.add(address(identity), peripheral, size=_SIZE)
            ppi.connect(address(identity), peripheral)
        apb.add(address(_NVMC), NrfAcl(controller), size=_SIZE)
        apb.add(address(_PPI), ppi, size=_SIZE)
        ahb.add(GPIO, self._gpio, size=_SIZE)
        core.reset_hooks += [self._note_reset, apb.reset, ahb.reset]

    def _note_reset(self) -> None:
        self.power.note_reset(by_pin=self._core.held_in_reset)

    def _peripherals(self) -> Iterator[tuple[int, NrfPeripheral]]:
        """Yield the ID and the peripheral, of those with tasks and events."""
        clock, bus, agenda = self._core.clock, self._core.bus, self._agenda
        line, hertz = self._core.nvic.line, self._core.clock.hertz
        power = self.power
        yield 0, power
        yield 1, NrfRadio(line(1))
        yield from zip(_UARTS, self.uarts, strict=True)
        for identity in _SERIAL_BUSES:
            yield identity, NrfSerialBus(line(identity), bus)
        gpiote = NrfGpiote(line(_GPIOTE), self._gpio.ports)
        gpiote.on_detect = power.wake
        yield _GPIOTE, gpiote
        yield 7, NrfSaadc(line(7), bus, agenda, hertz)
        for identity, channels in _TIMERS.items():
            yield identity, NrfTimer(clock, line(identity), agenda, channels)
        for identity, channels in _RTCS.items():
            yield identity, NrfRtc(clock, line(identity), agenda, channels)
        yield 13, NrfRng(line(13), agenda, hertz)
        yield 16, NrfWdt(clock, line(16), agenda, power.bite, lambda: power.keeps_watchdog)
        for identity, kind in _IDLE.items():
            yield identity, nrf_idle.NrfIdle(line(identity), kind)
