"""ADCs of the STM32F4 and STM32L4, register by register: sequences, triggers, interrupts, DMA."""

from collections.abc import Callable

import pytest

from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32f4_adc import F4Adcs
from harness.simulator.peripherals.stm32l4_adc import L4Adcs

TRIGGER = 6  # a number of EXTSEL
MIDDLE = 2048  # a pin without a source: half of 12 bits
SECOND, COMMON = 0x100, 0x300


class Stand:
    """Three ADCs in a time that the test sets."""

    def __init__(self, kind: type[F4Adcs] | type[L4Adcs]) -> None:
        self.ticks = 0
        self.levels = [False] * 3
        self.requested = 0
        self.reactions: list[Callable[[], None]] = []
        self.agenda = Agenda(Clock(16_000_000, lambda: self.ticks), lambda: None)
        requests = [DmaRequest() for _ in range(3)]
        requests[0].serve_with(self._count)
        triggers = {TRIGGER: self.reactions}
        self.adcs: F4Adcs | L4Adcs
        if kind is F4Adcs:
            self.adcs = F4Adcs(self.agenda, lambda level: self._drive(0, level), requests, triggers)
        else:
            lines = [lambda level, unit=unit: self._drive(unit, level) for unit in range(3)]
            self.adcs = L4Adcs(self.agenda, lines, requests, triggers)

    def write(self, values: dict[int, int]) -> None:
        for offset, value in values.items():
            self.adcs.write(offset, value)

    def converted(self) -> bool:
        """Let time pass to the end of the next conversion; False if none is under way."""
        deadline = self.agenda.deadline()
        if deadline is None:
            return False
        self.ticks = deadline
        self.agenda.expire()
        return True

    def trigger(self) -> None:
        for reaction in self.reactions:
            reaction()

    def _drive(self, unit: int, level: bool) -> None:
        self.levels[unit] = level

    def _count(self) -> None:
        self.requested += 1


@pytest.fixture
def f4() -> Stand:
    return Stand(F4Adcs)


@pytest.fixture
def l4() -> Stand:
    return Stand(L4Adcs)


class TestF4:
    """RM0090: 13.3 functions, 13.13 registers."""

    SR, CR1, CR2, SQR1, SQR3, JSQR, JDR1, DR = 0x00, 0x04, 0x08, 0x2C, 0x34, 0x38, 0x3C, 0x4C
    ON, START, CONTINUOUS, DMA = 1, 1 << 30 | 1, 2, 1 << 8

    def test_a_conversion(self, f4: Stand) -> None:
        f4.write({self.SQR3: 16, self.CR1: 1 << 5, self.CR2: self.START})
        assert f4.adcs.read(self.SR) == 1 << 4  # STRT
        assert f4.adcs.read(self.CR2) == self.ON  # SWSTART is clear once it has started
        assert f4.converted()
        assert f4.adcs.read(self.SR) == 1 << 4 | 1 << 1
        assert f4.levels[0]
        assert f4.adcs.read(self.DR) == 943  # the temperature sensor at 25 degrees Celsius
        assert not f4.adcs.read(self.SR) & 1 << 1  # read by the data register
        assert not f4.levels[0]
        assert not f4.converted()

    def test_an_adc_that_is_off_does_not_start(self, f4: Stand) -> None:
        f4.write({self.CR2: 1 << 30})
        assert not f4.converted()

    def test_flags_are_cleared_by_a_0(self, f4: Stand) -> None:
        f4.write({self.CR2: self.START})
        f4.converted()
        f4.write({self.SR: ~(1 << 1)})
        assert f4.adcs.read(self.SR) == 1 << 4
        assert f4.adcs.peek(self.SR) == 0xFFFF_FFFF  # so that a narrow write clears nothing more

    def test_a_scan_asks_for_dma_and_goes_round(self, f4: Stand) -> None:
        f4.write({self.CR1: 1 << 8, self.SQR1: 1 << 20, self.SQR3: 17 << 5 | 3})
        f4.write({self.CR2: self.START | self.CONTINUOUS | self.DMA})
        results = []
        for _ in range(4):
            assert f4.converted()
            results.append(f4.adcs.read(self.DR))
        assert results == [MIDDLE, 1502, MIDDLE, 1502]  # a pin and VREFINT
        assert f4.requested == 4
        f4.write({self.CR2: 0})
        assert not f4.converted()

    def test_an_injected_sequence(self, f4: Stand) -> None:
        f4.write({self.JSQR: 1 << 20 | 17 << 15 | 16 << 10})  # two: the last is JSQ4
        f4.write({self.CR2: 1 << 22 | self.ON})
        assert [f4.adcs.read(self.JDR1 + 4 * index) for index in (0, 1)] == [943, 1502]
        assert f4.adcs.read(self.SR) == 1 << 2 | 1 << 3

    def test_a_timer_starts_the_adc_that_selects_it(self, f4: Stand) -> None:
        f4.write({self.CR2: 1 << 28 | TRIGGER << 24 | self.ON})
        f4.write({SECOND + self.CR2: 1 << 28 | TRIGGER + 1 << 24 | self.ON})
        assert not f4.converted()
        f4.trigger()
        assert f4.converted()
        assert f4.adcs.read(COMMON) == 1 << 4 | 1 << 1  # CSR: only the first unit's

    def test_resolution_and_alignment(self, f4: Stand) -> None:
        f4.write({self.CR1: 2 << 24, self.CR2: self.START | 1 << 11})
        f4.converted()
        assert f4.adcs.read(self.DR) == 128 << 4

    def test_vbat_takes_the_place_of_the_temperature(self, f4: Stand) -> None:
        for enabled, result in ((1 << 23, 943), (1 << 23 | 1 << 22, 1024)):
            f4.write({COMMON + 4: enabled, self.SQR3: 18, self.CR2: self.START})
            f4.converted()
            assert f4.adcs.read(self.DR) == result

    def test_a_reset_switches_off(self, f4: Stand) -> None:
        f4.write({self.CR1: 1 << 5, self.CR2: self.START})
        f4.converted()
        f4.adcs.reset()
        assert [f4.adcs.read(self.SR), f4.adcs.read(self.CR2), f4.adcs.read(0x24)] == [0, 0, 0xFFF]
        assert not f4.levels[0]
        assert not f4.converted()


