"""The simulated STM32s as bring-up code sees them: clocks, resets, pins, interrupts, memories."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.simulator.bus import BusError
from tests.support.assembly_bench import Bench, running

F4_RCC, L4_RCC = 0x4002_3800, 0x4002_1000
F4_PWR, RTC, WWDG, IWDG, EXTI, SYSCFG = (
    *(0x4000_7000, 0x4000_2800, 0x4000_2C00, 0x4000_3000),
    *(0x4001_3C00, 0x4001_3800),
)
GPIOA, GPIOB = 0x4002_0000, 0x4002_0400
SOFTWARE, IWDG_RESET, WWDG_RESET, PIN, POWER = 1 << 28, 1 << 29, 1 << 30, 1 << 26, 1 << 27


@pytest.fixture
def f4() -> Iterator[Bench]:
    bench = Bench("stm32f429xi")
    bench.core.set_reset(asserted=False)
    bench.core.halt()
    yield bench
    bench.core.close()


@pytest.fixture
def l4() -> Iterator[Bench]:
    bench = Bench("stm32l475xg")
    bench.core.set_reset(asserted=False)
    bench.core.halt()
    yield bench
    bench.core.close()


def write(bench: Bench, base: int, **registers: int) -> None:
    for name, value in registers.items():
        bench.core.bus.write(base + int(name[1:], 16), 4, value)


def read(bench: Bench, address: int) -> int:
    return bench.core.bus.read(address, 4)


def pends(bench: Bench, interrupt: int) -> bool:
    return 16 + interrupt in bench.core.nvic.pending


def expire(bench: Bench) -> None:
    """Let the time pass until the next event of the chip's devices."""
    deadline = bench.core.timed[-1].deadline()
    assert deadline is not None
    bench.core.clock.slept += deadline - bench.core.clock.ticks()
    bench.core.timed[-1].expire()


def let_pass(bench: Bench, seconds: float) -> None:
    bench.core.clock.slept += int(seconds * bench.core.clock.hertz)


class TestClocks:
    def test_the_pll_of_the_f4(self, f4: Bench) -> None:
        write(f4, F4_RCC, _00=0x0101_0083, _04=7 << 24 | 1 << 22 | 360 << 6 | 8)
        assert read(f4, F4_RCC) == 0x0303_0083
        write(f4, F4_RCC, _08=5 << 10 | 4 << 13 | 2)
        assert read(f4, F4_RCC + 8) >> 2 & 3 == 2
        assert f4.core.clock.hertz == 180_000_000
        f4.core.reset_now()
        assert f4.core.clock.hertz == 16_000_000

    def test_msi_and_pll_of_the_l4(self, l4: Bench) -> None:
        assert l4.core.clock.hertz == 4_000_000
        write(l4, L4_RCC, _00=1 << 24 | 0x6B)
        write(l4, L4_RCC, _0C=1 << 24 | 40 << 8 | 1, _08=3)
        assert read(l4, L4_RCC) & 1 << 25
        assert l4.core.clock.hertz == 80_000_000
        write(l4, L4_RCC, _00=0xBB, _08=8 << 4)
        assert l4.core.clock.hertz == 24_000_000

    def test_a_timer_behind_a_divided_bus(self, f4: Bench) -> None:
        write(f4, F4_RCC, _08=5 << 10)  # APB1 / 4, so that its timers have HCLK / 2
        write(f4, 0x4000_1000, _00=1)
        f4.core.clock.slept += 100
        assert read(f4, 0x4000_1024) == 50

    def test_the_ready_flags_of_pwr(self, f4: Bench) -> None:
        write(f4, F4_PWR, _00=3 << 16 | 0xC000, _04=1 << 9)
        assert read(f4, F4_PWR + 4) == 1 << 9 | 1 << 3 | 3 << 16 | 1 << 14


