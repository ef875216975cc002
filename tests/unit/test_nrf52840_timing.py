"""Clocks, resets, timers, PPI and watchdog of the simulated nRF52840, as its chip connects them."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.assembly_bench import running
from tests.support.nordic_registers import (
    EGU0,
    GPIOTE,
    HERTZ,
    OUTPUT,
    P0,
    PIN_CNF,
    POWER,
    PPI,
    PULL_DOWN,
    PULL_UP,
    RTC0,
    SENSE_LOW,
    TIMER0,
    TIMER1,
    TIMER3,
    USBD,
    WDT,
    Registers,
    registers,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Registers]:
    with registers() as chip:
        yield chip


@pytest.fixture
def chip(shared: Registers) -> Registers:
    shared.start_anew()
    return shared


class TestClockAndPower:
    def test_clocks_start(self, chip: Registers) -> None:
        assert chip.read(POWER + 0x40C) == 1 << 16  # HFCLKSTAT: the internal oscillator
        chip.write(POWER + 0x304, 1)
        chip.write(POWER + 0x000)
        assert chip.flags(POWER, 0x100, 0x408, 0x40C) == (1, 1, 1 << 16 | 1)
        assert chip.pending(0)
        chip.write(POWER + 0x004)
        assert chip.flags(POWER, 0x408, 0x40C) == (0, 1 << 16)
        chip.write(POWER + 0x518, 1)
        chip.write(POWER + 0x008)
        assert chip.flags(POWER, 0x104, 0x414, 0x418, 0x41C) == (1, 1, 1 << 16 | 1, 1)
        chip.write(POWER + 0x010)
        assert chip.read(POWER + 0x10C) == 1  # DONE of the calibration

    def test_status_cannot_be_written(self, chip: Registers) -> None:
        for register in (0x408, 0x40C, 0x418, 0x438, 0x640):
            before = chip.read(POWER + register)
            chip.write(POWER + register, 0x5A5A_5A5A)
            assert chip.read(POWER + register) == before

    def test_calibration_timer(self, chip: Registers) -> None:
        chip.write(POWER + 0x538, 2)
        chip.write(POWER + 0x014)
        assert chip.read(POWER + 0x128) == 1
        chip.wait(HERTZ // 2 - 1)
        assert chip.read(POWER + 0x110) == 0
        chip.wait(1)
        assert chip.read(POWER + 0x110) == 1
        chip.write(POWER + 0x018)
        assert chip.read(POWER + 0x12C) == 1

    def test_there_is_no_usb(self, chip: Registers) -> None:
        assert chip.read(POWER + 0x438) == 0  # USBREGSTATUS
        chip.write(USBD + 0x500, 1)
        assert chip.flags(USBD, 0x400, 0x100) == (0, 0)
        assert chip.read(POWER + 0x11C) == 0  # USBDETECTED

    def test_ram_blocks(self, chip: Registers) -> None:
        block = POWER + 0x910
        assert chip.read(block) == 0xFFFF
        chip.write(block + 8, 0x00FF)
        assert chip.read(block) == 0xFF00
        chip.write(block + 4, 0x000F)
        assert chip.read(block) == 0xFF0F

    def test_reset_reasons(self, chip: Registers) -> None:
        chip.write(POWER + 0x51C, 0x57)
        chip.reset()
        assert chip.read(POWER + 0x400) == 1 << 2  # SREQ
        assert chip.read(POWER + 0x51C) == 0x57  # GPREGRET
        chip.reset(by_pin=True)
        assert chip.read(POWER + 0x400) == 1 << 2 | 1  # they add up
        assert chip.read(POWER + 0x51C) == 0
        chip.write(POWER + 0x400, 1)
        assert chip.read(POWER + 0x400) == 1 << 2

    def test_power_on_has_no_reason(self) -> None:
        with registers() as new:
            assert new.read(POWER + 0x400) == 0

    def test_a_pin_wakes_it_from_off(self, chip: Registers) -> None:
        chip.write(P0 + PIN_CNF, PULL_UP | SENSE_LOW)
        chip.write(POWER + 0x500)
        assert not chip.core._reset_wanted
        chip.write(P0 + PIN_CNF, PULL_DOWN | SENSE_LOW)
        assert chip.core._reset_wanted
        chip.core._reset_wanted = False
        chip.reset()
        assert chip.read(POWER + 0x400) == 1 << 16  # OFF


class TestTimers:
    def test_a_match_needs_no_interrupt(self, chip: Registers) -> None:
        chip.write(TIMER3 + 0x508, 3)
        chip.write(TIMER3 + 0x510, 0)
        chip.write(TIMER3 + 0x540 + 4 * 5, 25)
        chip.write(TIMER3 + 0x000)
        chip.wait(99)
        assert chip.read(TIMER3 + 0x140 + 4 * 5) == 0
        chip.wait(1)
        assert chip.read(TIMER3 + 0x140 + 4 * 5) == 1
        assert not chip.pending(26)

    def test_counter_mode(self, chip: Registers) -> None:
        chip.write(TIMER0 + 0x504, 1)
        chip.write(TIMER0 + 0x540, 2)
        chip.write(TIMER0 + 0x304, 1 << 16)
        chip.write(TIMER0 + 0x000)
        chip.wait(10_000)
        chip.write(TIMER0 + 0x008)
        assert chip.read(TIMER0 + 0x140) == 0
        chip.write(TIMER0 + 0x008)
        assert chip.read(TIMER0 + 0x140) == 1
        assert chip.pending(8)
        chip.write(TIMER0 + 0x044)
        assert chip.read(TIMER0 + 0x544) == 2

    def test_stop_short(self, chip: Registers) -> None:
        chip.write(TIMER0 + 0x508, 3)
        chip.write(TIMER0 + 0x510, 4)
        chip.write(TIMER0 + 0x540, 100)
        chip.write(TIMER0 + 0x200, 1 << 8)
        chip.write(TIMER0 + 0x000)
        chip.wait(HERTZ)
        chip.write(TIMER0 + 0x044)
        assert chip.read(TIMER0 + 0x544) == 100

    def test_many_laps_at_once(self, chip: Registers) -> None:
        chip.write(TIMER0 + 0x508, 3)
        chip.write(TIMER0 + 0x510, 0)
        chip.write(TIMER0 + 0x540, 10)
        chip.write(TIMER0 + 0x200, 1 << 0)
        chip.write(TIMER0 + 0x000)
        chip.core.clock.slept += 1000 * HERTZ + 4 * 7
        chip.write(TIMER0 + 0x044)
        assert chip.read(TIMER0 + 0x544) == 7
        assert chip.read(TIMER0 + 0x140) == 1

    def test_a_match_after_the_clearing_one_never_comes(self, chip: Registers) -> None:
        chip.write(TIMER0 + 0x510, 0)
        chip.write(TIMER0 + 0x540, 10)
        chip.write(TIMER0 + 0x544, 20)
        chip.write(TIMER0 + 0x200, 1 << 0)
        chip.write(TIMER0 + 0x304, 1 << 17)
        chip.write(TIMER0 + 0x000)
        chip.wait(4 * 100)
        assert chip.flags(TIMER0, 0x140, 0x144) == (1, 0)

    def test_rtc_ticks(self, chip: Registers) -> None:
        chip.write(RTC0 + 0x508, 4095)  # 8 Hz
        chip.write(RTC0 + 0x304, 1)
        chip.write(RTC0 + 0x000)
        chip.wait(HERTZ // 8 - 1)
        assert chip.read(RTC0 + 0x100) == 0
        chip.wait(1)
        assert chip.read(RTC0 + 0x100) == 1
        assert chip.pending(11)


class TestPpi:
    def test_a_channel_with_its_fork(self, chip: Registers) -> None:
        chip.write(PPI + 0x510 + 8 * 3, EGU0 + 0x100 + 4 * 5)
        chip.write(PPI + 0x514 + 8 * 3, EGU0 + 4 * 6)
        chip.write(PPI + 0x910 + 4 * 3, EGU0 + 4 * 7)
        chip.write(EGU0 + 4 * 5)
        assert chip.flags(EGU0, 0x114, 0x118, 0x11C) == (1, 0, 0)
        chip.write(PPI + 0x504, 1 << 3)
        chip.write(EGU0 + 4 * 5)
        assert chip.flags(EGU0, 0x114, 0x118, 0x11C) == (1, 1, 1)

    def test_groups(self, chip: Registers) -> None:
        chip.write(PPI + 0x800 + 4 * 2, 0b1010)
        chip.write(PPI + 0x010)  # EN of group 2
        assert chip.read(PPI + 0x500) == 0b1010
        chip.write(PPI + 0x508, 0b10)
        assert chip.read(PPI + 0x504) == 0b1000
        chip.write(PPI + 0x014)  # DIS
        assert chip.read(PPI + 0x500) == 0

    def test_a_group_that_an_event_switches(self, chip: Registers) -> None:
        chip.write(PPI + 0x800, 1)
        chip.write(PPI + 0x510, EGU0 + 0x100)
        chip.write(PPI + 0x514, PPI + 0x004)
        chip.write(PPI + 0x504, 1)
        chip.write(EGU0)
        assert chip.read(PPI + 0x500) == 0

    def test_a_circle_ends(self, chip: Registers) -> None:
        for channel, (event, task) in enumerate(((0, 1), (1, 0))):
            chip.write(PPI + 0x510 + 8 * channel, EGU0 + 0x100 + 4 * event)
            chip.write(PPI + 0x514 + 8 * channel, EGU0 + 4 * task)
        chip.write(PPI + 0x504, 0b11)
        chip.write(EGU0)
        assert chip.flags(EGU0, 0x100, 0x104) == (1, 1)

    def test_a_timer_drives_a_pin(self, chip: Registers) -> None:
        chip.write(P0 + PIN_CNF + 4 * 13, OUTPUT)
        chip.write(GPIOTE + 0x510, 3 | 13 << 8 | 3 << 16)
        chip.write(TIMER1 + 0x508, 3)
        chip.write(TIMER1 + 0x510, 4)
        chip.write(TIMER1 + 0x540, 1000)
        chip.write(TIMER1 + 0x200, 1)
        chip.write(PPI + 0x510, TIMER1 + 0x140)
        chip.write(PPI + 0x514, GPIOTE)
        chip.write(PPI + 0x504, 1)
        chip.chip.pins.log.clear()
        chip.write(TIMER1)
        chip.wait(HERTZ // 200 - 1)
        assert [edge.high for edge in chip.chip.pins.log] == [True, False, True, False]

    def test_channels_with_fixed_ends(self, chip: Registers) -> None:
        chip.write(TIMER0 + 0x000)
        chip.write(TIMER0 + 0x510, 0)
        chip.wait(400)
        chip.write(RTC0 + 0x540, 1)
        chip.write(RTC0 + 0x344, 1 << 16)  # EVTEN
        chip.write(PPI + 0x504, 1 << 30)
        chip.write(RTC0 + 0x000)
        chip.wait(-(-HERTZ // 32_768))
        chip.write(TIMER0 + 0x040)
        assert chip.read(TIMER0 + 0x540) == 0  # CLEAR
        assert chip.read(PPI + 0x510 + 8 * 20) == 0


class TestWatchdog:
    def start(self, chip: Registers, cycles: int) -> None:
        chip.write(WDT + 0x504, cycles)
        chip.write(WDT + 0x508, 0b11)
        chip.write(WDT + 0x000)

    def test_it_resets(self, chip: Registers) -> None:
        self.start(chip, 32_767)
        chip.wait(HERTZ)
        assert chip.flags(WDT, 0x100, 0x400) == (1, 1)
        chip.reset(by_pin=True)  # between the event and its reset
        chip.wait(HERTZ // 1000)
        assert not chip.core._reset_wanted
        chip.write(POWER + 0x400, 1)
        self.start(chip, 32_767)
        chip.wait(HERTZ + HERTZ // 1000)
        assert chip.core._reset_wanted
        chip.core._reset_wanted = False
        chip.reset()
        assert chip.read(POWER + 0x400) == 1 << 1  # DOG
        assert chip.read(WDT + 0x400) == 0

    def test_reload_needs_all_requests(self, chip: Registers) -> None:
        self.start(chip, 32_767)
        chip.wait(HERTZ // 2)
        chip.write(WDT + 0x600, 0x6E52_4635)
        chip.write(WDT + 0x604, 0x1234)
        assert chip.read(WDT + 0x404) == 0b10
        chip.write(WDT + 0x604, 0x6E52_4635)
        assert chip.read(WDT + 0x404) == 0b11
        chip.wait(HERTZ * 3 // 4)
        assert chip.read(WDT + 0x100) == 0

    def test_it_cannot_be_changed_and_runs_on(self, chip: Registers) -> None:
        self.start(chip, 32_767)
        chip.write(WDT + 0x504, 1)
        chip.write(WDT + 0x508, 1)
        assert chip.flags(WDT, 0x504, 0x508) == (32_767, 0b11)
        chip.reset()  # by software
        assert chip.read(WDT + 0x400) == 1
        chip.reset(by_pin=True)
        assert chip.read(WDT + 0x400) == 0

    def test_sleep_can_stop_its_time(self, chip: Registers) -> None:
        chip.write(WDT + 0x50C, 0)
        self.start(chip, 32)
        chip.wait(HERTZ // 100)  # the clock of this test passes as in sleep
        assert chip.read(WDT + 0x100) == 0


def test_the_nrf9160_has_the_watchdog_and_the_reasons_of_resets() -> None:
    with registers("nrf91") as chip:
        power, watchdog = 0x5000_5000, 0x4001_8000  # secure, non-secure
        assert chip.read(power + 0x400) == 0
        chip.write(watchdog + 0x504, 100)
        chip.write(watchdog)
        chip.wait(HERTZ // 100)
        assert chip.core._reset_wanted
        chip.core._reset_wanted = False
        chip.reset()
        chip.reset()
        assert chip.read(power + 0x400) == 1 << 1 | 1 << 16


_TOGGLE = """start:
    ldr r4, =table
