"""Ethernet of the STM32F4 without a cable: reset, the PHY, and frames that get lost."""

from collections.abc import Iterator

import pytest

from tests.support.assembly_bench import Bench

ETH, RAM = 0x4002_8000, 0x2000_0000
MACMIIAR, MACMIIDR, DMABMR, DMATPDR, DMATDLAR, DMASR, DMAOMR, DMAIER = (
    *(0x10, 0x14, 0x1000, 0x1004),
    *range(0x1010, 0x1020, 4),
)
OWN, INTERRUPT, RING_END, CHAINED = 1 << 31, 1 << 30, 1 << 21, 1 << 20
START, INTERRUPT_LINE = 1 << 13, 16 + 61


class Stand:
    """A chip whose core is halted."""

    def __init__(self) -> None:
        self.bench = Bench("stm32f429xi")
        self.bench.core.set_reset(asserted=False)
        self.bench.core.halt()

    def write(self, address: int, value: int) -> None:
        self.bench.core.bus.write(address, 4, value)

    def read(self, address: int) -> int:
        return self.bench.core.bus.read(address, 4)

    def manage(self, register: int, *, address: int = 0, value: int | None = None) -> int:
        """Write or read a register of the PHY."""
        if value is not None:
            self.write(ETH + MACMIIDR, value)
        direction = 0 if value is None else 2
        self.write(ETH + MACMIIAR, address << 11 | register << 6 | direction | 1)
        assert not self.read(ETH + MACMIIAR) & 1
        return self.read(ETH + MACMIIDR)

    @property
    def pends(self) -> bool:
        return INTERRUPT_LINE in self.bench.core.nvic.pending


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.bench.core.close()


def test_the_reset_ends_at_once(stand: Stand) -> None:
    stand.write(ETH + DMAIER, 1)
    stand.write(ETH + DMABMR, 1)
    assert stand.read(ETH + DMABMR) == 0x2_0100
    assert stand.read(ETH + DMAIER) == 0


def test_flushing_ends_at_once(stand: Stand) -> None:
    stand.write(ETH + DMAOMR, 1 << 20 | 1 << 21)
    assert stand.read(ETH + DMAOMR) == 1 << 21


def test_the_phy_finds_no_link(stand: Stand) -> None:
    assert stand.manage(2) == 0x0007
    assert stand.manage(3) & 0xFFF0 == 0xC130
    assert stand.manage(1) & (1 << 2 | 1 << 5) == 0  # link, negotiated
    stand.manage(0, value=1 << 12 | 1 << 9)
    assert stand.manage(0) == 1 << 12
    stand.manage(4, value=0x61)
    assert stand.manage(4) == 0x61
    stand.manage(0, value=1 << 15)
    assert stand.manage(4) == 0x1E1


def test_nobody_answers_at_another_address(stand: Stand) -> None:
    stand.manage(4, address=1, value=0x61)
    assert stand.manage(2, address=1) == 0xFFFF
    assert stand.manage(4) == 0x1E1


@pytest.mark.parametrize("kind", ["ring", "chain", "enhanced ring"])
def test_descriptors_come_back(stand: Stand, kind: str) -> None:
    step = 32 if kind == "enhanced ring" else 16
    first, second = RAM, RAM + step
    if kind == "enhanced ring":
        stand.write(ETH + DMABMR, 1 << 7)
    if kind == "chain":
        stand.write(first + 12, second)
        stand.write(second + 12, first)
    link = CHAINED if kind == "chain" else 0
    end = CHAINED if kind == "chain" else RING_END
    stand.write(first, OWN | link)
    stand.write(second, OWN | INTERRUPT | end)
    stand.write(ETH + DMATDLAR, first)
    stand.write(ETH + DMAIER, 1 << 16 | 1)
    stand.write(ETH + DMAOMR, START)
    assert stand.read(first) == link
    assert stand.read(second) == INTERRUPT | end
    assert stand.read(ETH + DMASR) & 0x1_FFFF == 1 << 16 | 1 << 2 | 1
    assert stand.pends
    assert stand.read(ETH + 0x1048) == first
    stand.write(first, OWN | link)
    stand.write(ETH + DMATPDR, 0)
    assert stand.read(first) == link


def test_nothing_is_sent_before_the_start(stand: Stand) -> None:
    stand.write(RAM, OWN | RING_END)
    stand.write(ETH + DMATDLAR, RAM)
    stand.write(ETH + DMATPDR, 0)
    assert stand.read(RAM) & OWN


def test_a_descriptor_where_nothing_is(stand: Stand) -> None:
    stand.write(ETH + DMAIER, 1 << 15 | 1 << 13)
    stand.write(ETH + DMATDLAR, 0x6000_0000)
    stand.write(ETH + DMAOMR, START)
    assert stand.read(ETH + DMASR) & (1 << 15 | 1 << 13) == 1 << 15 | 1 << 13
    assert stand.pends