class TestResets:
    def test_their_reasons(self, f4: Bench) -> None:
        csr = F4_RCC + 0x74
        assert read(f4, csr) == POWER | PIN | 1 << 25
        write(f4, F4_RCC, _74=1 << 24)
        assert read(f4, csr) == 0
        f4.core.bus.write(0xE000_ED0C, 4, 0x05FA_0004)
        with f4.core.stopped():
            pass
        assert read(f4, csr) == SOFTWARE | PIN
        write(f4, F4_RCC, _74=1 << 24)
        f4.core.set_reset(asserted=True)
        f4.core.set_reset(asserted=False)
        assert read(f4, csr) == PIN

    def test_a_peripheral(self, f4: Bench) -> None:
        write(f4, 0x4000_1000, _28=7)
        write(f4, F4_RCC, _20=1 << 5)
        assert read(f4, 0x4000_1028) == 7
        write(f4, F4_RCC, _20=1 << 4)
        assert read(f4, 0x4000_1028) == 0

    def test_the_independent_watchdog(self, f4: Bench) -> None:
        write(f4, IWDG, _00=0x5555, _04=4, _08=499, _0C=0)  # 500 / (32 kHz / 64) = 1 s
        write(f4, IWDG, _00=0xCCCC)
        let_pass(f4, 0.9)
        write(f4, IWDG, _00=0xAAAA)
        let_pass(f4, 0.9)
        f4.core.timed[-1].expire()
        assert not read(f4, F4_RCC + 0x74) & IWDG_RESET
        let_pass(f4, 0.2)
        f4.core.timed[-1].expire()
        with f4.core.stopped():
            pass
        assert read(f4, F4_RCC + 0x74) & IWDG_RESET
        assert f4.core.timed[-1].deadline() is None  # it is off again

    def test_its_registers_are_locked(self, f4: Bench) -> None:
        write(f4, IWDG, _08=5)
        assert read(f4, IWDG + 8) == 0xFFF

    def test_its_window(self, l4: Bench) -> None:
        write(l4, IWDG, _00=0x5555, _10=0x100)
        write(l4, IWDG, _00=0xCCCC)
        let_pass(l4, 0.1)
        write(l4, IWDG, _00=0xAAAA)  # too early
        with l4.core.stopped():
            pass
        assert read(l4, L4_RCC + 0x94) & IWDG_RESET

    def test_the_window_watchdog(self, f4: Bench) -> None:
        write(f4, WWDG, _04=1 << 9 | 0x50, _00=0xC0 | 0x7F)
        f4.core.clock.slept += 0x30 * 4096
        assert read(f4, WWDG) == 0x80 | 0x4F
        write(f4, WWDG, _00=0x7F)  # inside the window
        expire(f4)
        assert pends(f4, 0)  # early: at 0x40
        assert read(f4, WWDG + 8) == 1
        expire(f4)
        with f4.core.stopped():
            pass
        assert read(f4, F4_RCC + 0x74) & WWDG_RESET

    def test_it_refuses_to_be_refreshed_above_its_window(self, f4: Bench) -> None:
        write(f4, WWDG, _04=0x50, _00=0xFF)
        write(f4, WWDG, _00=0xFF)
        with f4.core.stopped():
            pass
        assert read(f4, F4_RCC + 0x74) & WWDG_RESET