1:  ldmia r4!, {r5, r6}
    cbz r5, 2f
    str r6, [r5]
    b 1b
2:  ldr r4, =18000
3:  subs r4, #1
    nop
    bne 3b
    bkpt #0
    .align 2
table:
    .word 0x50000734, 0x3         @ P0.13 is an output
    .word 0x40006510, 0x30D03     @ the GPIOTE toggles it
    .word 0x40009508, 3           @ TIMER1 of 32 bits at 16 MHz
    .word 0x40009510, 0
    .word 0x40009540, 2500        @ clears itself after 10,000 ticks of the core
    .word 0x40009200, 1
    .word 0x4001F510, 0x40009140  @ a PPI channel from COMPARE[0] to OUT[0]
    .word 0x4001F514, 0x40006000
    .word 0x4001F504, 1
    .word 0x40009000, 1
    .word 0, 0
"""


@pytest.mark.parametrize("portable", [False, True], ids=["native", "portable"])
def test_a_pin_toggles_in_time_while_the_core_runs(tmp_path: Path, portable: bool) -> None:
    with running(tmp_path, _TOGGLE, chip="nrf52840", portable=portable) as bench:
        edges = [edge for edge in bench.chip.pins.log if edge.pin == "P0.13"]
    assert [edge.high for edge in edges] == [True, False, True, False, True]
    times = [edge.instructions for edge in edges]
    for earlier, later in pairwise(times):
        assert later - earlier == pytest.approx(10_000, abs=3)  # a block of the loop
