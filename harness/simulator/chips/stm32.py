"""The common part of the STM32 chips."""

from harness.simulator.bus import Memory, Window
from harness.simulator.chips.chip import IDENTITY, ChipOptions
from harness.simulator.chips.stm32_wiring import Wiring
from harness.simulator.core import Core
from harness.simulator.peripherals.plain_registers import PlainRegisters
from harness.simulator.peripherals.stm32_flash import Stm32Flash

ST = 0x020
"""STMicroelectronics in JEP106."""

_DBGMCU = 0xE004_2000


def add_flash(wiring: Wiring, window: Window, base: int, controller: Stm32Flash) -> None:
    """Add the flash interface, which handles stores to its memory."""
    controller.array.memory.programmer = controller
    controller.array.changed = wiring.core.bus.written
    window.add(base, controller)


def add_unique_id(system: Memory, address: int, options: ChipOptions) -> None:
    """Add the unique device ID, 96 bits, to the system memory at the bus `address`."""
    for index, word in enumerate(options.id_words(3)):
        system.store(address - system.base + 4 * index, 4, word)


def add_identity(core: Core, chip: str) -> None:
    """Add DBGMCU, whose IDCODE is 0 for a chip of another vendor."""
    core.add_vendor_device(_DBGMCU, PlainRegisters({0: IDENTITY.get(chip, 0)}, constant=(0,)))
