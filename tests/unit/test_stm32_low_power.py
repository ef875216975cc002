"""Standby and the low-power timers of the STM32, and the host of an absent SD card."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.slow_clock import SlowClock
from harness.simulator.peripherals.stm32_lptim import LowPowerTimer
from harness.simulator.peripherals.stm32_sdio import SdHost
from tests.support.assembly_bench import Bench, results

ISR, ICR, IER, CFGR, CR, CMP, ARR, CNT = range(0x00, 0x20, 4)
VOSRDY = 1 << 14
CMPM, ARRM, CMPOK, ARROK = 1, 2, 8, 16

STANDBY = """
    .equ    RCC, {rcc}
    .equ    BDCR, {bdcr}
    .equ    STATUS, {status}
    .equ    CLEAR, {clear}
    .equ    FLAGS, {flags}
start:
    ldr     r0, =STATUS
    ldr     r4, [r0]
    put     r4
    ldr     r1, =RCC + BDCR + 4
    ldr     r5, [r1]
    lsrs    r5, r5, #24
    put     r5
    ldr     r0, =0x40002800      @ RTC
    ldr     r2, [r0, #0x50]     @ the first backup register
    put     r2
    cmp     r2, #7
    beq     done
    ldr     r3, =0x40007000      @ PWR: DBP, and Standby
    ldr     r4, ={control}
    str     r4, [r3]
    ldr     r1, =RCC + BDCR
    ldr     r4, =0x8101          @ the RTC runs from LSE
    str     r4, [r1]
    movs    r4, #0xCA
    str     r4, [r0, #0x24]
    movs    r4, #0x53
    str     r4, [r0, #0x24]
    movs    r4, #7
    str     r4, [r0, #0x50]
    movs    r4, #3
    str     r4, [r0, #0x14]     @ wake up after 4 * 16 cycles, about 2 ms
    ldr     r4, =0x4400
    str     r4, [r0, #0x08]
    ldr     r1, =0xE000ED10
    movs    r4, #4              @ SLEEPDEEP
    str     r4, [r1]
    wfi
    note    99
done:
    ldr     r3, =CLEAR
    ldr     r4, =FLAGS
    str     r4, [r3]
    ldr     r0, =STATUS
    ldr     r4, [r0]
    put     r4
    bkpt    #0
"""


class TestStandby:
    def test_the_f4_begins_again(self, tmp_path: Path) -> None:
        places = {"rcc": 0x4002_3800, "bdcr": 0x70, "control": 0x102, "status": 0x4000_7004}
        program = STANDBY.format(**places, clear=0x4000_7000, flags=0xC)
        power_on = 0x0E
        assert results(tmp_path, program) == [VOSRDY, power_on, 0, VOSRDY | 3, power_on, 7, 0]

    def test_the_l4_begins_again(self, tmp_path: Path) -> None:
        places = {"rcc": 0x4002_1000, "bdcr": 0x90, "control": 0x103, "status": 0x4000_7010}
        program = STANDBY.format(**places, clear=0x4000_7018, flags=0x100)
        power_on = 0x0C
        found = results(tmp_path, program, chip="stm32l475xg")
        assert found == [0, power_on, 0, 1 << 8, power_on, 7, 0]

    @pytest.mark.parametrize(("deep", "found"), [(0, [15, 99]), (4, [19, 99])])
    def test_systick_does_not_end_stop(self, tmp_path: Path, deep: int, found: list[int]) -> None:
        """In sleep, SysTick comes first; in Stop, it stands, and the RTC's event ends it."""
        program = f"""
    start:
        poke    0x40007000, 0x100
        poke    0x40023870, 0x8101
        poke    0x40002824, 0xCA
        poke    0x40002824, 0x53
        poke    0x40002814, 3       @ wake up after 64 cycles, about 2 ms
        poke    0x40002808, 0x4400
        poke    0x40013C00, 1 << 22
        poke    0x40013C08, 1 << 22
        poke    0xE000E100, 1 << 3
        poke    0xE000ED10, {deep}
        poke    0xE000E014, 1600
        poke    0xE000E018, 0
        poke    0xE000E010, 7
        wfi
        poke    0xE000E010, 0
        note    99
        bkpt    #0
    tick:
        note    15
        bx      lr
    event:
        note    19
        poke    0x40013C14, 1 << 22
        bx      lr
    """
        assert results(tmp_path, program, {15: "tick", 19: "event"}) == found


@pytest.mark.parametrize(
    ("chip", "rcc", "before", "after"),
    [
        ("stm32f429xi", 0x4002_3800, {0x00: 0x0101_0083, 0x08: 2}, (0x83 | 3, 0)),
        ("stm32l475xg", 0x4002_1000, {0x00: 0x0101_0063, 0x08: 3}, (0x63, 0)),
        ("stm32l475xg", 0x4002_1000, {0x00: 0x0101_0063, 0x08: 0x8003}, (0x563, 0x8005)),
    ],
    ids=["HSI", "MSI", "STOPWUCK"],
)
def test_stop_ends_with_an_internal_oscillator(
    chip: str, rcc: int, before: dict[int, int], after: tuple[int, int]
) -> None:
    bench = Bench(chip)
    bench.core.set_reset(asserted=False)
    bench.core.halt()
    for offset, value in before.items():
        bench.core.bus.write(rcc + offset, 4, value)
    assert bench.core.deep_sleep is not None
    assert not bench.core.deep_sleep()
    assert (bench.core.bus.read(rcc, 4), bench.core.bus.read(rcc + 8, 4)) == after
    hertz = bench.core.clock.hertz
    assert hertz == (16_000_000 if after[1] or chip == "stm32f429xi" else 4_000_000)
    bench.core.close()


class Stand:
    """A timer of which one cycle is a tick, in a time that the test sets."""

    def __init__(self) -> None:
        self.ticks = 0
        self.level = False
        self.hertz = 1_000_000
        clock = Clock(1_000_000, lambda: self.ticks)
        self.agenda = Agenda(clock, lambda: None)
        slow = SlowClock(clock, self.hertz)
        self.timer = LowPowerTimer(self.agenda, slow, self.drive, lambda: self.hertz)

    def drive(self, level: bool) -> None:
        self.level = level

    def write(self, **registers: int) -> None:
        for name, value in registers.items():
            self.timer.write(globals()[name], value)

    def read(self, offset: int) -> int:
        return self.timer.read(offset)

    def at(self, ticks: int) -> None:
        """Let time pass, as the core does: it stops at each event."""
        while (deadline := self.agenda.deadline()) is not None and deadline <= ticks:
            self.ticks = max(self.ticks, deadline)
            self.agenda.expire()
        self.ticks = ticks


class TestLowPowerTimer:
    def test_it_counts_and_interrupts(self) -> None:
        stand = Stand()
        stand.write(IER=CMPM | ARRM, CFGR=2 << 9, CR=1, ARR=9, CMP=4)  # a fourth of the clock
        assert stand.read(ISR) == CMPOK | ARROK
        stand.write(ICR=0x7F, CR=1 | 4)
        stand.at(15)
        assert (stand.read(CNT), stand.level) == (3, False)
        stand.at(16)
        assert (stand.read(CNT), stand.read(ISR), stand.level) == (4, CMPM, True)
        stand.write(ICR=CMPM)
        assert not stand.level
        stand.at(36)
        assert (stand.read(CNT), stand.read(ISR), stand.level) == (9, ARRM, True)
        stand.at(40 * 7 + 8)
        assert (stand.read(CNT), stand.read(ISR)) == (2, CMPM | ARRM)

    def test_once(self) -> None:
        stand = Stand()
        stand.write(IER=ARRM, CR=1, ARR=9)
        stand.write(CR=1 | 2)
        stand.at(50)
        assert (stand.read(CNT), stand.level) == (0, True)
        assert stand.agenda.deadline() is None
        stand.write(ICR=ARRM, CR=1 | 2)
        stand.at(59)
        assert stand.level

    def test_a_preloaded_period_waits(self) -> None:
        stand = Stand()
        stand.write(CFGR=1 << 22, CR=1, ARR=9)
        stand.write(CR=1 | 4, ARR=19)
        stand.at(12)
        assert stand.read(CNT) == 2
        stand.at(29)
        assert stand.read(CNT) == 19
        stand.at(30)
        assert stand.read(CNT) == 0

    def test_disabled_registers_keep_their_values(self) -> None:
        stand = Stand()
        stand.write(ARR=9, CR=1 | 4)
        assert (stand.read(ARR), stand.read(ISR) & ARROK) == (1, 0)
        stand.write(CR=0)
        stand.at(100)
        assert (stand.read(CNT), stand.read(CR)) == (0, 0)

    def test_a_new_frequency(self) -> None:
        stand = Stand()
        stand.write(IER=ARRM, CR=1, ARR=9)
        stand.write(CR=1 | 4)
        stand.at(4)
        stand.hertz = 500_000
        stand.timer.adjust()
        stand.at(13)
        assert (stand.read(CNT), stand.level) == (8, False)
        stand.at(14)
        assert stand.level

    @pytest.mark.parametrize("external", [1 << 0, 1 << 17, 1 << 23, 1 << 24])
    def test_without_a_pin_it_stands(self, external: int) -> None:
        stand = Stand()
        stand.write(CFGR=external, CR=1, ARR=9)
        stand.write(CR=1 | 4)
        stand.at(100)
        assert stand.read(CNT) == 0

    @pytest.mark.parametrize(
        ("source", "ticks"), [(0, 4_000_000), (1, 32_000), (2, 16_000_000), (3, 32_768)]
    )
    def test_its_clocks(self, source: int, ticks: int) -> None:
        """After a second, the count is the frequency modulo the period."""
        bench = Bench("stm32l475xg")
        write: Callable[[int, int, int], None] = bench.core.bus.write
        bench.core.set_reset(asserted=False)
        bench.core.halt()
        write(0x4000_7000, 4, 1 << 8)
        for offset, value in ((0x90, 1), (0x94, 1), (0x00, 0x16B), (0x88, source << 18)):
            write(0x4002_1000 + offset, 4, value)
        for offset, value in ((CR, 1), (ARR, 0xFFFF), (CR, 1 | 4)):
            write(0x4000_7C00 + offset, 4, value)
        bench.core.clock.slept += bench.core.clock.hertz
        assert bench.core.bus.read(0x4000_7C00 + CNT, 4) == ticks % 0x1_0000
        bench.core.close()


class TestNoCard:
    def test_a_command_times_out(self) -> None:
        levels: list[bool] = []
        host = SdHost(levels.append)
        host.write(0x3C, 1 << 2)
        host.write(0x0C, 1 << 10)  # CMD0 has no response
        assert (host.read(0x34), levels[-1]) == (1 << 7, False)
        host.write(0x38, 1 << 7)
        host.write(0x0C, 1 << 10 | 1 << 6 | 8)
        assert (host.read(0x34), levels[-1]) == (1 << 2, True)
        host.write(0x38, 1 << 2)
        assert (host.read(0x34), levels[-1]) == (0, False)

    def test_a_transfer_times_out(self) -> None:
        host = SdHost(lambda _level: None)
        host.write(0x2C, 3)
        assert host.read(0x34) == 1 << 3

    def test_a_command_that_is_not_started(self) -> None:
        host = SdHost(lambda _level: None)
        host.write(0x0C, 1 << 6 | 8)
        assert host.read(0x34) == 0
