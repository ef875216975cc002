"""Bit-banding: words of the alias regions are bits of the SRAM and of the peripherals."""

from pathlib import Path

import pytest

from harness.simulator import chips, scs
from harness.simulator.bus import BusError
from harness.simulator.chips.chip import ChipOptions
from tests.support.assembly_bench import results, running

# Bit 5 of the byte at 0x20008001: 0x22000000 + 0x8001 * 32 + 5 * 4
_SETUP = "start: ldr r0, =0x20008000\n ldr r1, =0x22100034\n ldr r2, =0x55AA00FF\n str r2, [r0]\n"


@pytest.mark.parametrize("chip", ["stm32f429xi", "stm32l475xg"])
@pytest.mark.parametrize("suffix", ["", "h", "b"])
def test_a_bit_of_the_sram(tmp_path: Path, suffix: str, chip: str) -> None:
    """Only bit 0 of the written value counts; the other bits of the target stay."""
    source = f"""{_SETUP}
        ldr{suffix} r3, [r1]
        put r3
        movs r4, #0xF1
        str{suffix} r4, [r1]
        ldr r3, [r0]
        put r3
        ldr{suffix} r3, [r1]
        put r3
        movs r4, #0xFE
        str{suffix} r4, [r1]
        ldr r3, [r0]
        put r3
        bkpt #0
    """
    assert results(tmp_path, source, chip=chip) == [0, 0x55AA_20FF, 1, 0x55AA_00FF]


def test_a_bit_of_a_peripheral(tmp_path: Path) -> None:
    """ODR of GPIOB, bit 7: the write goes through the device, at the exact instruction."""
    source = """start: poke 0x40020400, 0x4000
        ldr r1, =0x42000000 + 32 * 0x20414 + 4 * 7
        ldr r2, [r1]
        put r2
        movs r3, #1
        nop
        str r3, [r1]
        str r2, [r1]
        bkpt #0
    """
    with running(tmp_path, source) as bench:
        assert bench.results == [0]
        up, down = bench.chip.pins.log
        assert (up.pin, up.high, down.high) == ("PB7", True, False)
        assert down.instructions == up.instructions + 1


def test_a_ready_flag_of_the_clocks(tmp_path: Path) -> None:
    """PLLON and PLLRDY of RCC_CR, as a vendor's library switches the PLL on."""
    source = """start: ldr r0, =0x42000000 + 32 * 0x23800
        movs r1, #1
        str r1, [r0, #4 * 24]
        ldr r2, [r0, #4 * 25]
        put r2
        bkpt #0
    """
    assert results(tmp_path, source) == [1]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ldr r0, =0x23FFFFFC\n ldr r1, [r0]", 1 << 9 | 1 << 15),
        ("ldr r0, =0x43FFFFFC\n ldrb r1, [r0]", 1 << 9 | 1 << 15),
        ("ldr r0, =0x43FFFFFC\n str r1, [r0]", 1 << 10),
    ],
)
def test_an_alias_of_nothing_is_a_bus_fault(tmp_path: Path, code: str, status: int) -> None:
    source = f"""start: poke 0xE000ED24, 0x70000
        {code}
        nop
        b .
        handler: ldr r5, =0xE000ED28
        ldr r5, [r5]
        put r5
        bkpt #0
    """
    with running(tmp_path, source, {5: "handler"}) as bench:
        assert bench.results == [status]
        if status & 1 << 15:
            assert bench.register(scs.BFAR) in (0x23FF_FFFC, 0x43FF_FFFC)


@pytest.mark.parametrize(("address", "exception"), [(0x2200_0000, 5), (0x4200_0000, 4)])
def test_an_alias_cannot_be_executed(tmp_path: Path, address: int, exception: int) -> None:
    """Fetches are not remapped; the peripherals' alias is execute-never, too (B3.1)."""
    source = f"""start: poke 0xE000ED24, 0x70000
        ldr r0, ={address + 1:#x}
        bx r0
        handler: mrs r5, ipsr
        put r5
        bkpt #0
    """
    assert results(tmp_path, source, dict.fromkeys((4, 5), "handler")) == [exception]


@pytest.mark.parametrize("chip", ["nrf52840", "nrf91", "kw41z4"])
def test_other_cores_have_no_alias(chip: str) -> None:
    """NRF52840 PS 1.7, 4.1.5: its Cortex-M4 has no bit-banding; Armv8-M and Armv6-M never."""
    core = chips.build(chip, ChipOptions()).core
    try:
        with pytest.raises(BusError):
            core.bus.read(0x2200_0000, 4)
    finally:
        core.close()


def test_code_in_ram_that_a_bit_changes(tmp_path: Path) -> None:
    """MOVS r4, #1 becomes MOVS r4, #3 while it is already translated."""
    source = """start: ldr r0, =0x20008000
        ldr r1, =0x47702401     @ movs r4, #1; bx lr
        str r1, [r0]
        dsb
        isb
        adds r6, r0, #1
        blx r6
        put r4
        ldr r2, =0x22100004
        movs r3, #1
        str r3, [r2]
        dsb
        isb
        blx r6
        put r4
        bkpt #0
    """
    assert results(tmp_path, source) == [1, 3]
