"""An SPI of the STM32 that nobody answers: what waits, and when its interrupt comes."""

from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32_spi import Spi

CR1, CR2, SR, DR = 0x00, 0x04, 0x08, 0x0C
MSTR, SPE, TXEIE = 1 << 2, 1 << 6, 1 << 7
RXNE, TXE, BSY = 1, 2, 1 << 7
RXDMAEN, TXDMAEN, RXNEIE, RXONLY, DFF = 1, 2, 1 << 6, 1 << 10, 1 << 11


class Stand:
    """An SPI on a bus with half the core's clock, in a time that the test sets."""

    def __init__(self) -> None:
        self.ticks = 0
        self.level = False
        self.agenda = Agenda(Clock(16_000_000, lambda: self.ticks), lambda: None)
        self.received = self.sent = 0  # DMA transfers
        receive, transmit = DmaRequest(), DmaRequest()
        receive.serve_with(self._receive)
        transmit.serve_with(self._transmit)
        self.spi = Spi(self.drive, receive, transmit, self.agenda, lambda: 2)

    def drive(self, level: bool) -> None:
        self.level = level

    def _receive(self) -> None:
        self.received += 1

    def _transmit(self) -> None:
        self.sent += 1

    def at(self, ticks: int) -> int:
        """Let time pass, and return SR."""
        self.ticks = ticks
        self.agenda.expire()
        return self.spi.read(SR)


def test_polling_takes_no_time() -> None:
    stand = Stand()
    stand.spi.write(CR1, MSTR | SPE | 7 << 3)
    stand.spi.write(DR, 0x55)
    assert stand.spi.read(SR) == TXE | RXNE
    assert stand.spi.read(DR) == 0xFF
    assert stand.spi.read(SR) == TXE


def test_the_program_goes_on_between_two_interrupts() -> None:
    """A handler that always has something to send left no time to the program."""
    stand = Stand()
    stand.spi.write(CR2, TXEIE)
    stand.spi.write(CR1, MSTR | SPE | 1 << 3)  # a fourth of the bus: 8 ticks a bit
    assert stand.level
    stand.spi.write(DR, 0x55)
    assert (stand.at(63) & (TXE | BSY), stand.level) == (BSY, False)
    assert (stand.at(64) & (TXE | BSY), stand.level) == (TXE, True)
    stand.spi.write(CR2, TXEIE | 0xF << 8)  # 16 bits
    stand.spi.write(DR, 0x5555)
    assert stand.at(191) & TXE == 0
    assert stand.at(192) & TXE


def test_an_item_waits_until_the_spi_is_on() -> None:
    stand = Stand()
    stand.spi.write(CR2, TXEIE)
    stand.spi.write(DR, 0x55)
    assert (stand.spi.read(SR), stand.level) == (0, False)
    stand.spi.write(CR2, 0)
    stand.spi.write(CR1, MSTR | SPE)
    assert stand.spi.read(SR) == TXE | RXNE


def test_a_slave_waits_for_its_master() -> None:
    stand = Stand()
    stand.spi.write(CR1, SPE)
    stand.spi.write(DR, 0x55)
    assert stand.spi.read(SR) == 0
    stand.spi.reset()
    assert stand.spi.read(SR) == TXE


def test_the_interrupt_of_a_received_item() -> None:
    stand = Stand()
    stand.spi.write(CR2, RXNEIE)
    stand.spi.write(CR1, MSTR | SPE | DFF)
    assert not stand.level
    stand.spi.write(DR, 0x1234)
    assert stand.level
    assert stand.spi.read(DR) == 0xFFFF
    assert not stand.level


def test_a_master_that_only_receives_clocks_on() -> None:
    stand = Stand()
    stand.spi.write(CR1, MSTR | SPE | RXONLY)
    for _ in range(3):
        assert stand.spi.read(SR) & RXNE
        assert stand.spi.read(DR) == 0xFF
    stand.spi.write(CR1, MSTR | RXONLY)
    assert stand.spi.read(SR) == TXE


def test_dma() -> None:
    stand = Stand()
    stand.spi.write(CR2, RXDMAEN | TXDMAEN)
    stand.spi.write(CR1, MSTR | SPE)
    assert (stand.received, stand.sent) == (0, 1)
    stand.spi.write(DR, 0)
    assert stand.received == 1
