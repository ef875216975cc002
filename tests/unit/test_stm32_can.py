"""The CAN of the STM32: modes, loopback, filters, FIFOs, and a bus without other nodes."""

import pytest

from harness.simulator.peripherals.stm32_can import Can
from harness.simulator.peripherals.stm32_can_filters import CanFilters

MCR, MSR, TSR, RF0R, RF1R, IER, ESR, BTR = range(0x00, 0x20, 4)
FMR, FM1R, FS1R, FFA1R, FA1R, BANK0 = 0x200, 0x204, 0x20C, 0x214, 0x21C, 0x240
LOOPBACK, SILENT = 1 << 30, 1 << 31
TRANSMITTED, FIFO0, FIFO1, STATUS = range(4)


class Stand:
    """A CAN with its four interrupts, and the filters that it can share."""

    def __init__(self, filters: CanFilters | None = None, *, second: bool = False) -> None:
        self.levels = [False] * 4
        lines = [lambda level, n=n: self.levels.__setitem__(n, level) for n in range(4)]
        self.can = Can(lines, filters or CanFilters(28, two=True), second=second)

    def write(self, **registers: int) -> None:
        for name, value in registers.items():
            self.can.write(globals()[name], value)

    def start(self, mode: int = LOOPBACK, control: int = 0) -> None:
        """Go from sleep through initialization to normal mode, as drivers do."""
        self.write(MCR=1)
        assert self.can.read(MSR) & 3 == 1
        self.write(BTR=0x0123_0000 | mode, MCR=control)
        assert not self.can.read(MSR) & 3

    def accept_all(self) -> None:
        self.write(FMR=1 | 14 << 8, FS1R=1, FA1R=1)
        self.write(FMR=14 << 8)

    def send(self, identifier: int, data: bytes = b"", box: int = 0) -> None:
        base = 0x180 + 0x10 * box
        low, high = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
        self.can.write(base + 4, len(data))
        self.can.write(base + 8, low)
        self.can.write(base + 0xC, high)
        self.can.write(base, identifier | 1)

    def received(self, fifo: int = 0) -> tuple[int, int, int, int]:
        base = 0x1B0 + 0x10 * fifo
        first, second, third, fourth = (self.can.read(base + at) for at in range(0, 0x10, 4))
        return first, second, third, fourth


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_it_sleeps_after_reset(stand: Stand) -> None:
    assert stand.can.read(MCR) == 0x1_0002
    assert stand.can.read(MSR) == 0xC02
    assert stand.can.read(TSR) == 7 << 26
    stand.start()
    stand.write(MCR=1 << 15)
    assert stand.can.read(MSR) & 3 == 2


def test_initialization_from_sleep(stand: Stand) -> None:
    """Zephyr's driver first asks for the one, and then ends the other."""
    stand.write(MCR=0x1_0003)
    assert stand.can.read(MSR) & 3 == 1
    stand.write(MCR=0x1_0001)
    assert stand.can.read(MSR) & 3 == 1


def test_timing_can_be_set_during_initialization_only(stand: Stand) -> None:
    stand.start()
    stand.write(BTR=0)
    assert stand.can.read(BTR) == 0x0123_0000 | LOOPBACK


def test_loopback_receives_what_it_sends(stand: Stand) -> None:
    stand.accept_all()
    stand.start()
    stand.write(IER=3)
    stand.send(0x123 << 21, b"\x01\x02\x03\x04\x05\x06\x07\x08")
    assert stand.can.read(TSR) == 7 << 26 | 3
    assert stand.can.read(RF0R) == 1
    assert stand.levels == [True, True, False, False]
    assert stand.received() == (0x123 << 21, 8, 0x0403_0201, 0x0807_0605)
    stand.write(RF0R=1 << 5, TSR=1)
    assert stand.can.read(RF0R) == 0
    assert stand.can.read(TSR) == 7 << 26
    assert stand.levels == [False] * 4


def test_a_frame_without_a_filter_is_lost(stand: Stand) -> None:
    stand.start()
    stand.send(0x123 << 21)
    assert stand.can.read(TSR) & 3 == 3
    assert stand.can.read(RF0R) == 0


