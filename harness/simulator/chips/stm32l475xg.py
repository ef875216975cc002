"""STM32L475xG: RM0351 rev 9; memory map: section 2.2 and datasheet DS10969, section 5."""

from functools import partial

from harness.simulator.bus import Memory, Window
from harness.simulator.chips import stm32, stm32_dma_routes, stm32_parts
from harness.simulator.chips.chip import IDLE, Chip, ChipOptions
from harness.simulator.chips.stm32_parts import plain, spi, timer, usart_v2
from harness.simulator.chips.stm32_wiring import Block, Wiring
from harness.simulator.core import Core
from harness.simulator.core_devices import CoreDesign
from harness.simulator.core_types import CORTEX_M4F
from harness.simulator.coresight import rom
from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.plain_registers import Follow
from harness.simulator.peripherals.stm32_clock_tree import L4
from harness.simulator.peripherals.stm32_otg import L4_FULL_SPEED
from harness.simulator.peripherals.stm32_pwr import PowerDesign, l4_standby
from harness.simulator.peripherals.stm32_rcc import RccDesign
from harness.simulator.peripherals.stm32l4_adc import L4Adcs
from harness.simulator.peripherals.stm32l4_flash import Stm32L4Flash

_NAME = "stm32l475xg"
_MSI_HZ = 4_000_000
_RCC = RccDesign(  # 6.4
    layout=L4,
    values={0x00: 0x63, 0x04: 0x1000_0000, 0x0C: 0x1000, 0x10: 0x1000, 0x14: 0x1000}
    | {0x48: 0x100, 0x68: 0x1_1303, 0x6C: 0x5_32FF, 0x70: 0x101, 0x78: 0xF2FE_CA3F}
    | {0x7C: 0x25, 0x80: 0x167_7C01, 0x94: 0x600},
    follows=(  # CR (MSI, HSI, HSE, PLLs), CFGR (SW to SWS), CSR
        *(Follow(0x00, on, 0x00, on + 1) for on in (0, 16, 24, 26, 28)),
        Follow(0x00, 8, 0x00, 10),
        Follow(0x08, 0, 0x08, 2, width=2),
        Follow(0x94, 0, 0x94, 1),
    ),
    resets=(0x28, 0x2C, 0x30, 0x38, 0x3C, 0x40),
    clear=23,
    power_on=0x0C00_0000,
    oscillators=(1 << 0, 1 << 8),
    stop_oscillator=15,
)
_PWR = PowerDesign(  # 5.4
    values={0x00: 0x200, 0x08: 0x8000, 0x14: 0x100},  # CR1, CR3, SR2
    follows=(Follow(0x00, 14, 0x14, 9),),  # LPR shows as REGLPF
    standby=l4_standby,
    status=0x10,
    clear=0x18,
)
_SYSCFG_FOLLOWS = (Follow(0x30, 0, 0x30, 3),)  # 21.3.1: ENVR shows as VRR
_AHB1, _AHB2, _AHB3, _APB1, _APB1_2, _APB2 = 0x28, 0x2C, 0x30, 0x38, 0x3C, 0x40  # reset registers
_EXTI_LINES = (  # table 58
    {line: 6 + line for line in range(5)}
    | dict.fromkeys(range(5, 10), 23)
    | dict.fromkeys(range(10, 16), 40)
    | {16: 1, 18: 41, 19: 2, 20: 3, 21: 64, 22: 64}
)
_ADC_TRIGGERS = {4: "TIM3", 7: "TIM8", 9: "TIM1", 11: "TIM2", 12: "TIM4", 13: "TIM6", 14: "TIM15"}
"""EXTSEL."""


def _adcs(wiring: Wiring, block: Block) -> L4Adcs:
    lines = [wiring.line(line) for line in block.lines]
    requests = [wiring.requests[f"ADC{number}"] for number in (1, 2, 3)]
    triggers = {source: wiring.triggers[name] for source, name in _ADC_TRIGGERS.items()}
    return L4Adcs(wiring.agenda, lines, requests, triggers)


_i2c = partial(Block, make=stm32_parts.i2c_v2, model=IDLE)
_otg, _can = stm32_parts.otg(L4_FULL_SPEED), stm32_parts.can(banks=14, two=False)
_spi = partial(Block, make=spi, model=IDLE)
_usart = partial(Block, make=usart_v2)
_basic = timer(channels=0)
_advanced = timer(bus=2, repetition=True)
_BUTTON = {"C": 1 << 13}  # PC13 on the board: high while nobody presses it