class TestPins:
    def test_an_input_reads_its_pull(self, f4: Bench) -> None:
        assert read(f4, GPIOA + 0x10) == 0xA000  # the debug port's pins, of which PA14 is down
        write(f4, GPIOB, _00=1 << 4, _0C=1 << 2 | 2, _18=1 << 2)
        assert read(f4, GPIOB + 0x10) == 0b110

    def test_only_an_output_drives(self, f4: Bench) -> None:
        write(f4, GPIOB, _18=1)
        assert not f4.chip.pins.log
        write(f4, GPIOB, _00=1)
        assert [(edge.pin, edge.high) for edge in f4.chip.pins.log] == [("PB0", True)]

    def test_the_lock(self, f4: Bench) -> None:
        write(f4, GPIOB, _00=1)
        for value in (1 << 16 | 1, 1, 1 << 16 | 1):
            write(f4, GPIOB, _1C=value)
        assert read(f4, GPIOB + 0x1C) == 1 << 16 | 1
        write(f4, GPIOB, _00=0x6, _20=0xFF)
        assert read(f4, GPIOB) == 0x5
        assert read(f4, GPIOB + 0x20) == 0xF0

    def test_a_wrong_sequence_does_not_lock(self, f4: Bench) -> None:
        for value in (1 << 16 | 1, 1 << 16 | 1, 1):
            write(f4, GPIOB, _1C=value)
        assert not read(f4, GPIOB + 0x1C) & 1 << 16

    def test_only_the_l4_has_brr(self, f4: Bench, l4: Bench) -> None:
        for bench, port in ((f4, GPIOB), (l4, 0x4800_0400)):
            write(bench, port, _14=3, _28=1)
        assert (read(f4, GPIOB + 0x14), read(l4, 0x4800_0414)) == (3, 2)

    def test_the_button_of_the_iot_board_is_open(self, l4: Bench) -> None:
        write(l4, 0x4800_0800, _00=0xF3FF_FFFF)
        assert read(l4, 0x4800_0810) == 1 << 13

    def test_an_edge_interrupts(self, f4: Bench) -> None:
        write(f4, SYSCFG, _0C=1 << 8)  # EXTI6: port B
        write(f4, EXTI, _00=1 << 6, _08=1 << 6)
        write(f4, GPIOA, _00=1 << 12, _14=1 << 6)
        assert not pends(f4, 23)
        write(f4, GPIOB, _00=1 << 12, _14=1 << 6)
        assert pends(f4, 23)
        assert read(f4, EXTI + 0x14) == 1 << 6
        write(f4, EXTI, _14=1 << 6)
        f4.core.nvic.pending.clear()
        write(f4, GPIOB, _14=0)  # a falling edge
        assert not pends(f4, 23)

    def test_software_interrupts(self, f4: Bench) -> None:
        write(f4, EXTI, _00=1 << 13, _10=1 << 13)
        assert pends(f4, 40)
        write(f4, EXTI, _14=1 << 13)
        assert (read(f4, EXTI + 0x10), read(f4, EXTI + 0x14)) == (0, 0)


