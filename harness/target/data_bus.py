"""The two buses over which a Cortex-M3 or M4 reaches its RAM."""

from harness.support.memory_map import Region
from harness.target.target_file import Core

_SYSTEM_BUS = 0x2000_0000  # its first address; the other bus has all lower addresses


def on_one_bus(ram: Region, core: Core) -> Region:
    """Return the larger part of `ram` on one side of the border between the two buses.

    Cortex-M3 and M4 read unaligned words, and so does CMSIS-NN. Across the border, they fault: K64
    Sub-Family Reference Manual, 3.5.3.1.
    """
    if core not in {"cortex-m3", "cortex-m4", "cortex-m4f"} or _SYSTEM_BUS not in ram:
        return ram
    below, above = _SYSTEM_BUS - ram.origin, ram.end - _SYSTEM_BUS
    return Region(_SYSTEM_BUS, above) if above >= below else Region(ram.origin, below)
