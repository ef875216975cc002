"""Code in RAM runs as it was last written, though stores to RAM are not always watched."""

from pathlib import Path

import pytest

from harness.simulator.permissions import Permissions
from tests.support.assembly_bench import results
from tests.unit.test_virtual_mpu import CTRL, READ_WRITE, XN, region, switch_on

CODE, SAME_PAGE, FLAG = 0x2001_0000, 0x2001_0200, 0x2001_1000


def write(value: int) -> str:
    """Return code that writes a function that returns `value` to RAM.

    Unicorn sees a first store to a page in any case; so one to another place comes before.
    """
    return f"""
        poke {SAME_PAGE:#x}, 0
        poke {CODE:#x}, {0x4770_2000 | value:#x} // movs r0, #value; bx lr
        dsb
        isb
    """


CALL = f"""
    ldr r4, ={CODE + 1:#x}
    blx r4
    put r0
"""
RAM_IS_DATA = (
    region(7, 0x2000_0000, 18, READ_WRITE, xn=XN)
    + region(0, 0x0800_0000, 21, READ_WRITE)
    + switch_on()
)


on_both = pytest.mark.parametrize("chip", ["stm32f429xi", "nrf91"])


@on_both
def test_a_function_that_is_written_again(tmp_path: Path, chip: str) -> None:
    source = f"start: {write(1)} {CALL} {write(2)} {CALL} bkpt #0"
    assert results(tmp_path, source, chip=chip) == [1, 2]


def test_a_function_that_is_written_while_the_mpu_forbids_its_execution(tmp_path: Path) -> None:
    source = f"""start:
        {write(1)} {CALL} {RAM_IS_DATA} {write(2)}
        poke {CTRL:#x}, 0
        dsb
        isb
        {CALL}
        bkpt #0
    """
    assert results(tmp_path, source) == [1, 2]


@on_both
def test_a_function_that_is_written_after_a_reset(tmp_path: Path, chip: str) -> None:
    source = f"""start:
        ldr r5, ={FLAG:#x}
        ldr r0, [r5]
        cmp r0, #0
        bne again
        {write(1)} {CALL}
        poke {FLAG:#x}, 1
        dsb
        poke 0xE000ED0C, 0x05FA0004 // SYSRESETREQ
        b .
        .ltorg
    again:
        {write(2)} {CALL}
        bkpt #0
    """
    assert results(tmp_path, source, chip=chip)[-1] == 2


@on_both
def test_ram_is_closed_until_it_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chip: str
) -> None:
    """Otherwise each store would look for code, and networks would take half as long again."""
    opened: list[bool] = []
    open_ram = Permissions.open

    def noted(self: Permissions) -> bool:
        opened.append(open_ram(self))
        return opened[-1]

    monkeypatch.setattr(Permissions, "open", noted)
    results(tmp_path, f"start: {write(1)} bkpt #0", chip=chip)
    assert opened == []
    results(tmp_path, f"start: {write(1)} {CALL} bkpt #0", chip=chip)
    assert opened == [True]
