"""The common part of the STM32 chips."""

from harness.simulator.bus import Memory, Window
from harness.simulator.chips.chip import IDENTITY, ChipOptions
from harness.simulator.core import Core
from harness.simulator.coresight import Constants
from harness.simulator.peripherals.gpio import Pins, Stm32Gpio
from harness.simulator.peripherals.stm32_flash import Stm32Flash
from harness.simulator.peripherals.stm32_timer import Stm32Timer

ST = 0x020
"""STMicroelectronics in JEP106."""

_DBGMCU = 0xE004_2000
_TIMERS = ((0x4000_0000, 28), (0x4000_0C00, 50))  # TIM2, TIM5: base and interrupt


def add_timers(core: Core, window: Window) -> None:
    """Add the 32-bit timers TIM2 and TIM5, whose addresses are the same on all these chips."""
    for base, interrupt in _TIMERS:
        line = core.nvic.line(interrupt)
        timer = Stm32Timer(core.clock, line, core.executor.interrupt, bits=32)
        window.add(base, timer)
        core.timed.append(timer)


def add_gpio(core: Core, window: Window, base: int, ports: str) -> Pins:
    """Add the GPIO ports `ports` at consecutive addresses, and return their pins."""
    pins = Pins(core.executor.now)
    for index, letter in enumerate(ports):
        window.add(base + 0x400 * index, Stm32Gpio(f"P{letter}", pins))
    return pins


def add_flash(core: Core, window: Window, base: int, controller: Stm32Flash) -> None:
    """Add the flash interface, which handles stores to its memory."""
    controller.array.memory.programmer = controller
    controller.array.changed = core.bus.written
    window.add(base, controller)


def add_unique_id(system: Memory, offset: int, options: ChipOptions) -> None:
    """Add the unique device ID, 96 bits, to the system memory."""
    for index, word in enumerate(options.id_words(3)):
        system.store(offset + 4 * index, 4, word)


def add_identity(core: Core, chip: str) -> None:
    """Add DBGMCU_IDCODE; it is 0 for a chip of another vendor."""
    core.add_vendor_device(_DBGMCU, Constants({0: IDENTITY.get(chip, 0)}))
