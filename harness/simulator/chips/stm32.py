"""What the STM32s have in common."""

from harness.simulator.bus import Window
from harness.simulator.chips.chip import IDENTITY
from harness.simulator.core import Core
from harness.simulator.coresight import Constants
from harness.simulator.peripherals.gpio import Pins, Stm32Gpio
from harness.simulator.peripherals.stm32_timer import Stm32Timer

ST = 0x020
"""STMicroelectronics in JEP106."""

_DBGMCU = 0xE004_2000
_TIMERS = ((0x4000_0000, 28), (0x4000_0C00, 50))  # TIM2, TIM5: base and interrupt


def add_timers(core: Core, window: Window) -> None:
    """Add the 32-bit timers TIM2 and TIM5, which every STM32 here has at the same place."""
    for base, interrupt in _TIMERS:
        line = core.nvic.line(interrupt)
        timer = Stm32Timer(core.clock, line, core.engine.interrupt, bits=32)
        window.add(base, timer)
        core.timed.append(timer)


def add_gpio(core: Core, window: Window, base: int, ports: str) -> Pins:
    """Add the GPIO ports called `ports`, one after the other, and return their pins."""
    pins = Pins(core.engine.now)
    for index, letter in enumerate(ports):
        window.add(base + 0x400 * index, Stm32Gpio(f"P{letter}", pins))
    return pins


def add_identity(core: Core, chip: str) -> None:
    """Add DBGMCU_IDCODE; another vendor's chip has none."""
    core.add_vendor_device(_DBGMCU, Constants({0: IDENTITY.get(chip, 0)}))
