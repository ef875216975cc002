"""STM32F429xI: RM0090 rev 19; memory map: table 1 and datasheet DS9405, section 5."""

from functools import partial

from harness.simulator.bus import Memory, Window
from harness.simulator.chips import stm32, stm32_dma_routes, stm32_parts
from harness.simulator.chips.chip import IDLE, Chip, ChipOptions
from harness.simulator.chips.stm32_parts import plain, spi, timer, usart_v1
from harness.simulator.chips.stm32_wiring import Block, Wiring
from harness.simulator.core import Core
from harness.simulator.core_devices import CoreDesign
from harness.simulator.core_types import CORTEX_M4F
from harness.simulator.coresight import rom
from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.plain_registers import Follow
from harness.simulator.peripherals.stm32_clock_tree import F4
from harness.simulator.peripherals.stm32_otg import F4_FULL_SPEED, F4_HIGH_SPEED
from harness.simulator.peripherals.stm32_pwr import PowerDesign, f4_standby
from harness.simulator.peripherals.stm32_rcc import RccDesign
from harness.simulator.peripherals.stm32f4_adc import F4Adcs
from harness.simulator.peripherals.stm32f4_flash import Stm32F4Flash

_NAME = "stm32f429xi"
_HSI_HZ = 16_000_000
_SECTORS = ([0x4000] * 4 + [0x1_0000] + [0x2_0000] * 7) * 2  # table 6
_RCC = RccDesign(  # 6.3
    layout=F4,
    values={0x00: 0x83, 0x04: 0x2400_3010, 0x30: 0x10_0000, 0x84: 0x2000_3000}
    | {0x50: 0x7E67_91FF, 0x54: 0xF1, 0x58: 1, 0x60: 0x36FE_C9FF, 0x64: 0x7_5F33}
    | {0x88: 0x2400_3000},
    follows=(  # CR (HSI, HSE, PLLs), CFGR (SW to SWS), CSR
        *(Follow(0x00, on, 0x00, on + 1) for on in (0, 16, 24, 26, 28)),
        Follow(0x08, 0, 0x08, 2, width=2),
        Follow(0x74, 0, 0x74, 1),
    ),
    resets=(0x10, 0x14, 0x18, 0x20, 0x24),
    clear=24,
    power_on=0x0E00_0000,
)
_PWR = PowerDesign(  # 5.4: VOS shows as VOSRDY; ODEN, ODSWEN and BRE as their ready bits
    values={0x00: 0xC000},
    follows=(
        Follow(0x00, 14, 0x04, 14),
        Follow(0x00, 16, 0x04, 16, width=2),
        Follow(0x04, 9, 0x04, 3),
    ),
    standby=f4_standby,
    status=0x04,
    clear=0x00,
    clear_shift=2,
)
_AHB1, _AHB2, _APB1, _APB2 = 0x10, 0x14, 0x20, 0x24  # the reset registers of the RCC
_EXTI_LINES = (  # table 62
    {line: 6 + line for line in range(5)}
    | dict.fromkeys(range(5, 10), 23)
    | dict.fromkeys(range(10, 16), 40)
    | {16: 1, 17: 41, 18: 42, 20: 76, 21: 2, 22: 3}
)
_ADC_TRIGGERS = {6: "TIM2", 8: "TIM3", 14: "TIM8"}  # EXTSEL


def _adcs(wiring: Wiring, block: Block) -> F4Adcs:
    requests = [wiring.requests[f"ADC{number}"] for number in (1, 2, 3)]
    triggers = {source: wiring.triggers[name] for source, name in _ADC_TRIGGERS.items()}
    return F4Adcs(wiring.agenda, wiring.line(block.lines[0]), requests, triggers)


_otg_fs, _otg_hs = (stm32_parts.otg(kind) for kind in (F4_FULL_SPEED, F4_HIGH_SPEED))
_can = partial(Block, make=stm32_parts.can(banks=28, two=True), model=IDLE)
_i2c = partial(Block, make=stm32_parts.i2c_v1, model=IDLE)
_spi = partial(Block, make=spi, model=IDLE)
_usart = partial(Block, make=usart_v1)
_gpio = partial(Block, make=stm32_parts.gpio())
_basic = timer(channels=0)
_two = timer(channels=2)
_one = timer(channels=1)
_advanced = timer(bus=2, repetition=True)

