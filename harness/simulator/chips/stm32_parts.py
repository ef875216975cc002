"""Makers of the blocks of an STM32: see stm32_wiring.py."""

from collections.abc import Callable, Mapping
from functools import partial

from harness.simulator.bus import Device
from harness.simulator.chips.stm32_wiring import Block, Wiring
from harness.simulator.peripherals import stm32_rcc
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.lan8742 import Lan8742
from harness.simulator.peripherals.plain_registers import Follow, PlainRegisters
from harness.simulator.peripherals.stm32_can import Can
from harness.simulator.peripherals.stm32_can_filters import CanFilters
from harness.simulator.peripherals.stm32_clock_tree import LSE_HZ, LSI_HZ
from harness.simulator.peripherals.stm32_crc import Crc
from harness.simulator.peripherals.stm32_dac import Dac
from harness.simulator.peripherals.stm32_eth import Ethernet
from harness.simulator.peripherals.stm32_exti import Exti
from harness.simulator.peripherals.stm32_gpio import Stm32Gpio
from harness.simulator.peripherals.stm32_i2c import I2cV1, I2cV2
from harness.simulator.peripherals.stm32_iwdg import Iwdg
from harness.simulator.peripherals.stm32_lptim import LowPowerTimer
from harness.simulator.peripherals.stm32_otg import Otg
from harness.simulator.peripherals.stm32_pwr import Power, PowerDesign
from harness.simulator.peripherals.stm32_rng import Rng
from harness.simulator.peripherals.stm32_rtc import Rtc, RtcDesign
from harness.simulator.peripherals.stm32_sdio import SdHost
from harness.simulator.peripherals.stm32_spi import Spi
from harness.simulator.peripherals.stm32_timer import Stm32Timer, TimerDesign, TimerLines
from harness.simulator.peripherals.stm32_usart import UsartV1, UsartV2
from harness.simulator.peripherals.stm32_wwdg import Wwdg

Maker = Callable[[Wiring, Block], Device]

_UPDATE, _COMPARES, _TRIGGER, _BREAK = 0x01, 0x1E, 0x60, 0x80  # flags in a timer's SR
_TIMER_REQUESTS = {"UP": 1, "CH1": 2, "CH2": 4, "CH3": 8, "CH4": 16, "COM": 32, "TRIG": 64}
_DAC_TRIGGERS = ("TIM6", "TIM8", "TIM7", "TIM5", "TIM2", "TIM4")  # TSEL
_MODERS = {"A": 0xA800_0000, "B": 0x280}
_PULLS = {"A": 0x6400_0000, "B": 0x100}  # of the debug port's pins
_SPEEDS = {"A": 0x0C00_0000, "B": 0xC0}


def plain(values: Mapping[int, int] | None = None, follows: tuple[Follow, ...] = ()) -> Maker:
    """Return the maker of registers that follow each other."""
    return lambda _wiring, _block: PlainRegisters(values, follows)


def timer(
    *,
    bus: int = 1,
    bits: int = 16,
    channels: int = 4,
    repetition: bool = False,
    inputs: Mapping[int, tuple[int, Mapping[int, int]]] | None = None,
) -> Maker:
    """Return the maker of a timer on APB `bus`.

    With four lines, they are those of break, update, trigger and compare. `inputs` are the clocks
    that the option register connects to a channel: the place of its two bits, and Hz by value.
    """

    def captured(option: int) -> Mapping[int, int]:
        return {
            channel: hertz.get(option >> place & 3, 0)
            for channel, (place, hertz) in (inputs or {}).items()
        }

    def make(wiring: Wiring, block: Block) -> Device:
        if len(block.lines) == 1:
            interrupts = {0xFF: wiring.line(block.lines[0])}
        else:
            flags = (_BREAK, _UPDATE, _TRIGGER, _COMPARES)
            interrupts = dict(zip(flags, map(wiring.line, block.lines), strict=True))
        requests = {
            flag: wiring.requests[f"{block.name}_{kind}"] for kind, flag in _TIMER_REQUESTS.items()
        }
        design = TimerDesign(
            bits,
            channels,
            repetition,
            partial(wiring.tree.timer_ticks, bus),
            captured,
            wiring.tree.core_hz,
        )
        made = Stm32Timer(wiring.agenda, design, TimerLines(interrupts, requests))
        made.trigger.reactions = wiring.triggers[block.name]
        wiring.rcc.adjusted.append(made.adjust)
        return made

    return make


