"""CoreSight identification registers and the ROM table, by which a debugger finds components.

ARM Debug Interface v5 (IHI 0031), chapter 14; CoreSight components also CoreSight (IHI 0029), B2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.simulator.bus import Device, NarrowDevice

_IDENTIFICATION = 0xFD0
_ARM = 0x23B  # JEP106: continuation code 4, identity 0x3B

_CLASS_ROM, _CLASS_CORESIGHT, _CLASS_GENERIC = 0x1, 0x9, 0xE
_DEVARCH, _DEVTYPE = 0xFBC, 0xFCC


@dataclass(frozen=True)
class Part:
    """Part number and designer; the designer is a JEP106 identity, continuation code from bit 7.

    A CoreSight component also has a `device_type` and an `architecture` (ARCHID).
    """

    number: int
    designer: int = _ARM
    kind: int = _CLASS_GENERIC
    architecture: int = 0
    device_type: int = 0

    def registers(self) -> Sequence[int]:
        """Return PIDR4 to 7, PIDR0 to 3 and CIDR0 to 3, in order of address."""
        identity, continuation = self.designer & 0x7F, self.designer >> 7
        return (
            *(continuation, 0, 0, 0),
            self.number & 0xFF,
            self.number >> 8 | (identity & 0xF) << 4,
            identity >> 4 | 1 << 3,
            *(0, 0x0D, self.kind << 4, 0x05, 0xB1),
        )


@dataclass(frozen=True)
class DebugIds:
    """What identifies the debug port and its MEM-AP to a debugger.

    `dp` is DPIDR, `ap` the IDR of the MEM-AP, and `rom_table` the address of its ROM table. A debug
    port of version 2 also has `target`, its TARGETID.
    """

    dp: int
    ap: int
    rom_table: int
    target: int = 0


def component(number: int, architecture: int, device_type: int = 0) -> Part:
    """Return the identification of one of Arm's CoreSight components."""
    return Part(number, _ARM, _CLASS_CORESIGHT, architecture, device_type)


def rom(number: int, designer: int) -> Part:
    """Return the identification of a chip's ROM table."""
    return Part(number, designer, _CLASS_ROM)


class Component:
    """A device with the identification registers of `part` at the end of its 4 KiB."""

    def __init__(self, part: Part, device: Device) -> None:
        self._identification = part.registers()
        present, architect = 1 << 20, _ARM << 21
        architecture = part.architecture and architect | present | part.architecture
        self._class_registers = {_DEVARCH: architecture, _DEVTYPE: part.device_type}
        self._is_coresight = part.kind == _CLASS_CORESIGHT
        self._device = device

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset >= _IDENTIFICATION:
            return self._identification[(offset - _IDENTIFICATION) // 4]
        if self._is_coresight and offset in self._class_registers:
            return self._class_registers[offset]
        return self._device.read(offset)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._device.peek(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._device.write(offset, value)

    def reset(self) -> None:
        """Reset the device."""
        self._device.reset()


class NarrowComponent(Component):
    """A component whose device knows the size of each write."""

    def __init__(self, part: Part, device: NarrowDevice) -> None:
        super().__init__(part, device)
        self.write_narrow = device.write_narrow


class Constants:
    """Read-only registers."""

    def __init__(self, values: dict[int, int]) -> None:
        self._values = values

    def read(self, offset: int) -> int:
        """Return the value, or 0 for a missing register."""
        return self._values.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Ignore the write."""

    def reset(self) -> None:
        """Do nothing: the values are constant."""


def rom_table(base: int, components: Sequence[int]) -> Constants:
    """Return the table at `base` that lists the addresses of `components`."""
    present = 0b11
    entries = {
        4 * index: (component - base & 0xFFFF_F000) | present
        for index, component in enumerate(components)
    }
    return Constants({**entries, 0xFCC: 1})  # MEMTYPE: system memory is accessible, too
