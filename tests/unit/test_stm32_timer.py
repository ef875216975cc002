"""Timers of the STM32, register by register: counting, events, requests, capture."""

import pytest

from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32_timer import Stm32Timer, TimerDesign, TimerLines

CR1, CR2, DIER, SR, EGR, CCMR1, CCMR2, CCER = 0x00, 0x04, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20
SMCR, CNT, PSC, ARR, RCR, CCR1, DCR, DMAR, OPTION = 0x08, *range(0x24, 0x38, 4), 0x48, 0x4C, 0x50


class Stand:
    """A timer in a time that the test sets."""

    def __init__(self, **design: object) -> None:
        self.ticks = 0
        self.level = False
        self.requested: list[int] = []
        self.agenda = Agenda(Clock(16_000_000, lambda: self.ticks), lambda: None)
        requests = {flag: DmaRequest() for flag in (1, 2)}
        for flag, request in requests.items():
            request.serve_with(lambda flag=flag: self.requested.append(flag))  # type: ignore[misc]
        lines = TimerLines({0xFF: self.drive}, requests)
        self.timer = Stm32Timer(self.agenda, TimerDesign(**design), lines)  # type: ignore[arg-type]

    def drive(self, level: bool) -> None:
        self.level = level

    def write(self, **registers: int) -> None:
        for name, value in registers.items():
            self.timer.write(globals()[name], value)

    def at(self, ticks: int) -> None:
        """Let time pass, as the core does: it stops at each event."""
        while (deadline := self.agenda.deadline()) is not None and deadline <= ticks:
            self.ticks = max(self.ticks, deadline)
            self.agenda.expire()
        self.ticks = ticks


def test_the_update_interrupt() -> None:
    stand = Stand(bits=32)
    stand.write(PSC=3, ARR=9, EGR=1)  # UG takes the prescaler over
    assert stand.timer.read(SR) == 1
    stand.write(SR=0, DIER=1, CR1=1)
    assert stand.agenda.deadline() == 40
    stand.ticks = 39
    assert stand.timer.read(CNT) == 9
    assert not stand.level
    stand.ticks = 45
    assert stand.timer.read(CNT) == 1
    assert stand.level
    stand.write(SR=0)
    assert not stand.level
    stand.ticks = 415
    assert stand.timer.read(CNT) == 3
    stand.write(CNT=7)
    assert stand.timer.read(CNT) == 7


def test_the_prescaler_waits_for_an_update() -> None:
    stand = Stand()
    stand.write(PSC=9, ARR=99, CR1=1)
    stand.at(100)
    assert stand.timer.read(CNT) == 0
    assert stand.timer.read(SR) & 1
    stand.at(150)
    assert stand.timer.read(CNT) == 5


def test_a_preloaded_period_waits_for_an_update() -> None:
    stand = Stand()
    stand.write(CR1=1 << 7, ARR=9, EGR=1, SR=0)
    stand.write(CR1=1 << 7 | 1, ARR=99)
    stand.at(15)
    assert (stand.timer.read(CNT), stand.timer.read(SR) & 1) == (5, 1)
    stand.at(100)
    assert stand.timer.read(CNT) == 90


def test_counting_down() -> None:
    stand = Stand()
    stand.write(ARR=9, CR1=1 << 4 | 1)
    stand.at(3)
    assert stand.timer.read(CNT) == 7
    assert stand.timer.read(CR1) & 1 << 4
    stand.write(SR=0)
    stand.at(10)
    assert (stand.timer.read(CNT), stand.timer.read(SR) & 1) == (0, 0)
    stand.at(12)
    assert (stand.timer.read(CNT), stand.timer.read(SR) & 1) == (8, 1)


def test_counting_up_and_down() -> None:
    stand = Stand()
    stand.write(ARR=10, CR1=1 << 5 | 1)
    stand.at(12)
    assert (stand.timer.read(CNT), stand.timer.read(SR)) == (8, 1)
    assert stand.timer.read(CR1) & 1 << 4
    stand.at(23)
    assert stand.timer.read(CNT) == 3
    assert not stand.timer.read(CR1) & 1 << 4


def test_one_pulse_stops() -> None:
    stand = Stand()
    stand.write(ARR=9, DIER=1, CR1=1 << 3 | 1)
    stand.at(50)
    assert stand.timer.read(CR1) == 1 << 3
    assert (stand.timer.read(CNT), stand.level) == (0, True)


def test_compare_interrupts_come_at_their_counts() -> None:
    stand = Stand()
    stand.write(ARR=99, CCR1=30, DIER=2, CR1=1)
    stand.at(29)
    assert not stand.level
    stand.at(30)
    assert (stand.level, stand.timer.read(SR)) == (True, 2)
    stand.write(SR=0, CCR1=60)  # the next one, as in output compare examples
    assert stand.agenda.deadline() == 60
    stand.at(60)
    assert stand.level
    stand.write(SR=0, CCR1=100)  # above ARR: never
    stand.at(1000)
    assert not stand.level


