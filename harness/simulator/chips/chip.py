"""A chip: core, memories and peripherals, ready for power-on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.errors import InputError
from harness.simulator.bus import Memory
from harness.simulator.core import Core
from harness.simulator.coresight import DebugIds
from harness.simulator.peripherals.flash_controller import FlashController
from harness.simulator.peripherals.gpio import Pins
from harness.simulator.peripherals.uart import Uart

MODELLED, IDLE, ABSENT = "modelled", "idle", "absent"
"""What a block is: it works; it answers as if nothing were connected; its registers only store."""

DEFAULT_ID = 1
"""The unique ID of a virtual chip that is given none."""
_WORD_BITS = 32


@dataclass(frozen=True)
class ChipOptions:
    """Options of a chip.

    `identity` is the name of another chip; the chip then reports that chip's ID. `portable`
    counts instructions in Python, as on hosts without the machine code for it. `boot` is the
    address of the vector table that reset uses, as after a bootloader. `unique_id` is the number
    by which the chip differs from all others.
    """

    identity: str | None = None
    portable: bool = False
    boot: int | None = None
    unique_id: int = DEFAULT_ID

    def id_words(self, count: int) -> list[int]:
        """Return the unique ID as `count` words; raise `InputError` if it has more bits."""
        if self.unique_id >> _WORD_BITS * count:
            raise InputError(
                f"has more than {8 * count} hexadecimal digits",
                where=f"--chip-id={self.unique_id:x}",
                remedy="name a shorter one",
            )
        words = (self.unique_id >> _WORD_BITS * index for index in range(count))
        return [word & 0xFFFF_FFFF for word in words][::-1]


class AccessPort(Protocol):
    """An access port other than the AHB-AP."""

    def read(self, register: int) -> int:
        """Return the register at the byte offset `register`."""

    def write(self, register: int, value: int) -> None:
        """Write the register at the byte offset `register`."""


class ReadProtection(Protocol):
    """The protection of a chip's memory against debuggers.

    It protects `memory`; without one it protects all, and switches the MEM-AP off.
    """

    @property
    def memory(self) -> Memory | None:
        """The memory that a debugger cannot access."""

    @property
    def locked(self) -> bool:
        """Whether a debugger has no access."""

    def lock(self) -> None:
        """Protect the memory, as a firmware or a production tool does."""


@dataclass(frozen=True)
class Chip:
    """A chip; `trigger` is the firmware's trigger pin.

    `serial_port` is the UART that the board connects to the serial port of its debug probe; it is
    empty if none is. `debug_ids` replaces what identifies its core's debug port.
    """

    name: str
    board: str
    core: Core
    flash: FlashController
    uarts: Mapping[str, Uart]
    pins: Pins
    trigger: str
    protection: ReadProtection
    serial_port: str = ""
    access_ports: Mapping[int, AccessPort] = field(default_factory=dict)
    debug_ids: DebugIds | None = None


IDENTITY = {"stm32f429xi": 0x2003_6419, "stm32l475xg": 0x1007_6415}
"""DBGMCU_IDCODE of the STM32s, at 0xE0042000: RM0090, 38.6.1; RM0351, 48.6.1."""

PART_NUMBER = {"nrf52840": 0x0005_2840, "nrf91": 0x9160}
"""The part number in FICR: at 0x10000100, nRF52840 PS 1.7, 4.4.1.9; at 0x00FF0140, nRF9160 PS,
"FICR"."""
