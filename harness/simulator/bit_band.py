"""Bit-banding: each word of an alias region is one bit of the SRAM or of the peripherals.

Cortex-M4 TRM (100166), "Bit-banding"; Armv7-M ARM (DDI 0403E), B3.1. The access to the target has
the size of the access to the alias. Only aligned accesses are bit-band accesses.
"""

from harness.simulator.bus import Bus

_SIZE = 0x0200_0000  # bytes of an alias region, 32 for each byte of its target
_TARGETS = {0x2200_0000: 0x2000_0000, 0x4200_0000: 0x4000_0000}


class BitBand:
    """The alias region at `base` of the MiB of `bus` at `target`."""

    def __init__(self, base: int, target: int, bus: Bus) -> None:
        self.base = base
        self.size = _SIZE
        self._target = target
        self._bus = bus

    def answers(self, address: int) -> bool:
        """Return whether memory or a device is at the target of the alias `address`."""
        return self._bus.answers(self._locate(address, 1)[0])

    def read(self, address: int, size: int) -> int:
        """Return the bit as 0 or 1; `BusError` if nothing is at the target."""
        target, bit = self._locate(address, size)
        return self._bus.read(target, size) >> bit & 1

    def write(self, address: int, size: int, value: int) -> None:
        """Read the target, and write it with bit 0 of `value`; `BusError` if nothing is there."""
        target, bit = self._locate(address, size)
        rest = self._bus.read(target, size) & ~(1 << bit)
        self._bus.write(target, size, rest | (value & 1) << bit)

    def _locate(self, address: int, size: int) -> tuple[int, int]:
        """Return the address of the `size` bytes with the bit, and the bit's place in them."""
        bit = (address - self.base) // 4
        place = bit % (8 * size)
        return self._target + (bit - place) // 8, place


def add_to(bus: Bus) -> None:
    """Give `bus` the alias regions of the SRAM and of the peripherals."""
    bus.alias_regions = [BitBand(base, target, bus) for base, target in _TARGETS.items()]
