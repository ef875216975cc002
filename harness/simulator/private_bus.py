"""The private peripheral bus with the core's own devices (Armv7-M ARM, B3.1, C1.2)."""

from harness.simulator import coresight
from harness.simulator.bus import Device, Window

BASE = 0xE000_0000
_SIZE = 0x10_0000
_PAGE = 0x1000
_ITM, _DWT, _FPB = BASE, BASE + 0x1000, BASE + 0x2000
_SCS, _ROM_TABLE = BASE + 0xE000, BASE + 0xF_F000


def window() -> Window:
    """Return the window without devices; DWT and SCS need the exact instruction count."""
    result = Window(BASE, _SIZE, shift=12)
    result.exact = {_DWT, _SCS}
    return result


def add_devices(
    bus: Window, control: Device, dwt: Device, fpb: Device, rom: coresight.Part
) -> None:
    """Add the core's devices and the ROM table that lists them."""
    for base, part, device in (
        (_SCS, coresight.SCS, control),
        (_DWT, coresight.DWT, dwt),
        (_FPB, coresight.FPB, fpb),
        (_ITM, coresight.ITM, coresight.Constants({})),
        (_ROM_TABLE, rom, coresight.rom_table(_ROM_TABLE, (_SCS, _DWT, _FPB, _ITM))),
    ):
        bus.add(base, coresight.Component(part, device), size=_PAGE)
