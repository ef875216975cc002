"""The peripherals of the simulated nRF52840, register by register, as its chip connects them."""

from collections.abc import Iterator

import pytest

from harness.simulator import chips
from harness.simulator.bus import BusError
from harness.simulator.chips.chip import ChipOptions

RAM = 0x2000_0000
HERTZ = 64_000_000
POWER, RADIO, SPI0, TWI1, GPIOTE, SAADC, TIMER0, TIMER1, TIMER3, RTC0, TEMP, RNG = (
    0x4000_0000 + 0x1000 * identity for identity in (0, 1, 3, 4, 6, 7, 8, 9, 26, 11, 12, 13)
)
ECB, WDT, EGU0, PWM0, NVMC, PPI, USBD, QSPI = (
    0x4000_0000 + 0x1000 * identity for identity in (14, 16, 20, 28, 30, 31, 39, 41)
)
P0, P1 = 0x5000_0000, 0x5000_0300
OUT, OUTSET, OUTCLR, IN, DIR, DIRSET, DIRCLR, LATCH, DETECTMODE = range(0x504, 0x528, 4)
PIN_CNF = 0x700
PULL_DOWN, PULL_UP = 1 << 2, 3 << 2
SENSE_HIGH, SENSE_LOW = 2 << 16, 3 << 16
OUTPUT, OUTPUT_WITH_INPUT = 0b11, 0b01


class Registers:
    """A chip whose core does not run: a test accesses its bus and moves its clock."""

    def __init__(self) -> None:
        self.chip = chips.build("nrf52840", ChipOptions())
        self.core = self.chip.core
        self.core.halted = True
        self.reset()

    def read(self, address: int) -> int:
        return self.core.bus.read(address, 4)

    def write(self, address: int, value: int = 1) -> None:
        self.core.bus.write(address, 4, value)

    def flags(self, base: int, *offsets: int) -> tuple[int, ...]:
        return tuple(self.read(base + offset) for offset in offsets)

    def wait(self, ticks: int) -> None:
        """Let time pass, in steps that are short for each event."""
        end = self.core.clock.ticks() + ticks
        while self.core.clock.ticks() < end:
            deadline = min(
                (d for t in self.core.timed if (d := t.deadline()) is not None), default=end
            )
            now = self.core.clock.ticks()
            self.core.clock.slept += max(min(deadline, end), now) - now
            for timed in self.core.timed:
                timed.expire()
            if self.core.clock.ticks() == now and deadline >= end:
                return

    def reset(self, *, by_pin: bool = False) -> None:
        """Reset the peripherals, as the core does."""
        self.core._held_in_reset = by_pin
        for hook in self.core.reset_hooks:
            hook()

    def pending(self, interrupt: int) -> bool:
        return 16 + interrupt in self.core.nvic.pending


@pytest.fixture(scope="module")
def shared() -> Iterator[Registers]:
    registers = Registers()
    yield registers
    registers.core.close()


@pytest.fixture
def chip(shared: Registers) -> Registers:
    shared.reset()
    shared.write(POWER + 0x400, 0xFFFF_FFFF)
    shared.core.nvic.reset()
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
        registers = Registers()
        assert registers.read(POWER + 0x400) == 0
        registers.core.close()

    def test_a_pin_wakes_it_from_off(self, chip: Registers) -> None:
        chip.write(P0 + PIN_CNF, PULL_UP | SENSE_LOW)
        chip.write(POWER + 0x500)
        assert not chip.core._reset_wanted
        chip.write(P0 + PIN_CNF, PULL_DOWN | SENSE_LOW)
        assert chip.core._reset_wanted
        chip.core._reset_wanted = False
        chip.reset()
        assert chip.read(POWER + 0x400) == 1 << 16  # OFF


