"""STM32L475xG: RM0351 rev 9; memory map: section 2.2 and datasheet DS10969, section 5."""

from harness.simulator.bus import Memory, Window
from harness.simulator.chips import stm32
from harness.simulator.chips.chip import Chip, ChipOptions
from harness.simulator.core import Core
from harness.simulator.core_devices import CoreDesign
from harness.simulator.core_types import CORTEX_M4F
from harness.simulator.coresight import rom
from harness.simulator.peripherals.flash_controller import FlashArray
from harness.simulator.peripherals.plain_registers import Follow, PlainRegisters
from harness.simulator.peripherals.stm32_usart import UsartV2
from harness.simulator.peripherals.stm32l4_flash import Stm32L4Flash

_NAME = "stm32l475xg"
_MSI_HZ = 4_000_000
_GPIO, _GPIO_PORTS = 0x4800_0000, "ABCDEFGH"
_RCC_VALUES = {0x00: 0x63, 0x0C: 0x1000, 0x94: 0x0C00_0600}
_RCC_FOLLOWS = (  # RM0351, 6.4: CR (MSI, HSI, HSE, PLLs), CFGR (SW to SWS), BDCR, CSR, CRRCR
    *(Follow(0x00, on, 0x00, on + 1) for on in (0, 16, 24, 26, 28)),
    Follow(0x00, 8, 0x00, 10),
    Follow(0x08, 0, 0x08, 2, width=2),
    *(Follow(register, 0, register, 1) for register in (0x90, 0x94, 0x98)),
)


def stm32l475xg(options: ChipOptions) -> Chip:
    """Return the chip of a B-L475E-IOT01A."""
    flash = Memory(0x0800_0000, 0x10_0000, fill=0xFF, flash=True, aliases=(0,))
    system = Memory(0x1FFF_7000, 0x1000, fill=0xFF, flash=True)
    stm32.add_unique_id(system, 0x590, options)  # 49.1
    system.store(0x5E0, 2, flash.size >> 10)  # FLASHSIZE, 49.2
    memories = (flash, system, Memory(0x2000_0000, 0x1_8000), Memory(0x1000_0000, 0x8000))
    apb1, apb2 = Window(0x4000_0000, 0xA000), Window(0x4001_0000, 0x7000)
    ahb1, gpio = Window(0x4002_0000, 0x5000), Window(_GPIO, 0x2000)
    apb1.exact, gpio.exact = {0x4000_0000}, {_GPIO, _GPIO + Window.PAGE}
    windows = (apb1, apb2, ahb1, gpio, Window(0x5000_0000, 0x6_1000))
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
    stm32.add_timers(core, apb1)
    usart1 = UsartV2(core.nvic.line(37))
    apb2.add(0x4001_3800, usart1)
    apb1.add(0x4000_7000, PlainRegisters({0x00: 0x200}))
    pins = stm32.add_gpio(core, gpio, _GPIO, _GPIO_PORTS)
    controller = Stm32L4Flash(FlashArray(flash))
    stm32.add_flash(core, ahb1, 0x4002_2000, controller)
    ahb1.add(0x4002_1000, PlainRegisters(_RCC_VALUES, _RCC_FOLLOWS))
    stm32.add_identity(core, options.identity or _NAME)
    core.reset_hooks += [window.reset for window in windows]
    board = "B-L475E-IOT01A (virtual)"
    uarts = {"USART1": usart1}
    # UM2153: the ST-LINK's port is on PB6 and PB7.
    return Chip(_NAME, board, core, controller, uarts, pins, "PB0", controller, "USART1")