BLOCKS = (
    Block("TIM2", 0x4000_0000, timer(bits=32), (28,), (_APB1, 0)),
    Block("TIM3", 0x4000_0400, timer(), (29,), (_APB1, 1)),
    Block("TIM4", 0x4000_0800, timer(), (30,), (_APB1, 2)),
    Block("TIM5", 0x4000_0C00, timer(bits=32), (50,), (_APB1, 3)),
    Block("TIM6", 0x4000_1000, _basic, (54,), (_APB1, 4)),
    Block("TIM7", 0x4000_1400, _basic, (55,), (_APB1, 5)),
    Block("PWR", 0x4000_7000, stm32_parts.pwr(_PWR), (), (_APB1, 28)),
    Block("RTC", 0x4000_2800, stm32_parts.rtc(alarm=18, wake_up=20)),
    Block("WWDG", 0x4000_2C00, stm32_parts.wwdg, (0,)),
    Block("IWDG", 0x4000_3000, stm32_parts.iwdg(has_window=True)),
    _spi("SPI2", 0x4000_3800, lines=(36,), reset=(_APB1, 14)),
    _spi("SPI3", 0x4000_3C00, lines=(51,), reset=(_APB1, 15)),
    _usart("USART2", 0x4000_4400, lines=(38,), reset=(_APB1, 17)),
    _usart("USART3", 0x4000_4800, lines=(39,), reset=(_APB1, 18)),
    _usart("UART4", 0x4000_4C00, lines=(52,), reset=(_APB1, 19)),
    _usart("UART5", 0x4000_5000, lines=(53,), reset=(_APB1, 20)),
    _i2c("I2C1", 0x4000_5400, lines=(31, 32), reset=(_APB1, 21)),
    _i2c("I2C2", 0x4000_5800, lines=(33, 34), reset=(_APB1, 22)),
    _i2c("I2C3", 0x4000_5C00, lines=(72, 73), reset=(_APB1, 23)),
    Block("CAN1", 0x4000_6400, _can, (19, 20, 21, 22), (_APB1, 25), model=IDLE),
    Block("DAC", 0x4000_7400, stm32_parts.dac, (54,), (_APB1, 29), model=IDLE),
    Block("OPAMP", 0x4000_7800, reset=(_APB1, 30)),
    Block("LPTIM1", 0x4000_7C00, stm32_parts.low_power_timer(1), (65,), (_APB1, 31)),
    _usart("LPUART1", 0x4000_8000, lines=(70,), reset=(_APB1_2, 0)),
    Block("SWPMI1", 0x4000_8800, reset=(_APB1_2, 2)),
    Block("LPTIM2", 0x4000_9400, stm32_parts.low_power_timer(2), (66,), (_APB1_2, 5)),
    Block("SYSCFG", 0x4001_0000, plain(follows=_SYSCFG_FOLLOWS), (), (_APB2, 0)),
    Block("EXTI", 0x4001_0400, stm32_parts.exti(_EXTI_LINES, unmasked=0xFF82_0000)),
    Block("FIREWALL", 0x4001_1C00),
    Block("SDMMC1", 0x4001_2800, stm32_parts.sd_host, (49,), (_APB2, 10), model=IDLE),
    Block("TIM1", 0x4001_2C00, _advanced, (24, 25, 26, 27), (_APB2, 11)),
    _spi("SPI1", 0x4001_3000, lines=(35,), reset=(_APB2, 12)),
    Block("TIM8", 0x4001_3400, _advanced, (43, 44, 45, 46), (_APB2, 13)),
    _usart("USART1", 0x4001_3800, lines=(37,), reset=(_APB2, 14)),
    Block("TIM15", 0x4001_4000, timer(bus=2, channels=2, repetition=True), (24,), (_APB2, 16)),
    Block(
        "TIM16",
        0x4001_4400,
        timer(bus=2, channels=1, repetition=True, inputs={0: (0, stm32_parts.CLOCKS)}),
        (25,),
        (_APB2, 17),
    ),
    Block("TIM17", 0x4001_4800, timer(bus=2, channels=1, repetition=True), (26,), (_APB2, 18)),
    Block("SAI1", 0x4001_5400, reset=(_APB2, 21)),
    Block("SAI2", 0x4001_5800, reset=(_APB2, 22)),
    Block("DFSDM1", 0x4001_6000, reset=(_APB2, 24), size=0x800),
    Block("DMA1", 0x4002_0000, stm32_dma_routes.channels, tuple(range(11, 18)), (_AHB1, 0)),
    Block("DMA2", 0x4002_0400, stm32_dma_routes.channels, (*range(56, 61), 68, 69), (_AHB1, 1)),
    Block("CRC", 0x4002_3000, stm32_parts.crc(programmable=True), (), (_AHB1, 12)),
    Block("TSC", 0x4002_4000, reset=(_AHB1, 16)),
    *(
        Block(
            f"GPIO{letter}",
            0x4800_0000 + 0x400 * index,
            stm32_parts.gpio(analog=True, with_brr=True, connected=_BUTTON.get(letter, 0)),
            reset=(_AHB2, index),
        )
        for index, letter in enumerate("ABCDEFGH")
    ),
    Block("USB OTG FS", 0x5000_0000, _otg, (67,), (_AHB2, 12), 0x4_0000, IDLE),
    Block("ADC1 to ADC3", 0x5004_0000, _adcs, (18, 18, 47), (_AHB2, 13), model=IDLE),
    Block("RNG", 0x5006_0800, stm32_parts.rng, (80,), (_AHB2, 18)),
    Block("FMC", 0xA000_0000, reset=(_AHB3, 0), size=0x1000),
    Block("QUADSPI", 0xA000_1000, reset=(_AHB3, 8)),
)
_EXACT = (
    *(0x4000_0000, 0x4000_1000, 0x4000_2000, 0x4000_6000, 0x4000_7000, 0x4000_8000, 0x4000_9000),
    *(0x4001_2000, 0x4001_4000, 0x4001_5000, 0x4001_6000, 0x4800_0000, 0x4800_1000, 0x5004_0000),
)
"""Pages with timers and ports, and pages with empty places."""


