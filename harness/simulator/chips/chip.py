"""A chip: core, memories and peripherals, ready to be powered on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.simulator.core import Core
from harness.simulator.peripherals.flash_controller import FlashController
from harness.simulator.peripherals.gpio import Pins
from harness.simulator.peripherals.uart import Uart


@dataclass(frozen=True)
class Options:
    """What may be chosen: `identity` is another chip's name if it shall claim to be that.

    `portable` counts instructions in Python, as on machines without the fast way. `boot` is the
    vector table that reset starts from, as if a bootloader had handed over.
    """

    identity: str | None = None
    portable: bool = False
    boot: int | None = None


class AccessPort(Protocol):
    """An access port besides the AHB-AP."""

    def read(self, register: int) -> int:
        """Return the register at the byte offset `register`."""

    def write(self, register: int, value: int) -> None:
        """Write it."""


@dataclass(frozen=True)
class Chip:
    """`uarts` by name, the first the default; `trigger` is the pin that firmware's ports take."""

    name: str
    board: str
    core: Core
    flash: FlashController
    uarts: Mapping[str, Uart]
    pins: Pins
    trigger: str
    access_ports: Mapping[int, AccessPort] = field(default_factory=dict)


IDENTITY = {"stm32f429xi": 0x2003_6419, "stm32l475xg": 0x1007_6415}
"""DBGMCU_IDCODE of the STM32s, at 0xE0042000: RM0090, 38.6.1; RM0351, 48.6.1."""

PART = {"nrf52840": 0x0005_2840}
"""FICR INFO.PART, at 0x10000100: nRF52840 PS 1.7, 4.4.1.9."""
