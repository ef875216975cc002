"""Pins, converters, serial buses, flash and idle peripherals of the simulated nRF52840."""

from collections.abc import Iterator

import pytest

from harness.simulator.bus import BusError
from tests.support.nordic_registers import (
    DIR,
    DIRCLR,
    ECB,
    GPIOTE,
    HERTZ,
    IN,
    LATCH,
    NVMC,
    OUT,
    OUTCLR,
    OUTPUT,
    OUTPUT_WITH_INPUT,
    OUTSET,
    P0,
    P1,
    PIN_CNF,
    PULL_DOWN,
    PULL_UP,
    PWM0,
    QSPI,
    RADIO,
    RAM,
    RNG,
    SAADC,
    SENSE_HIGH,
    SPI0,
    TEMP,
    TWI1,
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
        chip.wait(640 * 60)
        assert chip.flags(SAADC, 0x104, 0x634) == (1, 100)
        chip.write(SAADC + 0x000)  # the timer goes on with the next buffer
        chip.wait(640 * 10)
        assert chip.read(SAADC + 0x634) == 10

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

    def test_an_spi_buffers_two_bytes(self, chip: Registers) -> None:
        """Drivers write two bytes ahead: each byte that is read makes room for the next event."""
        chip.write(SPI0 + 0x500, 1)
        for _ in range(2):
            chip.write(SPI0 + 0x51C, 0x42)
        for _ in range(2):
            assert chip.read(SPI0 + 0x108) == 1
            chip.write(SPI0 + 0x108, 0)
            assert chip.read(SPI0 + 0x518) == 0xFF
        assert chip.read(SPI0 + 0x108) == 0


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


class TestEcb:
    """The examples are those of FIPS 197, appendices B and C.1."""

    @pytest.mark.parametrize(
        ("key", "block", "encrypted"),
        [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                "3243f6a8885a308d313198a2e0370734",
                "3925841d02dc09fbdc118597196a0b32",
            ),
            (
                "000102030405060708090a0b0c0d0e0f",
                "00112233445566778899aabbccddeeff",
                "69c4e0d86a7b0430d8cdb78070b4c55a",
            ),
        ],
    )
    def test_a_block(self, chip: Registers, key: str, block: str, encrypted: str) -> None:
        words = [
            int.from_bytes(bytes.fromhex(key + block)[at : at + 4], "little")
            for at in range(0, 32, 4)
        ]
        for at, word in enumerate(words):
            chip.write(RAM + 4 * at, word)
        chip.write(ECB + 0x504, RAM)
        chip.write(ECB + 0x304, 1)
        chip.write(ECB)
        assert chip.flags(ECB, 0x100, 0x104) == (1, 0)
        assert chip.pending(14)
        result = b"".join(chip.read(RAM + 32 + 4 * at).to_bytes(4, "little") for at in range(4))
        assert result.hex() == encrypted

    def test_data_outside_the_ram(self, chip: Registers) -> None:
        chip.write(ECB + 0x504, 0x1000)
        chip.write(ECB)
        assert chip.flags(ECB, 0x100, 0x104) == (0, 1)


class TestIdlePeripherals:
    def test_pwm_ends_at_once(self, chip: Registers) -> None:
        chip.write(PWM0 + 0x008)
        assert chip.flags(PWM0, 0x108, 0x110, 0x11C) == (1, 1, 1)
        chip.write(PWM0 + 0x004)
        assert chip.read(PWM0 + 0x104) == 1

    def test_qspi_gets_ready(self, chip: Registers) -> None:
        chip.write(QSPI)
        assert chip.flags(QSPI, 0x100, 0x604) == (1, 1 << 3)

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


def test_libraries_read_the_identification_of_the_chip(chip: Registers) -> None:
    """The PWM library of the nRF5 SDK asks for the revision, before it does anything else."""
    assert chip.read(0xF000_0FE0) == 0x08
    assert chip.read(0xF000_0FE8) & 0xF == 0xC