class TestL4:
    """RM0351: 18.4 functions, 18.7 registers."""

    ISR, IER, CR, CFGR, SQR1, SQR2, DR = 0x00, 0x04, 0x08, 0x0C, 0x30, 0x34, 0x40
    JSQR, JDR1 = 0x4C, 0x80
    ENABLE, START = 1, 1 << 2 | 1
    READY, EOC, EOS = 1, 1 << 2, 1 << 3

    def test_bring_up(self, l4: Stand) -> None:
        assert l4.adcs.read(self.CR) == 1 << 29  # deep power-down
        l4.write({self.CR: 1 << 28})
        l4.write({self.CR: 1 << 31 | 1 << 28})
        assert l4.adcs.read(self.CR) == 1 << 28  # the calibration has ended
        l4.write({self.CR: 1 << 28 | self.ENABLE})
        assert l4.adcs.read(self.ISR) & self.READY
        l4.write({self.CR: 1 << 28 | 1 << 1})
        assert l4.adcs.read(self.CR) == 1 << 28  # disabled

    def test_a_sequence(self, l4: Stand) -> None:
        first = 17 << 6 | 4  # five conversions; the fifth stands in SQR2
        l4.write({self.IER: self.EOS, self.SQR1: first, self.SQR2: 18})
        l4.write({self.CR: self.START})
        results = []
        for _ in range(5):
            assert not l4.levels[0]
            assert l4.converted()
            results.append(l4.adcs.read(self.DR))
        # The temperature sensor, three times VREFINT as channel 0, and VBAT / 3.
        assert results == [943, 1502, 1502, 1502, 1365]
        assert l4.levels == [True, False, False]
        assert not l4.adcs.read(self.CR) & 1 << 2  # ADSTART is clear once the sequence has ended
        l4.write({self.ISR: self.EOS})  # cleared by a 1
        assert not l4.levels[0]
        assert l4.adcs.peek(self.ISR) == 0
        assert not l4.converted()

    def test_a_stop_ends_a_continuous_one(self, l4: Stand) -> None:
        l4.write({self.CFGR: 1 << 13 | 1, self.SQR1: 5 << 6, self.CR: self.START})
        assert l4.converted()
        assert l4.converted()
        assert l4.requested == 2
        l4.write({self.CR: 1 << 4 | self.START})
        assert not l4.converted()
        assert not l4.adcs.read(self.CR) & 1 << 2

    def test_a_timer_starts_the_adc_that_waits_for_it(self, l4: Stand) -> None:
        l4.write({self.CFGR: 1 << 10 | TRIGGER << 6, self.CR: self.ENABLE})
        l4.trigger()
        assert not l4.converted()  # without ADSTART
        l4.write({self.CR: self.START})
        assert not l4.converted()
        l4.trigger()
        assert l4.converted()
        assert not l4.converted()
        l4.trigger()
        assert l4.converted()  # ADSTART stays with a trigger

    def test_an_injected_sequence(self, l4: Stand) -> None:
        l4.write({self.JSQR: 17 << 8 | 18 << 14 | 1, self.CR: 1 << 3 | self.ENABLE})
        assert [l4.adcs.read(self.JDR1 + 4 * index) for index in (0, 1)] == [943, 1365]
        assert l4.adcs.read(self.ISR) & 0x60 == 0x60

    def test_each_unit_has_its_flags(self, l4: Stand) -> None:
        l4.write({SECOND + self.IER: self.READY, SECOND + self.CR: self.ENABLE})
        assert l4.levels == [False, True, False]
        assert l4.adcs.read(COMMON) == self.READY << 16