FILTERS = {
    "mask of 32 bits": ({"FS1R": 1}, (0x5 << 21, 0x7FF << 21), 0x5 << 21, 0),
    "list of 32 bits": (
        {"FS1R": 1, "FM1R": 1},
        (0x7F << 21, 4 | 0x12345 << 3),
        4 | 0x12345 << 3,
        1,
    ),
    "mask of 16 bits": ({}, (0xFFE0_0200, 0xFFE0_0FE0), 0x7F << 21, 1),
    "list of 16 bits": ({"FM1R": 1}, (0x0FA0_0FC0, 0x0FE0), 0x7F << 21, 2),
    "a remote frame": ({"FM1R": 1}, (0x0FE0, 0x0FF0), 0x7F << 21 | 2, 2),
}


@pytest.mark.parametrize("fifo", [0, 1])
@pytest.mark.parametrize("name", FILTERS)
def test_filters(stand: Stand, name: str, fifo: int) -> None:
    registers, words, identifier, number = FILTERS[name]
    stand.write(FMR=1, **registers, FFA1R=fifo, FA1R=1)
    for index, word in enumerate(words):
        stand.can.write(BANK0 + 4 * index, word)
    stand.write(FMR=14 << 8)
    stand.start()
    stand.send(0x3FF << 21, box=1)
    stand.send(identifier)
    assert stand.can.read((RF0R, RF1R)[fifo]) == 1
    assert stand.received(fifo)[:2] == (identifier, number << 8)


def test_a_wide_filter_comes_before_a_narrow_one(stand: Stand) -> None:
    stand.write(FMR=1, FS1R=1 << 1, FA1R=3)  # both accept all
    stand.write(FMR=14 << 8)
    stand.start()
    stand.send(0x123 << 21)
    assert stand.received()[1] == 2 << 8


@pytest.mark.parametrize(("locked", "last"), [(0, 3), (1 << 3, 2)])
def test_a_full_fifo(stand: Stand, locked: int, last: int) -> None:
    stand.accept_all()
    stand.start(control=locked)
    for number in range(3):
        stand.send(number << 21)
    assert stand.can.read(RF0R) == 3 | 1 << 3
    stand.send(3 << 21)
    assert stand.can.read(RF0R) == 3 | 1 << 3 | 1 << 4
    stand.write(RF0R=1 << 3 | 1 << 4)
    for number in (0, 1, last):
        assert stand.received()[0] == number << 21
        stand.write(RF0R=1 << 5)
    assert stand.can.read(RF0R) == 0


def test_nobody_acknowledges(stand: Stand) -> None:
    stand.start(mode=0)
    stand.write(IER=1 << 15 | 1 << 9)
    stand.send(0x123 << 21)
    assert stand.can.read(TSR) == 6 << 26  # it is sent again and again
    assert stand.can.read(ESR) == 128 << 16 | 3 << 4 | 3
    assert stand.levels[STATUS]
    stand.write(TSR=1 << 7)  # ABRQ
    assert stand.can.read(TSR) == 7 << 26 | 1
    stand.write(MSR=1 << 2)
    assert not stand.levels[STATUS]


def test_a_frame_that_is_sent_once(stand: Stand) -> None:
    stand.start(mode=0, control=1 << 4)
    stand.send(0x123 << 21, box=2)
    assert stand.can.read(TSR) == 7 << 26 | (1 | 1 << 3) << 16


def test_silent_mode_sends_nothing(stand: Stand) -> None:
    stand.start(mode=SILENT)
    stand.send(0x123 << 21)
    assert stand.can.read(TSR) == 6 << 26
    assert stand.can.read(ESR) == 0


def test_frames_wait_for_the_end_of_initialization(stand: Stand) -> None:
    stand.accept_all()
    stand.write(MCR=1, BTR=LOOPBACK)
    for box, identifier in enumerate((5, 3, 4)):
        stand.send(identifier << 21, box=box)
    assert stand.can.read(RF0R) == 0
    stand.write(MCR=0)
    identifiers = []
    for _ in range(3):
        identifiers.append(stand.received()[0] >> 21)
        stand.write(RF0R=1 << 5)
    assert identifiers == [3, 4, 5]


def test_the_second_can_has_the_filters_from_can2sb_on() -> None:
    filters = CanFilters(28, two=True)
    first, second = Stand(filters), Stand(filters, second=True)
    first.write(FMR=1, FS1R=1 << 14, FA1R=1 << 14)
    first.write(FMR=14 << 8)
    for stand in (first, second):
        stand.start()
        stand.send(0x123 << 21)
    assert first.can.read(RF0R) == 0
    assert second.can.read(RF0R) == 1
    second.can.reset()
    assert first.can.read(FA1R) == 1 << 14