class TestGpio:
    def test_inputs_follow_their_pulls(self, chip: Registers) -> None:
        chip.write(P0 + PIN_CNF + 4 * 11, PULL_UP)
        chip.write(P1 + PIN_CNF, PULL_DOWN)
        assert chip.flags(P0, IN) == (1 << 11,)
        assert chip.flags(P1, IN) == (0,)
        chip.write(P0 + PIN_CNF + 4 * 11, PULL_UP | 1 << 1)  # the input buffer is off
        assert chip.read(P0 + IN) == 0

    def test_outputs(self, chip: Registers) -> None:
        chip.chip.pins.log.clear()
        chip.write(P1 + OUTSET, 1 << 3)
        assert chip.read(P1 + IN) == 0
        assert not chip.chip.pins.log  # it is still an input
        chip.write(P1 + PIN_CNF + 4 * 3, OUTPUT_WITH_INPUT)
        assert chip.flags(P1, OUT, DIR, IN) == (1 << 3,) * 3
        chip.write(P1 + PIN_CNF + 4 * 3, OUTPUT)
        assert chip.read(P1 + IN) == 0
        chip.write(P1 + DIRCLR, 1 << 3)
        assert chip.read(P1 + PIN_CNF + 4 * 3) == OUTPUT & ~1
        assert [(edge.pin, edge.high) for edge in chip.chip.pins.log] == [
            ("P1.3", True),
            ("P1.3", False),
        ]

    def test_detect_and_latch(self, chip: Registers) -> None:
        chip.write(P0 + PIN_CNF, PULL_DOWN | SENSE_HIGH)
        assert chip.flags(P0, LATCH) == (0,)
        chip.write(P0 + PIN_CNF, PULL_UP | SENSE_HIGH)
        assert chip.read(P0 + LATCH) == 1
        assert chip.read(GPIOTE + 0x17C) == 1  # PORT
        chip.write(P0 + LATCH, 1)
        assert chip.read(P0 + LATCH) == 1  # it is still high
        chip.write(P0 + PIN_CNF, PULL_DOWN | SENSE_HIGH)
        chip.write(P0 + LATCH, 1)
        assert chip.read(P0 + LATCH) == 0

    def test_gpiote_drives_a_pin(self, chip: Registers) -> None:
        chip.write(P0 + PIN_CNF + 4 * 13, OUTPUT_WITH_INPUT)
        chip.write(GPIOTE + 0x510, 3 | 13 << 8 | 3 << 16 | 1 << 20)  # task, toggle, high at first
        levels = [chip.read(P0 + IN) >> 13]
        for task in (0x000, 0x000, 0x060, 0x030):  # OUT, OUT, CLR, SET
            chip.write(GPIOTE + task)
            levels.append(chip.read(P0 + IN) >> 13)
        assert levels == [1, 0, 1, 0, 1]
        chip.write(P0 + OUTCLR, 1 << 13)
        assert chip.read(P0 + IN) >> 13 == 1  # the GPIOTE has the pin
        chip.write(GPIOTE + 0x510, 0)
        assert chip.read(P0 + IN) >> 13 == 0

    @pytest.mark.parametrize(
        ("polarity", "events"), [(1, [1, 0]), (2, [0, 1]), (3, [1, 1]), (0, [0, 0])]
    )
    def test_gpiote_sees_edges(self, chip: Registers, polarity: int, events: list[int]) -> None:
        chip.write(P1 + PIN_CNF + 4 * 2, OUTPUT_WITH_INPUT)
        chip.write(GPIOTE + 0x510 + 4 * 7, 1 | 2 << 8 | 1 << 13 | polarity << 16)
        found = []
        for register in (OUTSET, OUTCLR):
            chip.write(P1 + register, 1 << 2)
            found.append(chip.read(GPIOTE + 0x11C))
            chip.write(GPIOTE + 0x11C, 0)
        assert found == events


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


