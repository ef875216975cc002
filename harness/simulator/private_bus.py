"""The private peripheral bus with the core's own devices (Armv7-M ARM, B3.1, C1.2)."""

from collections.abc import Sequence

from harness.simulator import coresight
from harness.simulator.bus import Device, Window
from harness.simulator.itm import Itm, Tpiu

BASE = 0xE000_0000
_SIZE = 0x10_0000
_PAGE = 0x1000
_ITM, _DWT, _FPB = BASE, BASE + 0x1000, BASE + 0x2000
_SCS, _TPIU = BASE + 0xE000, BASE + 0x4_0000
ROM_TABLE = BASE + 0xF_F000


def window() -> Window:
    """Return the window without devices; all its pages are exact, and check the privilege."""
    result = Window(BASE, _SIZE, shift=12)
    result.exact = set(range(BASE, BASE + _SIZE, _PAGE))
    return result


def add_devices(
    bus: Window,
    control: Device,
    dwt: Device,
    fpb: Device,
    itm: Itm,
    parts: Sequence[coresight.Part],
    rom: coresight.Part,
) -> None:
    """Add the core's devices and the ROM table that lists them.

    `parts` identify SCS, DWT, FPB, ITM and TPIU, in this order; a core without the last ones has
    fewer parts.
    """
    devices: tuple[Device, ...] = (control, dwt, fpb, itm, Tpiu())
    bases = (_SCS, _DWT, _FPB, _ITM, _TPIU)[: len(parts)]
    for base, part, device in zip(bases, parts, devices, strict=False):
        if device is itm:
            bus.add(base, coresight.NarrowComponent(part, itm), size=_PAGE)
        else:
            bus.add(base, coresight.Component(part, device), size=_PAGE)
    table = coresight.rom_table(ROM_TABLE, bases)
    bus.add(ROM_TABLE, coresight.Component(rom, table), size=_PAGE)