BLOCKS = (
    Block("TIM2", 0x4000_0000, timer(bits=32), (28,), (_APB1, 0)),
    Block("TIM3", 0x4000_0400, timer(), (29,), (_APB1, 1)),
    Block("TIM4", 0x4000_0800, timer(), (30,), (_APB1, 2)),
    Block(
        "TIM5",
        0x4000_0C00,
        timer(bits=32, inputs={3: (6, stm32_parts.CLOCKS)}),
        (50,),
        (_APB1, 3),
    ),
    Block("TIM6", 0x4000_1000, _basic, (54,), (_APB1, 4)),
    Block("TIM7", 0x4000_1400, _basic, (55,), (_APB1, 5)),
    Block("TIM12", 0x4000_1800, _two, (43,), (_APB1, 6)),
    Block("TIM13", 0x4000_1C00, _one, (44,), (_APB1, 7)),
    Block("TIM14", 0x4000_2000, _one, (45,), (_APB1, 8)),
    Block("PWR", 0x4000_7000, stm32_parts.pwr(_PWR), (), (_APB1, 28)),
    Block("RTC", 0x4000_2800, stm32_parts.rtc(alarm=17, wake_up=22)),
    Block("WWDG", 0x4000_2C00, stm32_parts.wwdg, (0,), (_APB1, 11)),
    Block("IWDG", 0x4000_3000, stm32_parts.iwdg(has_window=False)),
    Block("I2S2ext", 0x4000_3400),
    _spi("SPI2", 0x4000_3800, lines=(36,), reset=(_APB1, 14)),
    _spi("SPI3", 0x4000_3C00, lines=(51,), reset=(_APB1, 15)),
    Block("I2S3ext", 0x4000_4000),
    _usart("USART2", 0x4000_4400, lines=(38,), reset=(_APB1, 17)),
    _usart("USART3", 0x4000_4800, lines=(39,), reset=(_APB1, 18)),
    _usart("UART4", 0x4000_4C00, lines=(52,), reset=(_APB1, 19)),
    _usart("UART5", 0x4000_5000, lines=(53,), reset=(_APB1, 20)),
    _i2c("I2C1", 0x4000_5400, lines=(31, 32), reset=(_APB1, 21)),
    _i2c("I2C2", 0x4000_5800, lines=(33, 34), reset=(_APB1, 22)),
    _i2c("I2C3", 0x4000_5C00, lines=(72, 73), reset=(_APB1, 23)),
    _can("CAN1", 0x4000_6400, lines=(19, 20, 21, 22), reset=(_APB1, 25)),
    _can("CAN2", 0x4000_6800, lines=(63, 64, 65, 66), reset=(_APB1, 26)),
    Block("DAC", 0x4000_7400, stm32_parts.dac, (54,), (_APB1, 29), model=IDLE),
    _usart("UART7", 0x4000_7800, lines=(82,), reset=(_APB1, 30)),
    _usart("UART8", 0x4000_7C00, lines=(83,), reset=(_APB1, 31)),
    Block("TIM1", 0x4001_0000, _advanced, (24, 25, 26, 27), (_APB2, 0)),
    Block("TIM8", 0x4001_0400, _advanced, (43, 44, 45, 46), (_APB2, 1)),
    _usart("USART1", 0x4001_1000, lines=(37,), reset=(_APB2, 4)),
    _usart("USART6", 0x4001_1400, lines=(71,), reset=(_APB2, 5)),
    Block("ADC1 to ADC3", 0x4001_2000, _adcs, (18,), (_APB2, 8), model=IDLE),
    Block("SDIO", 0x4001_2C00, stm32_parts.sd_host, (49,), (_APB2, 11), model=IDLE),
    _spi("SPI1", 0x4001_3000, lines=(35,), reset=(_APB2, 12)),
    _spi("SPI4", 0x4001_3400, lines=(84,), reset=(_APB2, 13)),
    Block("SYSCFG", 0x4001_3800, plain(follows=(Follow(0x20, 0, 0x20, 8),)), (), (_APB2, 14)),
    Block("EXTI", 0x4001_3C00, stm32_parts.exti(_EXTI_LINES)),
    Block("TIM9", 0x4001_4000, timer(bus=2, channels=2), (24,), (_APB2, 16)),
    Block("TIM10", 0x4001_4400, timer(bus=2, channels=1), (25,), (_APB2, 17)),
    Block("TIM11", 0x4001_4800, timer(bus=2, channels=1), (26,), (_APB2, 18)),
    _spi("SPI5", 0x4001_5000, lines=(85,), reset=(_APB2, 20)),
    _spi("SPI6", 0x4001_5400, lines=(86,), reset=(_APB2, 21)),
    Block("SAI1", 0x4001_5800, reset=(_APB2, 22)),
    Block("LTDC", 0x4001_6800, reset=(_APB2, 26)),
    *(
        _gpio(f"GPIO{letter}", 0x4002_0000 + 0x400 * index, reset=(_AHB1, index))
        for index, letter in enumerate("ABCDEFGHIJK")
    ),
    Block("CRC", 0x4002_3000, stm32_parts.crc(programmable=False), (), (_AHB1, 12)),
    Block(
        "DMA1",
        0x4002_6000,
        stm32_dma_routes.streams,
        (11, 12, 13, 14, 15, 16, 17, 47),
        (_AHB1, 21),
    ),
    Block(
        "DMA2",
        0x4002_6400,
        stm32_dma_routes.streams,
        (56, 57, 58, 59, 60, 68, 69, 70),
        (_AHB1, 22),
    ),
    Block("Ethernet", 0x4002_8000, stm32_parts.ethernet, (61,), (_AHB1, 25), 0x1400, IDLE),
    Block("DMA2D", 0x4002_B000, stm32_dma_routes.rectangles, (90,), (_AHB1, 23), size=0xC00),
    Block("USB OTG HS", 0x4004_0000, _otg_hs, (77,), (_AHB1, 29), 0x4_0000, IDLE),
    Block("USB OTG FS", 0x5000_0000, _otg_fs, (67,), (_AHB2, 7), 0x4_0000, IDLE),
    Block("DCMI", 0x5005_0000, reset=(_AHB2, 0)),
    Block("RNG", 0x5006_0800, stm32_parts.rng, (80,), (_AHB2, 6)),
    Block("FMC", 0xA000_0000, size=0x1000),
)
_EXACT = (0x4000_0000, 0x4000_1000, 0x4000_2000, 0x4000_6000, 0x4001_0000, 0x4001_2000)
_EXACT_TOO = (0x4001_4000, 0x4001_5000, 0x4001_6000, 0x4002_0000, 0x4002_1000, 0x4002_2000)
"""Pages with timers and ports, and pages with empty places."""