class TestBackupDomain:
    def start(self, bench: Bench) -> None:
        """Start the RTC from LSE, and set 2026-11-29 23:59:58, a Sunday."""
        write(bench, F4_PWR, _00=1 << 8)
        write(bench, F4_RCC, _70=1 << 15 | 1 << 8 | 1)
        write(bench, RTC, _24=0xCA)
        write(bench, RTC, _24=0x53, _0C=1 << 7)
        write(bench, RTC, _10=127 << 16 | 255, _00=0x23_5958, _04=0x26_0000 | 7 << 13 | 0x1129)
        write(bench, RTC, _0C=0)

    def test_the_calendar(self, f4: Bench) -> None:
        self.start(f4)
        assert read(f4, RTC + 0x0C) & 0x7F == 0x37
        let_pass(f4, 1.5)
        assert read(f4, RTC) == 0x23_5959
        assert abs(read(f4, RTC + 0x28) - 127) <= 1
        let_pass(f4, 1)
        assert read(f4, RTC) == 0
        assert read(f4, RTC + 4) == 0x26_0000 | 1 << 13 | 0x1130

    def test_twelve_hours(self, f4: Bench) -> None:
        self.start(f4)
        write(f4, RTC, _08=1 << 6)
        assert read(f4, RTC) == 1 << 22 | 0x11_5958

    def test_it_is_protected(self, f4: Bench) -> None:
        write(f4, F4_RCC, _70=1)
        assert read(f4, F4_RCC + 0x70) == 0
        write(f4, F4_PWR, _00=1 << 8)
        write(f4, F4_RCC, _70=1)
        assert read(f4, F4_RCC + 0x70) == 3
        write(f4, RTC, _08=1 << 6)
        assert read(f4, RTC + 8) == 0  # no keys

    def test_without_a_clock_it_does_not_initialize(self, f4: Bench) -> None:
        write(f4, F4_PWR, _00=1 << 8)
        write(f4, RTC, _24=0xCA)
        write(f4, RTC, _24=0x53, _0C=1 << 7)
        assert not read(f4, RTC + 0x0C) & 1 << 6

    def test_it_survives_a_system_reset(self, f4: Bench) -> None:
        self.start(f4)
        write(f4, RTC, _50=0x32F2)
        f4.core.reset_now()
        let_pass(f4, 1)
        assert (read(f4, RTC), read(f4, RTC + 0x50)) == (0x23_5959, 0x32F2)
        write(f4, F4_PWR, _00=1 << 8)
        write(f4, F4_RCC, _70=1 << 16)
        assert (read(f4, RTC), read(f4, RTC + 4), read(f4, RTC + 0x50)) == (0, 0x2101, 0)

    def test_the_wake_up_timer(self, f4: Bench) -> None:
        self.start(f4)
        write(f4, EXTI, _00=1 << 22, _08=1 << 22)
        write(f4, RTC, _14=0x7FF, _08=1 << 14 | 1 << 10)  # 2048 / (LSE / 16) = 1 s
        begin = f4.core.clock.ticks()
        expire(f4)
        assert f4.core.clock.ticks() - begin == 16_000_000
        assert pends(f4, 3)
        assert read(f4, RTC + 0x0C) & 1 << 10

    def test_an_alarm(self, f4: Bench) -> None:
        self.start(f4)
        write(f4, EXTI, _00=1 << 17, _08=1 << 17)
        write(f4, RTC, _1C=1 << 31 | 1, _08=1 << 12 | 1 << 8)  # at 00:00:01 of any day
        while not read(f4, RTC + 0x0C) & 1 << 8:
            assert not pends(f4, 41)
            expire(f4)
        assert pends(f4, 41)
        assert read(f4, RTC) == 1

    def test_the_alarm_of_a_time_base(self, f4: Bench) -> None:
        """The HAL's time base sets the date 0, and an alarm on that day."""
        self.start(f4)
        write(f4, RTC, _0C=1 << 7)
        write(f4, RTC, _04=0, _00=0, _1C=1, _08=1 << 12 | 1 << 8)
        write(f4, RTC, _0C=0)
        assert read(f4, RTC + 4) == 0
        begin = f4.core.clock.ticks()
        expire(f4)
        assert read(f4, RTC + 0x0C) & 1 << 8
        assert f4.core.clock.ticks() - begin == 16_000_000

    def test_an_alarm_within_a_second(self, f4: Bench) -> None:
        self.start(f4)
        write(f4, RTC, _1C=0x8080_8080, _44=15 << 24 | 100, _08=1 << 8)
        expire(f4)
        assert read(f4, RTC + 0x28) == 100
        assert read(f4, RTC + 0x0C) & 1 << 8