def _windows() -> tuple[Window, ...]:
    windows = (
        Window(0x4000_0000, 0xA000, strict=True),
        Window(0x4001_0000, 0x7000, strict=True),
        Window(0x4002_0000, 0x5000, strict=True),
        Window(0x4800_0000, 0x2000, strict=True),
        Window(0x5000_0000, 0x4_1000, strict=True),
        Window(0x5006_0000, 0x1000, strict=True),
        Window(0xA000_0000, 0x2000, strict=True),
    )
    for window in windows:
        window.exact = {page for page in _EXACT if 0 <= page - window.base < window.size}
    return windows


def _system_memory(flash_size: int, options: ChipOptions) -> Memory:
    """Return the system memory with the factory's values."""
    system = Memory(0x1FFF_0000, 0x8000, fill=0xFF, flash=True)
    stm32.add_unique_id(system, 0x1FFF_7590, options)  # 49.1
    factory = {
        0x75E0: flash_size >> 10,  # FLASHSIZE, 49.2
        0x75A8: 1037,  # TS_CAL1 at 30 degrees Celsius, with 3.0 V; DS10969, 3.15.1
        0x75AA: 1655,  # VREFINT; 3.15.2
        0x75CA: 1310,  # TS_CAL2 at 110 degrees
    }
    for offset, value in factory.items():
        system.store(offset, 2, value)
    return system


def stm32l475xg(options: ChipOptions) -> Chip:
    """Return the chip of a B-L475E-IOT01A."""
    flash = Memory(0x0800_0000, 0x10_0000, fill=0xFF, flash=True, aliases=(0,))
    memories = (
        flash,
        _system_memory(flash.size, options),
        Memory(0x2000_0000, 0x1_8000),
        Memory(0x1000_0000, 0x8000),
    )
    windows = _windows()
    core = Core(
        memories,
        windows,
        CoreDesign(
            CORTEX_M4F,
            hertz=_MSI_HZ,
            vectors=flash.base,
            lines=82,
            priority_bits=4,
            rom=rom(0x415, stm32.ST),
            bit_band=True,
        ),
        portable=options.portable,
        boot=options.boot,
    )
    wiring = Wiring(core, _RCC)
    ahb1 = windows[2]
    ahb1.add(0x4002_1000, wiring.rcc)
    controller = Stm32L4Flash(FlashArray(flash), wiring.line(4))
    stm32.add_flash(wiring, ahb1, 0x4002_2000, controller)
    wiring.place(BLOCKS, windows)
    stm32.add_identity(core, options.identity or _NAME)
    core.reset_hooks += [window.reset for window in windows]
    board = "B-L475E-IOT01A (virtual)"
    # UM2153: the ST-LINK's port is on PB6 and PB7.
    return Chip(
        _NAME, board, core, controller, wiring.uarts, wiring.pins, "PB0", controller, "USART1"
    )