def test_a_preloaded_compare_value_waits_for_an_update() -> None:
    stand = Stand()
    stand.write(CCMR1=1 << 3, ARR=99, CCR1=30, EGR=1, SR=0, CR1=1)
    stand.write(CCR1=10)
    stand.at(20)
    assert not stand.timer.read(SR) & 2
    stand.at(111)
    assert stand.timer.read(SR) & 3 == 3
    stand.write(SR=0)
    stand.at(125)
    assert not stand.timer.read(SR)
    stand.at(210)
    assert stand.timer.read(SR) & 2


def test_the_repetition_counter() -> None:
    stand = Stand(repetition=True)
    stand.write(ARR=9, RCR=2, EGR=1, SR=0, CR1=1)
    stand.at(25)
    assert not stand.timer.read(SR) & 1
    stand.at(30)
    assert stand.timer.read(SR) & 1
    stand.write(SR=0)
    stand.at(85)
    assert stand.timer.read(SR) & 1
    stand.write(SR=0)
    stand.at(89)
    assert not stand.timer.read(SR) & 1
    stand.at(90)
    assert stand.timer.read(SR) & 1


def test_udis_and_urs() -> None:
    stand = Stand()
    stand.write(CR1=1 << 2, EGR=1)
    assert not stand.timer.read(SR)
    stand.write(ARR=9, DIER=1, CR1=1 << 1 | 1)
    assert stand.agenda.deadline() is None
    stand.at(55)
    assert (stand.timer.read(SR) & 1, stand.timer.read(CNT)) == (0, 5)


def test_dma_requests() -> None:
    stand = Stand()
    stand.write(ARR=9, CCR1=5, DIER=3 << 8, CR1=1)
    stand.at(26)
    assert stand.requested == [2, 1, 2, 1, 2]


def test_a_burst_asks_for_each_register_and_goes_through_them() -> None:
    stand = Stand()
    stand.write(DCR=2 << 8 | CCR1 // 4, DIER=1 << 8, EGR=1)
    assert stand.requested == [1, 1, 1]
    for value in (10, 20, 30, 40):
        stand.write(DMAR=value)
    assert [stand.timer.read(CCR1 + 4 * index) for index in range(3)] == [40, 20, 30]


@pytest.mark.parametrize("mode", [1, 2, 3, 5, 7])
def test_an_external_clock_stands_still(mode: int) -> None:
    stand = Stand()
    stand.write(SMCR=mode, CR1=1)
    stand.at(100)
    assert stand.timer.read(CNT) == 0


def test_capture_of_an_internal_clock() -> None:
    hertz = {3: 32_000}
    stand = Stand(
        bits=32, captured=lambda option: hertz if option else {}, core_hz=lambda: 16_000_000
    )
    stand.write(CCMR2=1 << 8 | 3 << 10, CCER=1 << 12, DIER=1 << 4, CR1=1)
    stand.at(5000)
    assert not stand.level
    stand.write(OPTION=1 << 6)
    stand.at(5000 + 8 * 500)
    assert stand.level
    first = stand.timer.read(CCR1 + 12)
    assert not stand.level  # reading clears the flag
    stand.at(5000 + 16 * 500 + 30)
    assert stand.timer.read(CCR1 + 12) - first == 8 * 500
    stand.at(5000 + 33 * 500)
    assert stand.timer.read(SR) == 0x1010  # with overcapture: nobody read


def test_the_trigger_output() -> None:
    stand, updates = Stand(), []
    stand.timer.trigger.reactions.append(lambda: updates.append(stand.ticks))
    stand.write(ARR=9, CR1=1)
    stand.at(30)
    assert not updates
    stand.write(CR2=2 << 4)
    stand.at(55)
    assert updates == [40, 50]


@pytest.mark.parametrize(
    ("select", "mode", "expected"),
    [(3, 0, [5, 15, 25]), (4, 3, [5, 25]), (4, 6, [10, 20, 30]), (4, 7, [5, 15, 25]), (4, 1, [5])],
)
def test_a_channel_as_trigger(select: int, mode: int, expected: list[int]) -> None:
    """The match, and the reference signal: toggle, PWM 1, PWM 2, active on match."""
    stand, edges = Stand(), []
    stand.timer.trigger.reactions.append(lambda: edges.append(stand.ticks))
    stand.write(CR2=select << 4, CCMR1=mode << 4, ARR=9, CCR1=5, CR1=1)
    stand.at(33)
    assert edges == expected


def test_a_divided_clock_and_its_change() -> None:
    ratio = [2]
    stand = Stand(ticks=lambda: ratio[0])
    stand.write(CR1=1)
    stand.at(100)
    assert stand.timer.read(CNT) == 50
    ratio[0] = 4
    stand.timer.adjust()
    stand.at(200)
    assert stand.timer.read(CNT) == 75