class TestMemories:
    @pytest.mark.parametrize(
        "address",
        [0x2003_0000, 0x1001_0000, 0x4000_2400, 0x4000_8000, 0x4002_5000, 0x4008_0000, 0x6000_0000],
    )
    def test_nothing_responds_at_an_empty_place(self, f4: Bench, address: int) -> None:
        with pytest.raises(BusError):
            read(f4, address)
        with pytest.raises(BusError):
            f4.core.bus.write(address, 4, 0)

    @pytest.mark.parametrize("address", [0x4000_2400, 0x4000_8000, 0x4002_2C00, 0x2003_0000])
    def test_a_load_there_is_a_precise_bus_fault(self, tmp_path: Path, address: int) -> None:
        source = f"""start:
            ldr r0, ={address:#x}
            ldr r1, [r0]
            b start
        fault:
            bkpt #0
        """
        with running(tmp_path, source, {3: "fault"}) as bench:
            assert bench.register(0xD28) == 0x8200  # PRECISERR, BFARVALID
            assert bench.register(0xD38) == address

    def test_the_coupled_memory_holds_no_code(self, tmp_path: Path) -> None:
        """RM0090, 2.3.1: it is on the data bus only."""
        source = """start:
            ldr r0, =0x10000000
            ldr r1, =0xBF00BF00
            str r1, [r0]
            adds r0, #1
            bx r0
        fault:
            bkpt #0
        """
        with running(tmp_path, source, {3: "fault"}) as bench:
            assert bench.register(0xD28) == 1 << 8  # IBUSERR

    def test_the_backup_sram(self, f4: Bench) -> None:
        write(f4, 0x4002_4FFC, _00=0x1234)
        f4.core.reset_now()
        assert read(f4, 0x4002_4FFC) == 0x1234

    def test_an_absent_device_stores(self, f4: Bench) -> None:
        write(f4, 0x4001_6800, _14=5)
        assert read(f4, 0x4001_6814) == 5
        f4.core.reset_now()
        assert read(f4, 0x4001_6814) == 0

    def test_factory_values(self, f4: Bench, l4: Bench) -> None:
        assert read(f4, 0x1FFF_7A22) & 0xFFFF == 2048
        assert read(l4, 0x1FFF_75E0) & 0xFFFF == 1024
        assert [read(f4, 0x1FFF_7A10 + 4 * n) for n in range(3)] == [0, 0, 1]
        assert [read(l4, 0x1FFF_7590 + 4 * n) for n in range(3)] == [0, 0, 1]

    def test_dbgmcu(self, f4: Bench) -> None:
        write(f4, 0xE004_2000, _00=0, _04=7)
        assert (read(f4, 0xE004_2000), read(f4, 0xE004_2004)) == (0x2003_6419, 7)


class TestNumbers:
    def test_random_numbers_are_the_same_after_each_reset(self, f4: Bench) -> None:
        rng, seen = 0x5006_0800, []
        for _ in range(2):
            assert read(f4, rng + 4) == 0
            write(f4, rng, _00=1 << 2 | 1 << 3)
            assert pends(f4, 80)
            assert read(f4, rng + 4) == 1
            seen.append([read(f4, rng + 8) for _ in range(8)])
            f4.core.reset_now()
        assert seen[0] == seen[1]
        assert len(set(seen[0])) == 8

    def test_the_crc_of_the_f4(self, f4: Bench) -> None:
        crc = 0x4002_3000
        write(f4, crc, _00=0x1234_5678)
        assert read(f4, crc) == 0xDF8A_8A2B  # RM0090's polynomial, AN4187's example
        write(f4, crc, _08=1)
        assert read(f4, crc) == 0xFFFF_FFFF

    def test_the_crc_of_the_l4_is_that_of_zip(self, l4: Bench) -> None:
        crc = 0x4002_3000
        write(l4, crc, _08=1 << 7 | 1 << 5 | 1)  # reverse bytes and the result
        for byte in b"123456789":
            l4.core.bus.write(crc, 1, byte)
        assert read(l4, crc) ^ 0xFFFF_FFFF == 0xCBF4_3926

    def test_a_polynomial_of_16_bits(self, l4: Bench) -> None:
        crc = 0x4002_3000
        write(l4, crc, _10=0xFFFF, _14=0x1021, _08=1 << 3 | 1)
        for byte in b"123456789":
            l4.core.bus.write(crc, 1, byte)
        assert read(l4, crc) == 0x29B1  # CRC-16/CCITT-FALSE