def low_power_timer(number: int) -> Maker:
    """Return the maker of the low-power timer with this number."""

    def make(wiring: Wiring, block: Block) -> Device:
        clock, hertz = wiring.slow_clock(0), partial(wiring.tree.low_power_timer_hz, number)
        made = LowPowerTimer(wiring.agenda, clock, wiring.line(block.lines[0]), hertz)
        wiring.rcc.adjusted.append(made.adjust)
        return made

    return make


def sd_host(wiring: Wiring, block: Block) -> Device:
    """Make the host of an SD card."""
    return SdHost(wiring.line(block.lines[0]))


CLOCKS = {1: LSI_HZ, 2: LSE_HZ}
"""What the option register of TIM5 (RM0090, 18.4.21) or TIM16 (RM0351, 32.6.19) can connect."""


def usart_v1(wiring: Wiring, block: Block) -> Device:
    """Make a USART of the STM32F4."""
    wiring.uarts[block.name] = made = UsartV1(*_usart_wires(wiring, block))
    return made


def usart_v2(wiring: Wiring, block: Block) -> Device:
    """Make a USART of the STM32L4."""
    wiring.uarts[block.name] = made = UsartV2(*_usart_wires(wiring, block))
    return made


def _usart_wires(
    wiring: Wiring, block: Block
) -> tuple[Callable[[bool], None], DmaRequest, DmaRequest]:
    return (
        wiring.line(block.lines[0]),
        wiring.requests[f"{block.name}_RX"],
        wiring.requests[f"{block.name}_TX"],
    )


def spi(wiring: Wiring, block: Block) -> Device:
    """Make an SPI; the second and third one are on APB1."""
    receive, transmit = (wiring.requests[f"{block.name}_{way}"] for way in ("RX", "TX"))
    ticks = partial(wiring.tree.bus_ticks, 1 if block.name in ("SPI2", "SPI3") else 2)
    return Spi(wiring.line(block.lines[0]), receive, transmit, wiring.agenda, ticks)


def i2c_v1(wiring: Wiring, block: Block) -> Device:
    """Make an I2C of the STM32F4."""
    return I2cV1(*map(wiring.line, block.lines))


def i2c_v2(wiring: Wiring, block: Block) -> Device:
    """Make an I2C of the STM32L4."""
    return I2cV2(*map(wiring.line, block.lines))


def dac(wiring: Wiring, _block: Block) -> Device:
    """Make the DAC."""
    triggers = {index: wiring.triggers[name] for index, name in enumerate(_DAC_TRIGGERS)}
    return Dac([wiring.requests["DAC1"], wiring.requests["DAC2"]], triggers)


def can(*, banks: int, two: bool) -> Maker:
    """Return the maker of the CANs with `banks` filter banks; the second one shares the first's."""

    def make(wiring: Wiring, block: Block) -> Device:
        first = wiring.devices.get("CAN1")
        filters = first.filters if isinstance(first, Can) else CanFilters(banks, two=two)
        return Can(list(map(wiring.line, block.lines)), filters, second=first is not None)

    return make


def otg(identity: Mapping[int, int]) -> Maker:
    """Return the maker of a USB OTG core, which has this `identity`."""
    return lambda wiring, block: Otg(wiring.line(block.lines[0]), identity)


def ethernet(wiring: Wiring, block: Block) -> Device:
    """Make the Ethernet MAC with the PHY of the NUCLEO-F429ZI (UM1974, "Ethernet")."""
    return Ethernet(wiring.core.bus, wiring.line(block.lines[0]), Lan8742())


def rng(wiring: Wiring, block: Block) -> Device:
    """Make the random number generator."""
    return Rng(wiring.line(block.lines[0]))


