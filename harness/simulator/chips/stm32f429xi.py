"""STM32F429xI: RM0090 rev 19; memory map: table 1 and datasheet DS9405, section 5."""

from harness.simulator.bus import Memory, Window
from harness.simulator.chips import stm32
from harness.simulator.chips.chip import Chip, ChipOptions
from harness.simulator.core import Core
from harness.simulator.core_devices import CoreDesign
from harness.simulator.core_types import CORTEX_M4F
from harness.simulator.coresight import rom
from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.plain_registers import Follow, PlainRegisters
from harness.simulator.peripherals.stm32_usart import UsartV1
from harness.simulator.peripherals.stm32f4_flash import Stm32F4Flash

_NAME = "stm32f429xi"
_HSI_HZ = 16_000_000
_SECTORS = ([0x4000] * 4 + [0x1_0000] + [0x2_0000] * 7) * 2  # table 6
_GPIO, _GPIO_PORTS = 0x4002_0000, "ABCDEFGHIJK"
_RCC_VALUES = {0x00: 0x83, 0x04: 0x2400_3010}
_RCC_FOLLOWS = (  # RM0090, 6.3: CR (HSI, HSE, PLLs), CFGR (SW to SWS), BDCR, CSR
    *(Follow(0x00, on, 0x00, on + 1) for on in (0, 16, 24, 26, 28)),
    Follow(0x08, 0, 0x08, 2, width=2),
    *(Follow(register, 0, register, 1) for register in (0x70, 0x74)),
)
_PWR_FOLLOWS = (  # RM0090, 5.4: VOS shows as VOSRDY; ODEN and ODSWEN as their ready bits
    Follow(0x00, 14, 0x04, 14),
    Follow(0x00, 16, 0x04, 16, width=2),
)


def stm32f429xi(options: ChipOptions) -> Chip:
    """Return the chip of a NUCLEO-F429ZI."""
    flash = Memory(0x0800_0000, 0x20_0000, fill=0xFF, flash=True, aliases=(0,))
    system = Memory(0x1FFF_7000, 0x1000, fill=0xFF, flash=True)
    stm32.add_unique_id(system, 0xA10, options)  # 39.1
    system.store(0xA22, 2, flash.size >> 10)  # flash size, 39.2
    ram, coupled = Memory(0x2000_0000, 0x3_0000), Memory(0x1000_0000, 0x1_0000)
    memories = (flash, system, ram, coupled)
    apb1, apb2 = Window(0x4000_0000, 0x8000), Window(0x4001_0000, 0x7000)
    ahb1 = Window(0x4002_0000, 0x6_0000)
    apb1.exact = {0x4000_0000}
    ahb1.exact = {_GPIO + page for page in range(0, 0x3000, Window.PAGE)}
    windows = (apb1, apb2, ahb1, Window(0x5000_0000, 0x6_1000))
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
    stm32.add_timers(core, apb1)
    usart1, usart3 = UsartV1(core.nvic.line(37)), UsartV1(core.nvic.line(39))
    apb2.add(0x4001_1000, usart1)
    apb1.add(0x4000_4800, usart3)
    apb1.add(0x4000_7000, PlainRegisters({0x00: 0xC000}, _PWR_FOLLOWS))
    pins = stm32.add_gpio(core, ahb1, _GPIO, _GPIO_PORTS)
    controller = Stm32F4Flash(FlashArray(flash), _SECTORS)
    stm32.add_flash(core, ahb1, 0x4002_3C00, controller)
    ahb1.add(0x4002_3800, PlainRegisters(_RCC_VALUES, _RCC_FOLLOWS))
    stm32.add_identity(core, options.identity or _NAME)
    core.reset_hooks += [window.reset for window in windows]
    uarts = {"USART1": usart1, "USART3": usart3}
    board = "NUCLEO-F429ZI (virtual)"
    # UM1974, "USART communication": the ST-LINK's port is on PD8 and PD9.
    return Chip(_NAME, board, core, controller, uarts, pins, "PB0", controller, "USART3")