class TestConversions:
    def test_saadc(self, chip: Registers) -> None:
        chip.core.bus.write(RAM, 4, 0xFFFF_FFFF)
        chip.core.bus.write(RAM + 4, 4, 0xFFFF_FFFF)
        chip.write(SAADC + 0x500)
        for channel in (0, 3):
            chip.write(SAADC + 0x510 + 0x10 * channel, 1 + channel)
        chip.write(SAADC + 0x62C, RAM)
        chip.write(SAADC + 0x630, 3)
        chip.write(SAADC + 0x000)
        assert chip.flags(SAADC, 0x100, 0x104) == (1, 0)
        chip.write(SAADC + 0x004)
        assert chip.flags(SAADC, 0x104, 0x108, 0x10C, 0x634) == (0, 1, 1, 2)
        chip.write(SAADC + 0x004)
        assert chip.flags(SAADC, 0x104, 0x634) == (1, 3)
        assert (chip.read(RAM), chip.read(RAM + 4)) == (0, 0xFFFF_0000)
        chip.write(SAADC + 0x00C)
        chip.write(SAADC + 0x008)
        assert chip.flags(SAADC, 0x110, 0x114) == (1, 1)

    def test_saadc_that_is_not_enabled_does_nothing(self, chip: Registers) -> None:
        chip.write(SAADC + 0x000)
        assert chip.read(SAADC + 0x100) == 0

    def test_saadc_oversamples_and_has_limits(self, chip: Registers) -> None:
        chip.write(SAADC + 0x500)
        chip.write(SAADC + 0x510, 1)
        chip.write(SAADC + 0x51C, 0x7FFF_0001)  # low limit 1
        chip.write(SAADC + 0x5F4, 2)
        chip.write(SAADC + 0x62C, RAM)
        chip.write(SAADC + 0x630, 1)
        chip.write(SAADC + 0x000)
        for _ in range(3):
            chip.write(SAADC + 0x004)
        assert chip.flags(SAADC, 0x108, 0x10C, 0x104) == (1, 0, 0)
        chip.write(SAADC + 0x004)
        assert chip.flags(SAADC, 0x10C, 0x104, 0x118, 0x11C) == (1, 1, 0, 1)

    def test_saadc_by_its_timer(self, chip: Registers) -> None:
        chip.write(SAADC + 0x500)
        chip.write(SAADC + 0x510, 1)
        chip.write(SAADC + 0x5F8, 1 << 12 | 160)  # 100 kHz
        chip.write(SAADC + 0x62C, RAM)
        chip.write(SAADC + 0x630, 100)
        chip.write(SAADC + 0x000)
        chip.write(SAADC + 0x004)
        chip.wait(640 * 50)
        assert chip.flags(SAADC, 0x104, 0x634) == (0, 51)

    def test_rng(self, chip: Registers) -> None:
        def numbers() -> list[int]:
            found = []
            chip.write(RNG + 0x000)
            for _ in range(8):
                chip.wait(HERTZ // 1000)
                assert chip.read(RNG + 0x100) == 1
                chip.write(RNG + 0x100, 0)
                found.append(chip.read(RNG + 0x508))
            return found

        first = numbers()
        assert len(set(first)) > 4
        chip.reset()
        assert numbers() == first
        chip.write(RNG + 0x200, 1)  # VALRDY_STOP
        chip.wait(HERTZ // 1000)
        chip.write(RNG + 0x100, 0)
        chip.wait(HERTZ // 1000)
        assert chip.read(RNG + 0x100) == 0

    def test_temperature(self, chip: Registers) -> None:
        chip.write(TEMP)
        assert chip.flags(TEMP, 0x100, 0x508) == (1, 100)


class TestSerialBuses:
    def test_twim_gets_no_acknowledge(self, chip: Registers) -> None:
        chip.write(TWI1 + 0x500, 6)
        chip.write(TWI1 + 0x304, 1 << 9)
        for task, started in ((0x008, 0x150), (0x000, 0x14C)):
            chip.write(TWI1 + task)
            assert chip.flags(TWI1, started, 0x124, 0x4C4) == (1, 1, 2)
            assert chip.pending(4)
            chip.write(TWI1 + 0x4C4, 2)
            assert chip.read(TWI1 + 0x4C4) == 0
            chip.write(TWI1 + 0x124, 0)
        chip.write(TWI1 + 0x014)
        assert chip.flags(TWI1, 0x104, 0x15C, 0x160) == (1, 0, 0)

    def test_spim_reads_ones(self, chip: Registers) -> None:
        chip.core.bus.write(RAM, 4, 0)
        chip.write(SPI0 + 0x500, 7)
        chip.write(SPI0 + 0x534, RAM)
        chip.write(SPI0 + 0x538, 3)
        chip.write(SPI0 + 0x544, RAM + 0x100)
        chip.write(SPI0 + 0x548, 5)
        chip.write(SPI0 + 0x010)
        assert chip.read(RAM) == 0x00FF_FFFF
        assert chip.flags(SPI0, 0x14C, 0x110, 0x118, 0x120, 0x53C, 0x54C) == (1, 1, 1, 1, 3, 5)
        chip.write(SPI0 + 0x534, 0x1000)  # flash: EasyDMA does not reach it
        chip.write(SPI0 + 0x010)
        assert chip.read(SPI0 + 0x53C) == 0
        chip.write(SPI0 + 0x200, 1 << 17)  # END_START: a transfer after the other
        chip.write(SPI0 + 0x010)
        chip.write(SPI0 + 0x014)
        assert chip.read(SPI0 + 0x104) == 1

    def test_spi_and_twi_without_dma(self, chip: Registers) -> None:
        chip.write(SPI0 + 0x500, 1)
        chip.write(SPI0 + 0x51C, 0x42)
        assert chip.flags(SPI0, 0x108, 0x518) == (1, 0xFF)
        chip.write(SPI0 + 0x500, 5)
        chip.write(SPI0 + 0x008)
        assert chip.flags(SPI0, 0x124, 0x4C4) == (1, 2)

    def test_no_task_of_a_disabled_one(self, chip: Registers) -> None:
        chip.write(SPI0 + 0x010)
        chip.write(SPI0 + 0x008)
        assert chip.flags(SPI0, 0x118, 0x124) == (0, 0)


class TestWatchdog:
    def start(self, chip: Registers, cycles: int) -> None:
        chip.write(WDT + 0x504, cycles)
        chip.write(WDT + 0x508, 0b11)
        chip.write(WDT + 0x000)

    def test_it_resets(self, chip: Registers) -> None:
        self.start(chip, 32_767)
        chip.wait(HERTZ)
        assert chip.flags(WDT, 0x100, 0x400) == (1, 1)
        assert not chip.core._reset_wanted
        chip.wait(HERTZ // 1000)
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


class TestFlash:
    def test_partial_erases_add_up(self, chip: Registers) -> None:
        flash = chip.core.bus.memories[0]
        flash.store(0x3000, 4, 0x1234_5678)
        chip.write(NVMC + 0x504, 2)
        chip.write(NVMC + 0x51C, 30)
        for expected in (0x1234_5678, 0x1234_5678, 0xFFFF_FFFF):
            chip.write(NVMC + 0x518, 0x3000)
            assert chip.read(0x3000) == expected

    def test_acl_protects_until_reset(self, chip: Registers) -> None:
        flash = chip.core.bus.memories[0]
        flash.store(0x5000, 4, 0x1234_5678)
        acl = NVMC + 0x800
        for register, value in ((0, 0x5000), (4, 0x1000), (8, 1 << 1), (0, 0x7000)):
            chip.write(acl + register, value)
        assert chip.read(acl) == 0x5000  # only the first write counts
        chip.write(NVMC + 0x504, 2)
        chip.write(NVMC + 0x508, 0x5000)
        assert chip.read(0x5000) == 0x1234_5678
        chip.write(NVMC + 0x504, 1)
        with pytest.raises(BusError):
            chip.write(0x5000, 0)
        chip.reset()
        chip.write(NVMC + 0x504, 2)
        chip.write(NVMC + 0x508, 0x5000)
        assert chip.read(0x5000) == 0xFFFF_FFFF


class TestIdlePeripherals:
    def test_pwm_ends_at_once(self, chip: Registers) -> None:
        chip.write(PWM0 + 0x008)
        assert chip.flags(PWM0, 0x108, 0x110, 0x11C) == (1, 1, 1)
        chip.write(PWM0 + 0x004)
        assert chip.read(PWM0 + 0x104) == 1

    def test_qspi_gets_ready(self, chip: Registers) -> None:
        chip.write(QSPI)
        assert chip.flags(QSPI, 0x100, 0x604) == (1, 1 << 3)

    def test_encryption_fails_rather_than_to_lie(self, chip: Registers) -> None:
        chip.write(ECB)
        assert chip.flags(ECB, 0x100, 0x104) == (0, 1)

    def test_radio(self, chip: Registers) -> None:
        chip.write(RADIO + 0x200, 0b11)  # READY_START, END_DISABLE
        chip.write(RADIO + 0x000)
        assert chip.flags(RADIO, 0x100, 0x104, 0x10C, 0x110, 0x550) == (1, 1, 1, 1, 0)
        chip.write(RADIO + 0x10C, 0)
        chip.write(RADIO + 0x004)
        assert chip.flags(RADIO, 0x10C, 0x550) == (0, 3)  # it receives, for ever
        chip.write(RADIO + 0x010)
        assert chip.read(RADIO + 0x550) == 0

    def test_a_switch_off_resets_a_peripheral(self, chip: Registers) -> None:
        chip.write(SPI0 + 0x500, 7)
        chip.write(SPI0 + 0xFFC, 0)
        assert chip.flags(SPI0, 0x500, 0xFFC) == (0, 1)


def test_what_libraries_read_from_ficr(chip: Registers) -> None:
    assert chip.read(0x1000_0350) == 0xBB42_319F  # PRODTEST
    assert (chip.read(0x1000_0130), chip.read(0x1000_0134)) == (8, 2)
    assert chip.read(0x1000_00A4) == chip.read(0x1000_0060)  # DEVICEADDR
    assert chip.read(0x1000_0404) == 0x320
