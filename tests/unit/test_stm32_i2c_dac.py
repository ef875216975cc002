"""I2C of the STM32 on an idle bus, and the DAC, register by register."""

from collections.abc import Callable

import pytest

from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32_dac import Dac
from harness.simulator.peripherals.stm32_i2c import I2cV1, I2cV2


class Wire:
    """An interrupt line, or a DMA channel that counts what it is asked for."""

    def __init__(self) -> None:
        self.level = False
        self.count = 0

    def drive(self, level: bool) -> None:
        self.level = level

    def serve(self) -> None:
        self.count += 1


class TestI2cOfTheF4:
    """RM0090, 27.6."""

    CR1, CR2, DR, SR1, SR2 = 0x00, 0x04, 0x10, 0x14, 0x18
    PE, START, STOP, SB, AF = 1, 1 << 8, 1 << 9, 1, 1 << 10

    @pytest.fixture(autouse=True)
    def bus(self) -> None:
        self.event, self.error = Wire(), Wire()
        self.i2c = I2cV1(self.event.drive, self.error.drive)

    def test_an_address_that_nobody_acknowledges(self) -> None:
        self.i2c.write(self.CR2, 1 << 9 | 1 << 8)  # events and errors interrupt
        self.i2c.write(self.CR1, self.PE | self.START)
        assert self.i2c.read(self.SR1) == self.SB
        assert self.i2c.read(self.CR1) == self.PE  # START is clear once it has been sent
        assert self.i2c.read(self.SR2) == 1 | 2  # the master, of a bus that is busy
        assert (self.event.level, self.error.level) == (True, False)
        self.i2c.write(self.DR, 0xA0)
        assert self.i2c.read(self.SR1) == self.AF
        assert (self.event.level, self.error.level) == (False, True)
        self.i2c.write(self.SR1, 0xFFFF & ~self.AF)  # cleared by a 0
        assert not self.error.level
        self.i2c.write(self.CR1, self.PE | self.STOP)
        assert self.i2c.read(self.SR2) == 0

    def test_a_software_reset_frees_the_bus(self) -> None:
        self.i2c.write(self.CR1, self.PE | self.START)
        self.i2c.write(self.CR1, 1 << 15)
        assert (self.i2c.read(self.SR1), self.i2c.read(self.SR2)) == (0, 0)

    def test_without_pe_nothing_starts(self) -> None:
        self.i2c.write(self.CR1, self.START)
        assert self.i2c.read(self.SR1) == 0


class TestI2cOfTheL4:
    """RM0351, 39.7."""

    CR1, CR2, ISR, ICR = 0x00, 0x04, 0x18, 0x1C
    START, NACKF, STOPF, TXE = 1 << 13, 1 << 4, 1 << 5, 1

    @pytest.fixture(autouse=True)
    def bus(self) -> None:
        self.event, self.error = Wire(), Wire()
        self.i2c = I2cV2(self.event.drive, self.error.drive)

    def test_an_address_that_nobody_acknowledges(self) -> None:
        self.i2c.write(self.CR1, 1 | self.NACKF | self.STOPF)  # the enables are at these places
        assert self.i2c.read(self.ISR) == self.TXE
        self.i2c.write(self.CR2, self.START | 0xA0)
        assert self.i2c.read(self.CR2) == 0xA0
        assert self.i2c.read(self.ISR) == self.TXE | self.NACKF | self.STOPF
        assert self.event.level
        self.i2c.write(self.ICR, self.NACKF)
        assert self.event.level
        self.i2c.write(self.ICR, self.STOPF)
        assert not self.event.level
        assert self.i2c.peek(self.ICR) == 0

    def test_it_is_off_without_pe(self) -> None:
        self.i2c.write(self.CR2, self.START)
        assert self.i2c.read(self.ISR) == self.TXE
        self.i2c.write(self.CR1, 1)
        self.i2c.write(self.CR2, self.START)
        self.i2c.write(self.CR1, 0)
        assert self.i2c.read(self.ISR) == self.TXE


class TestDac:
    """RM0090, 14.5."""

    CR, SWTRIGR, DHR12R1, DHR12L1, DHR8R2, DHR12RD, DOR1, DOR2 = (
        *(0x00, 0x04, 0x08, 0x0C, 0x1C, 0x20, 0x2C, 0x30),
    )
    TIMER = 4  # a number of TSEL

    @pytest.fixture(autouse=True)
    def dac_of_a_chip(self) -> None:
        self.reactions: list[Callable[[], None]] = []
        self.served = [Wire(), Wire()]
        requests = [DmaRequest(), DmaRequest()]
        for request, wire in zip(requests, self.served, strict=True):
            request.serve_with(wire.serve)
        self.dac = Dac(requests, {self.TIMER: self.reactions})

    def outputs(self) -> tuple[int, int]:
        return self.dac.read(self.DOR1), self.dac.read(self.DOR2)

    def test_without_a_trigger_the_output_follows(self) -> None:
        self.dac.write(self.DHR12R1, 0x123)
        self.dac.write(self.DHR8R2, 0x45)
        assert self.outputs() == (0x123, 0x450)
        self.dac.write(self.DHR12L1, 0x6780)
        self.dac.write(self.DHR12RD, 0x89A << 16 | 0x678)
        assert self.outputs() == (0x678, 0x89A)
        assert self.dac.read(self.DHR12L1) == 0x6780

    def test_a_software_trigger(self) -> None:
        self.dac.write(self.CR, 7 << 3 | 1 << 2 | 1)
        self.dac.write(self.DHR12R1, 0x123)
        assert self.outputs() == (0, 0)
        self.dac.write(self.SWTRIGR, 1)
        assert self.outputs() == (0x123, 0)
        assert self.dac.read(self.SWTRIGR) == 0

    def test_a_timer_triggers_and_asks_for_data(self) -> None:
        self.dac.write(self.CR, (1 << 12 | self.TIMER << 3 | 1 << 2 | 1) << 16)
        self.dac.write(self.DHR8R2, 0x10)
        for reaction in self.reactions:
            reaction()
        assert self.outputs() == (0, 0x100)
        assert [wire.count for wire in self.served] == [0, 1]