def _windows() -> tuple[Window, ...]:
    windows = (
        Window(0x4000_0000, 0x8000, strict=True),
        Window(0x4001_0000, 0x7000, strict=True),
        Window(0x4002_0000, 0x4000, strict=True),
        Window(0x4002_6000, 0x1000, strict=True),
        Window(0x4002_8000, 0x2000, strict=True),
        Window(0x4002_B000, 0x1000, strict=True),
        Window(0x4004_0000, 0x4_0000, strict=True),
        Window(0x5000_0000, 0x4_0000, strict=True),
        Window(0x5005_0000, 0x1000, strict=True),
        Window(0x5006_0000, 0x1000, strict=True),
        Window(0xA000_0000, 0x1000, strict=True),
    )
    for window in windows:
        pages = (*_EXACT, *_EXACT_TOO)
        window.exact = {page for page in pages if 0 <= page - window.base < window.size}
    return windows


def _system_memory(flash_size: int, options: ChipOptions) -> Memory:
    """Return the system memory with the factory's values."""
    system = Memory(0x1FFF_0000, 0x8000, fill=0xFF, flash=True)
    stm32.add_unique_id(system, 0x1FFF_7A10, options)  # 39.1
    factory = {
        0x7A22: flash_size >> 10,  # 39.2
        0x7A2A: 1502,  # VREFINT_CAL; DS9405, 6.3.24
        0x7A2C: 959,  # TS_CAL1 at 30 degrees Celsius; DS9405, 6.3.22
        0x7A2E: 1207,  # TS_CAL2 at 110 degrees
    }
    for offset, value in factory.items():
        system.store(offset, 2, value)
    return system


def stm32f429xi(options: ChipOptions) -> Chip:
    """Return the chip of a NUCLEO-F429ZI."""
    flash = Memory(0x0800_0000, 0x20_0000, fill=0xFF, flash=True, aliases=(0,))
    memories = (
        flash,
        _system_memory(flash.size, options),
        Memory(0x2000_0000, 0x3_0000),
        Memory(0x1000_0000, 0x1_0000, executable=False),  # 2.3.1
        Memory(0x4002_4000, 0x1000, executable=False),  # the backup SRAM
    )
    windows = _windows()
    core = Core(
        memories,
        windows,
        CoreDesign(
            CORTEX_M4F,
            hertz=_HSI_HZ,
            vectors=flash.base,
            lines=91,
            priority_bits=4,
            rom=rom(0x419, stm32.ST),
            bit_band=True,
        ),
        portable=options.portable,
        boot=options.boot,
    )
    wiring = Wiring(core, _RCC)
    ahb1 = windows[2]
    ahb1.add(0x4002_3800, wiring.rcc)
    controller = Stm32F4Flash(FlashArray(flash), wiring.line(4), _SECTORS)
    stm32.add_flash(wiring, ahb1, 0x4002_3C00, controller)
    wiring.place(BLOCKS, windows)
    stm32.add_identity(core, options.identity or _NAME)
    core.reset_hooks += [window.reset for window in windows]
    board = "NUCLEO-F429ZI (virtual)"
    # UM1974, "USART communication": the ST-LINK's port is on PD8 and PD9.
    return Chip(
        _NAME, board, core, controller, wiring.uarts, wiring.pins, "PB0", controller, "USART3"
    )
