"""STM32F429xI: RM0090 rev 19; memory map: table 1 and datasheet DS9405, section 5."""

from harness.board.virtual.chips.chip import IDENTITY, Chip, Options
from harness.board.virtual.core import Core
from harness.board.virtual.coresight import Constants, rom
from harness.board.virtual.memory import Memory, Window
from harness.board.virtual.peripherals.flash import FlashArray
from harness.board.virtual.peripherals.gpio import Pins, Stm32Gpio
from harness.board.virtual.peripherals.plain import Follow, PlainRegisters
from harness.board.virtual.peripherals.stm32_timer import Stm32Timer
from harness.board.virtual.peripherals.stm32_usart import UsartV1
from harness.board.virtual.peripherals.stm32f4_flash import Stm32F4Flash

_HSI_HZ = 16_000_000
_SECTORS = ([0x4000] * 4 + [0x1_0000] + [0x2_0000] * 7) * 2  # table 6
_GPIO, _GPIO_PORTS = 0x4002_0000, "ABCDEFGHIJK"
_DBGMCU = 0xE004_2000
_ST_ROM = rom(0x419, 0x020)  # RM0090, 38.6.3

_RCC_VALUES = {0x00: 0x83, 0x04: 0x2400_3010}
_RCC_FOLLOWS = (  # RM0090, 6.3: CR, CFGR (SW to SWS), BDCR, CSR
    *(Follow(0x00, on, 0x00, on + 1) for on in (0, 16, 24, 26, 28)),
    Follow(0x08, 0, 0x08, 2, width=2),
    Follow(0x70, 0, 0x70, 1),
    Follow(0x74, 0, 0x74, 1),
)
_PWR_FOLLOWS = (  # RM0090, 5.4: PLLON shows as VOSRDY; ODEN, ODSWEN
    Follow(0x00, 14, 0x04, 14),
    Follow(0x00, 16, 0x04, 16, width=2),
)


def stm32f429xi(options: Options) -> Chip:
    """Return the chip of a NUCLEO-F429ZI."""
    flash = Memory(0x0800_0000, 0x20_0000, fill=0xFF, flash=True, aliases=(0,))
    memories = (flash, Memory(0x2000_0000, 0x3_0000), Memory(0x1000_0000, 0x1_0000))
    windows = (
        Window(0x4000_0000, 0x8000),
        Window(0x4001_0000, 0x7000),
        Window(0x4002_0000, 0x6_0000),
        Window(0x5000_0000, 0x6_1000),
    )
    timers, uarts, gpio, _ = windows
    timers.exact = {0x4000_0000}
    gpio.exact = {_GPIO + page for page in range(0, 0x3000, Window.PAGE)}
    core = Core(
        memories,
        windows,
        hertz=_HSI_HZ,
        vectors=flash.base,
        lines=91,
        priority_bits=4,
        rom=_ST_ROM,
        portable=options.portable,
    )
    line, changed = core.nvic.line, core.engine.interrupt
    for base, interrupt in ((0x4000_0000, 28), (0x4000_0C00, 50)):
        timer = Stm32Timer(core.clock, line(interrupt), changed, bits=32)
        timers.add(base, timer)
        core.timed.append(timer)
    usart1, usart3 = UsartV1(line(37)), UsartV1(line(39))
    uarts.add(0x4001_1000, usart1)
    timers.add(0x4000_4800, usart3)
    timers.add(0x4000_7000, PlainRegisters({0x00: 0xC000}, _PWR_FOLLOWS))
    pins = Pins(core.engine.now)
    for index, letter in enumerate(_GPIO_PORTS):
        gpio.add(_GPIO + 0x400 * index, Stm32Gpio(f"P{letter}", pins))
    array = FlashArray(flash)
    controller = Stm32F4Flash(array, _SECTORS)
    flash.programmer = controller
    array.changed = core.bus.written
    gpio.add(0x4002_3C00, controller)
    gpio.add(0x4002_3800, PlainRegisters(_RCC_VALUES, _RCC_FOLLOWS))
    identity = IDENTITY.get(options.identity or "stm32f429xi", 0)
    core.add_vendor_device(_DBGMCU, Constants({0: identity}))
    core.reset_hooks += [window.reset for window in windows]
    return Chip(
        "stm32f429xi",
        "NUCLEO-F429ZI (virtual)",
        core,
        controller,
        {"USART1": usart1, "USART3": usart3},
        pins,
    )
