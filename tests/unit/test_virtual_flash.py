"""The flash controllers follow their manuals: unlock, erase, program, protect."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.simulator.bus import Bus, BusError
from tests.support.assembly_bench import Bench

F4, L4, NRF, NRF91, KW41Z = "stm32f429xi", "stm32l475xg", "nrf52840", "nrf91", "kw41z4"
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB


@contextmanager
def chip(name: str) -> Iterator[Bench]:
    bench = Bench(name)
    try:
        yield bench
    finally:
        bench.core.close()


def unlock(bus: Bus, key_register: int) -> None:
    bus.write(key_register, 4, KEY1)
    bus.write(key_register, 4, KEY2)


class TestStm32F4:
    KEYR, SR, CR, OPTCR = 0x4002_3C04, 0x4002_3C0C, 0x4002_3C10, 0x4002_3C14
    PG_WORD = 2 << 8 | 1
    A = 0x0801_0000  # sector 4

    def test_locked(self) -> None:
        with chip(F4) as bench:
            bus = bench.core.bus
            bus.write(self.CR, 4, self.PG_WORD)
            assert bus.read(self.CR, 4) == 1 << 31
            bus.write(self.A, 4, 0)
            assert bus.read(self.A, 4) == 0xFFFF_FFFF
            assert bus.read(self.SR, 4) == 1 << 7  # PGSERR
            bus.write(self.SR, 4, 1 << 7)
            assert bus.read(self.SR, 4) == 0

    def test_a_wrong_key_locks_until_reset(self) -> None:
        with chip(F4) as bench:
            bus = bench.core.bus
            bus.write(self.KEYR, 4, KEY2)
            unlock(bus, self.KEYR)
            assert bus.read(self.CR, 4) >> 31
            bench.core.reset_now()
            unlock(bus, self.KEYR)
            assert not bus.read(self.CR, 4) >> 31

    def test_programming_clears_bits_and_only_an_erase_sets_them(self) -> None:
        with chip(F4) as bench:
            bus = bench.core.bus
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, self.PG_WORD)
            bus.write(self.A, 4, 0x1234_5678)
            bus.write(self.A, 4, 0xFFFF_0F0F)
            assert bus.read(self.A, 4) == 0x1234_0608
            assert bus.read(self.A - 0x0800_0000, 4) == 0x1234_0608  # the alias
            bus.write(self.A - 4, 4, 1)
            bus.write(self.CR, 4, 1 << 16 | 4 << 3 | 2)
            assert bus.read(self.A, 4) == 0xFFFF_FFFF
            assert bus.read(self.A - 4, 4) == 1  # another sector

    def test_parallelism(self) -> None:
        with chip(F4) as bench:
            bus = bench.core.bus
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, self.PG_WORD)
            bus.write(self.A, 1, 0)
            assert bus.read(self.SR, 4) == 1 << 6  # PGPERR
            bus.write(self.CR, 4, 1)
            bus.write(self.A, 1, 0)
            assert bus.read(self.A, 4) == 0xFFFF_FF00

    def test_a_row(self) -> None:
        with chip(F4) as bench:
            bus = bench.core.bus
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, self.PG_WORD)
            bus.write(self.A + 14, 4, 0)
            assert bus.read(self.SR, 4) == 1 << 5  # PGAERR
            assert bus.read(self.A + 14, 4) == 0xFFFF_FFFF

    def test_interrupts(self) -> None:
        with chip(F4) as bench:
            bus, pending = bench.core.bus, bench.core.nvic.pending
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, self.PG_WORD)
            bus.write(self.A, 4, 0)
            assert bus.read(self.SR, 4) == 0  # EOP needs EOPIE
            bus.write(self.CR, 4, 1 << 24 | self.PG_WORD)
            bus.write(self.A, 4, 0)
            assert bus.read(self.SR, 4) == 1
            assert 16 + 4 in pending
            bus.write(self.SR, 4, 1)
            pending.clear()
            bus.write(self.CR, 4, 1 << 25 | self.PG_WORD)
            bus.write(self.A, 1, 0)
            assert bus.read(self.SR, 4) == 1 << 6 | 1 << 1  # OPERR
            assert 16 + 4 in pending

    def test_protection(self) -> None:
        with chip(F4) as bench:
            bus = bench.core.bus
            bench.chip.flash.protect(4)
            unlock(bus, self.KEYR)
            assert bus.read(self.OPTCR, 4) >> 16 & 0xFFF == 0xFEF
            bus.write(self.CR, 4, self.PG_WORD)
            bus.write(self.A, 4, 0)
            bus.write(self.CR, 4, 1 << 16 | 4 << 3 | 2)
            assert bus.read(self.SR, 4) & 1 << 4  # WRPERR
            assert bus.read(self.A, 4) == 0xFFFF_FFFF

    def test_the_second_bank(self) -> None:
        with chip(F4) as bench:
            bus = bench.core.bus
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, self.PG_WORD)
            for address in (0x0810_0000, 0x081E_0000):
                bus.write(address, 4, 0)
            bus.write(self.CR, 4, 1 << 16 | 0b10000 << 3 | 2)
            assert bus.read(0x0810_0000, 4) == 0xFFFF_FFFF
            bus.write(self.CR, 4, 1 << 16 | 1 << 15)
            assert bus.read(0x081E_0000, 4) == 0xFFFF_FFFF


class TestStm32L4:
    KEYR, SR, CR = 0x4002_2008, 0x4002_2010, 0x4002_2014
    A = 0x0800_0800  # page 1

    def test_a_double_word_is_programmed_only_once(self) -> None:
        with chip(L4) as bench:
            bus = bench.core.bus
            bus.write_words(self.A, (1, 2))
            assert bus.read(self.SR, 4) == 1 << 7  # PGSERR: locked
            bus.write(self.SR, 4, 1 << 7)
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, 1 << 24 | 1)
            bus.write_words(self.A, (1, 2))
            assert bus.read(self.SR, 4) == 1  # EOP
            bus.write_words(self.A, (1, 0))
            assert bus.read(self.SR, 4) & 1 << 3  # PROGERR: not erased
            assert bus.read_words(self.A, 2) == (1, 2)

    def test_size_and_alignment(self) -> None:
        with chip(L4) as bench:
            bus = bench.core.bus
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, 1)
            bus.write(self.A, 2, 0)
            assert bus.read(self.SR, 4) == 1 << 6  # SIZERR
            bus.write(self.A, 4, 0)
            assert bus.read(self.SR, 4) == 1 << 7 | 1 << 6  # PGSERR: SIZERR is not cleared
            bus.write(self.SR, 4, 1 << 7 | 1 << 6)
            bus.write(self.A + 4, 4, 0)
            assert bus.read(self.SR, 4) == 1 << 5  # PGAERR
            assert bus.read_words(self.A, 2) == (0xFFFF_FFFF, 0xFFFF_FFFF)

    def test_fast_programming_of_a_row(self) -> None:
        with chip(L4) as bench:
            bus = bench.core.bus
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, 1 << 24 | 1 << 18)
            bus.write_words(self.A, range(63))
            assert bus.read(self.SR, 4) == 0
            bus.write(self.A + 0xFC, 4, 63)
            assert bus.read(self.SR, 4) == 1  # EOP: the row is complete
            assert bus.read_words(self.A, 64) == tuple(range(64))
            bus.write(self.A + 0x104, 4, 0)
            assert bus.read(self.SR, 4) == 1 | 1 << 5  # PGAERR: not the begin of a row
            assert bus.read(self.A + 0x104, 4) == 0xFFFF_FFFF
            bus.write(self.SR, 4, 1 | 1 << 5)
            bus.write(self.A + 0x100, 2, 0)
            assert bus.read(self.SR, 4) == 1 << 6  # SIZERR

    def test_erasing_and_protecting_pages(self) -> None:
        with chip(L4) as bench:
            bus = bench.core.bus
            unlock(bus, self.KEYR)
            bus.write(self.CR, 4, 1)
            second_bank = 0x0808_0000
            for address in (self.A, second_bank):
                bus.write_words(address, (0, 0))
            bus.write(self.CR, 4, 1 << 16 | 1 << 3 | 2)
            assert bus.read(self.A, 4) == 0xFFFF_FFFF
            bench.chip.flash.protect(256)
            bus.write(self.CR, 4, 1 << 16 | 1 << 11 | 2)
            assert bus.read(self.SR, 4) & 1 << 4  # WRPERR
            assert bus.read(second_bank, 4) == 0
            assert bus.read(0x4002_204C, 4) == 0  # WRP2AR: page 0 of bank 2


class TestNrf52840:
    CONFIG, ERASEPAGE, ERASEALL = 0x4001_E504, 0x4001_E508, 0x4001_E50C
    A = 0x1_0000

    def test_writing_needs_wen_and_words(self) -> None:
        with chip(NRF) as bench:
            bus = bench.core.bus
            with pytest.raises(BusError):
                bus.write(self.A, 4, 0)
            bus.write(self.CONFIG, 4, 1)
            with pytest.raises(BusError):
                bus.write(self.A, 2, 0)
            bus.write(self.A, 4, 0x0F0F_0F0F)
            bus.write(self.A, 4, 0x1234_5678)
            assert bus.read(self.A, 4) == 0x0204_0608
            bus.write(0x1000_1080, 4, 5)  # UICR
            assert bus.read(0x1000_1080, 4) == 5
            with pytest.raises(BusError):
                bus.write(0x1000_0100, 4, 5)  # FICR

    def test_erasing_needs_een(self) -> None:
        with chip(NRF) as bench:
            bus = bench.core.bus
            bus.write(self.CONFIG, 4, 1)
            bus.write(self.A, 4, 0)
            bus.write(self.ERASEPAGE, 4, self.A)
            assert bus.read(self.A, 4) == 0
            bench.chip.flash.protect(16)
            bus.write(self.CONFIG, 4, 2)
            bus.write(self.ERASEPAGE, 4, self.A)
            assert bus.read(self.A, 4) == 0
            bus.write(self.ERASEPAGE, 4, 0x2000)
            assert bus.read(0x4001_E400, 4) == 1


class TestNrf91:
    CONFIG = 0x5003_9504
    A = 0x1_0000

    def test_a_word_of_ones_erases_its_page(self) -> None:
        with chip(NRF91) as bench:
            bus = bench.core.bus
            bus.write(self.CONFIG, 4, 1)
            for address in (self.A - 4, self.A, self.A + 0xFFC):
                bus.write(address, 4, 0)
            bus.write(self.A, 4, 0xFFFF_FFFF)  # only erasing sets bits
            assert bus.read(self.A, 4) == 0
            bus.write(self.CONFIG, 4, 2)
            with pytest.raises(BusError):
                bus.write(self.A, 4, 0)
            bus.write(self.A, 4, 0xFFFF_FFFF)
            assert bus.read(self.A, 4) == bus.read(self.A + 0xFFC, 4) == 0xFFFF_FFFF
            assert bus.read(self.A - 4, 4) == 0

    def test_a_protected_page_is_not_erased(self) -> None:
        with chip(NRF91) as bench:
            bus = bench.core.bus
            bus.write(self.CONFIG, 4, 1)
            bus.write(self.A, 4, 0)
            bench.chip.flash.protect(16)
            bus.write(self.CONFIG, 4, 2)
            bus.write(self.A, 4, 0xFFFF_FFFF)
            assert bus.read(self.A, 4) == 0


class TestKinetis:
    FSTAT, FSEC, FCCOB0, FCCOB4, FCCOB8, FPROT = (0x4002_0000 + at for at in (0, 2, 4, 8, 12, 16))
    A = 0x1_0000
    CCIF, ACCERR, FPVIOL, MGSTAT0 = 0x80, 0x20, 0x10, 0x01

    def execute(self, bus: Bus, command: int, address: int = 0, data: int = 0) -> int:
        """Execute a command; return the bits of FSTAT besides CCIF."""
        bus.write(self.FSTAT, 1, self.ACCERR | self.FPVIOL)
        bus.write(self.FCCOB0, 4, command << 24 | address)
        bus.write(self.FCCOB4, 4, data)
        bus.write(self.FSTAT, 1, self.CCIF)
        return bus.read(self.FSTAT, 1) & ~self.CCIF

    def test_programming_clears_bits_and_only_an_erase_sets_them(self) -> None:
        with chip(KW41Z) as bench:
            bus = bench.core.bus
            assert self.execute(bus, 6, self.A, 0x0F0F_0F0F) == 0
            assert self.execute(bus, 6, self.A, 0x1234_5678) == 0
            assert bus.read(self.A, 4) == 0x0204_0608
            assert self.execute(bus, 6, self.A + 0x800, 0) == 0
            assert self.execute(bus, 9, self.A) == 0
            assert bus.read(self.A, 4) == 0xFFFF_FFFF
            assert bus.read(self.A + 0x800, 4) == 0  # the next sector
            assert self.execute(bus, 0x44) == 0
            assert bus.read(self.A + 0x800, 4) == 0xFFFF_FFFF

    def test_a_store_is_a_bus_error(self) -> None:
        with chip(KW41Z) as bench, pytest.raises(BusError):
            bench.core.bus.write(self.A, 4, 0)

    def test_invalid_commands_are_refused_until_the_error_is_cleared(self) -> None:
        with chip(KW41Z) as bench:
            bus = bench.core.bus
            assert self.execute(bus, 6, self.A + 2, 0) == self.ACCERR
            assert self.execute(bus, 6, 0x8_0000, 0) == self.ACCERR
            assert self.execute(bus, 0x77) == self.ACCERR
            bus.write(self.FCCOB0, 4, 6 << 24 | self.A)
            bus.write(self.FSTAT, 1, self.CCIF)
            assert bus.read(self.A, 4) == 0xFFFF_FFFF

    def test_checks(self) -> None:
        with chip(KW41Z) as bench:
            bus = bench.core.bus
            assert self.execute(bus, 1, self.A, 4 << 16) == 0
            self.execute(bus, 6, self.A + 12, 7)
            assert self.execute(bus, 1, self.A, 3 << 16) == 0
            assert self.execute(bus, 1, self.A, 4 << 16) == self.MGSTAT0
            assert self.execute(bus, 0x40) == self.MGSTAT0
            bus.write(self.FCCOB8, 4, 7)
            assert self.execute(bus, 2, self.A + 12, 1 << 24) == 0
            bus.write(self.FCCOB8, 4, 6)
            assert self.execute(bus, 2, self.A + 12, 1 << 24) == self.MGSTAT0

    def test_protected_sectors_and_regions(self) -> None:
        with chip(KW41Z) as bench:
            bus = bench.core.bus
            bench.chip.flash.protect(0x20)
            assert self.execute(bus, 6, self.A, 0) == self.FPVIOL
            assert self.execute(bus, 9, self.A) == self.FPVIOL
            assert self.execute(bus, 0x44) == self.FPVIOL
            assert self.execute(bus, 9, self.A + 0x800) == 0
            bus.write(self.FPROT, 4, ~(1 << 5) & 0xFFFF_FFFF)  # 16 KiB from 0x14000 on
            assert self.execute(bus, 6, 0x1_4000, 0) == self.FPVIOL
            assert self.execute(bus, 6, 0x1_3FFC, 0) == 0
            bench.core.reset_now()
            assert self.execute(bus, 6, 0x1_4000, 0) == 0

    def test_the_configuration_field_takes_effect_at_reset(self) -> None:
        with chip(KW41Z) as bench:
            bus = bench.core.bus
            assert bus.read(self.FSEC, 1) == 0xFE
            self.execute(bus, 6, 0x408, 0xFFFF_FFFE)
            self.execute(bus, 9, 0)  # region 0 is not yet protected
            self.execute(bus, 6, 0x408, 0xFFFF_FFFE)
            bench.core.reset_now()
            assert self.execute(bus, 9, 0) == self.FPVIOL
            assert bus.read(self.FSEC, 1) == 0xFF  # erased: the chip is secure


@pytest.mark.parametrize("name", [F4, L4, NRF, NRF91, KW41Z])
def test_a_stuck_bit_stays_one(name: str) -> None:
    with chip(name) as bench:
        array = bench.chip.flash.array
        array.stick(array.memory.base + 0x101, 3)
        assert array.programmed(0x100, 4, 0) == 1 << 11