def crc(*, programmable: bool) -> Maker:
    """Return the maker of the CRC unit."""
    return lambda _wiring, _block: Crc(programmable=programmable)


def iwdg(*, has_window: bool) -> Maker:
    """Return the maker of the independent watchdog."""

    def make(wiring: Wiring, _block: Block) -> Device:
        barks = partial(wiring.reset_by_watchdog, stm32_rcc.INDEPENDENT_WATCHDOG)
        made = Iwdg(wiring.agenda, wiring.slow_clock(LSI_HZ), barks, has_window=has_window)
        wiring.rcc.adjusted.append(made.adjust)
        return made

    return make


def wwdg(wiring: Wiring, block: Block) -> Device:
    """Make the window watchdog."""
    barks = partial(wiring.reset_by_watchdog, stm32_rcc.WINDOW_WATCHDOG)
    line, ticks = wiring.line(block.lines[0]), partial(wiring.tree.bus_ticks, 1)
    made = Wwdg(wiring.agenda, line, barks, ticks)
    wiring.rcc.adjusted.append(made.adjust)
    return made


def _event_of_rtc(wiring: Wiring, line: int) -> None:
    wiring.wake()
    wiring.exti(line)


def rtc(*, alarm: int, wake_up: int) -> Maker:
    """Return the maker of the RTC, with its lines of EXTI."""

    def make(wiring: Wiring, _block: Block) -> Device:
        design = RtcDesign(
            wiring.tree.rtc_hz,
            wiring.rcc.writable,
            partial(_event_of_rtc, wiring, alarm),
            partial(_event_of_rtc, wiring, wake_up),
        )
        made = Rtc(wiring.agenda, wiring.slow_clock(0), design)
        wiring.rcc.adjusted.append(made.adjust)
        wiring.rcc.backup_reset.append(made.reset_backup)
        return made

    return make


def pwr(design: PowerDesign) -> Maker:
    """Return the maker of PWR, whose bit DBP protects the backup domain."""

    def make(wiring: Wiring, _block: Block) -> Device:
        made = Power(design)

        def wake() -> None:
            if wiring.core.off:
                made.end_standby()
                wiring.rcc.note_power_reset()
                wiring.core.request_reset()

        def sleep_deeply() -> bool:
            if not made.is_standby:
                wiring.rcc.stop()
            return made.is_standby

        wiring.rcc.writable = lambda: made.writable
        wiring.core.deep_sleep = sleep_deeply
        wiring.wake = wake
        return made

    return make


def exti(lines: Mapping[int, int], *, unmasked: int = 0) -> Maker:
    """Return the maker of EXTI, which needs SYSCFG; `lines` are the interrupts of its lines."""

    def make(wiring: Wiring, _block: Block) -> Device:
        selection = wiring.devices["SYSCFG"]
        shared = {number: wiring.line(number) for number in set(lines.values())}

        def selected(line: int) -> int:
            return selection.peek(0x08 + line // 4 * 4) >> line % 4 * 4 & 0xF

        made = Exti({n: shared[line] for n, line in lines.items()}, selected, unmasked)
        wiring.exti, wiring.moved = made.pulse, made.moved
        return made

    return make


def gpio(*, analog: bool = False, with_brr: bool = False, connected: int = 0) -> Maker:
    """Return the maker of a port: pins are analog after reset, or inputs."""

    def make(wiring: Wiring, block: Block) -> Device:
        letter = block.name[-1]
        mode = _MODERS.get(letter, 0) | (_ANALOG.get(letter, 0xFFFF_FFFF) if analog else 0)
        values = {0x00: mode, 0x08: _SPEEDS.get(letter, 0), 0x0C: _PULLS.get(letter, 0)}
        number = ord(letter) - ord("A")
        return Stm32Gpio(
            f"P{letter}",
            wiring.pins,
            values,
            connected=connected,
            with_brr=with_brr,
            moved=lambda before, after: wiring.moved(number, before, after),
        )

    return make


_ANALOG = {"A": 0x03FF_FFFF, "B": 0xFFFF_FC3F, "H": 0xF}
"""Pins that are analog after reset on the STM32L4: RM0351, 8.5.1."""
