"""USARTs of the STM32 and their DMA: register by register, on the chips' buses."""

from collections.abc import Iterator

import pytest

from harness.simulator.bus import Bus
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32_usart import UsartV1, UsartV2
from harness.simulator.peripherals.uart import QUEUE, Uarts
from tests.support.assembly_bench import Bench

RAM = 0x2000_0100
USART3 = 0x4000_4800
DMA1 = 0x4002_6000  # of the STM32F4


class Wire:
    """An interrupt line and a serial line."""

    def __init__(self) -> None:
        self.level = False
        self.sent = bytearray()

    def drive(self, level: bool) -> None:
        self.level = level


def test_version_1() -> None:
    wire = Wire()
    usart = UsartV1(wire.drive)
    usart.transmit = wire.sent.append
    usart.receive(b"lost")
    usart.write(0x04, ord("-"))
    usart.write(0x0C, 1 << 13 | 1 << 5 | 3 << 2)
    assert not wire.level
    usart.receive(b"ab")
    assert wire.level
    assert usart.read(0x00) == 0xE0
    assert usart.read(0x04) == ord("a")
    assert wire.level
    assert usart.read(0x04) == ord("b")
    assert not wire.level
    assert usart.read(0x00) == 0xD0  # IDLE
    usart.write(0x04, ord("x"))
    assert wire.sent == b"x"
    usart.write(0x00, 0)
    assert usart.read(0x00) & 0xC0 == 0x80  # TC cleared
    usart.write(0x0C, 1 << 13 | 1 << 7)
    assert wire.level  # TXE


def test_version_1_clears_idle_by_reading_sr_and_then_dr() -> None:
    wire = Wire()
    usart = UsartV1(wire.drive)
    usart.write(0x0C, 1 << 13 | 1 << 4 | 3 << 2)
    usart.receive(b"ab")
    usart.read(0x04)
    assert not wire.level
    usart.read(0x04)
    assert wire.level
    usart.read(0x04)
    assert wire.level  # without SR before
    assert usart.read(0x00) & 1 << 4
    usart.read(0x04)
    assert not wire.level
    assert not usart.read(0x00) & 1 << 4


def test_version_2() -> None:
    wire = Wire()
    usart = UsartV2(wire.drive)
    usart.transmit = wire.sent.append
    usart.write(0x00, 1 << 5 | 3 << 2 | 1)
    assert usart.read(0x1C) == 0x6000C0
    usart.receive(b"ab")
    assert wire.level
    assert usart.read(0x24) == ord("a")
    usart.write(0x18, 1 << 3)
    assert not wire.level
    usart.write(0x20, 1 << 6)
    assert usart.read(0x1C) == 0x600080
    usart.write(0x28, ord("x"))
    assert wire.sent == b"x"


def test_a_flush_discards_one_byte_those_behind_it_are_still_on_the_line() -> None:
    usart = UsartV2(Wire().drive)
    usart.write(0x00, 3 << 2 | 1)
    usart.receive(b"ab")
    usart.write(0x18, 1 << 3)
    assert usart.read(0x24) == ord("b")
    usart.write(0x18, 1 << 3)
    assert usart.read(0x24) == 0


def test_a_uart_that_nobody_reads_holds_no_other_one_up() -> None:
    """As a firmware that listens on all UARTs of its board, and answers on one."""
    usarts = [UsartV2(Wire().drive) for _ in range(3)]
    for usart in usarts[:2]:
        usart.write(0x00, 3 << 2 | 1)
    line = Uarts(usarts)
    for _ in range(8):
        line.receive(bytes(QUEUE))
        while usarts[0].read(0x1C) & 1 << 5:
            usarts[0].read(0x24)
    assert line.waiting == 0
    assert QUEUE < usarts[1].waiting < 8 * QUEUE
    line.receive(bytes(QUEUE))
    assert line.waiting == QUEUE


def test_version_2_clears_idle_through_icr() -> None:
    wire = Wire()
    usart = UsartV2(wire.drive)
    usart.write(0x00, 1 << 4 | 3 << 2 | 1)
    usart.receive(b"a")
    usart.read(0x24)
    assert wire.level
    usart.write(0x20, 1 << 4)
    assert not wire.level


def test_requests_follow_the_enables_and_the_data() -> None:
    receive, transmit = DmaRequest(), DmaRequest()
    usart = UsartV1(Wire().drive, receive, transmit)
    usart.write(0x14, 3 << 6)
    assert not transmit.level  # disabled
    usart.write(0x0C, 1 << 13 | 3 << 2)
    assert (receive.level, transmit.level) == (False, True)
    usart.receive(b"a")
    assert receive.level
    usart.read(0x04)
    assert not receive.level
    usart.reset()
    assert not transmit.level


@pytest.fixture
def f4() -> Iterator[Bench]:
    bench = Bench("stm32f429xi")
    yield bench
    bench.core.close()


@pytest.fixture
def l4() -> Iterator[Bench]:
    bench = Bench("stm32l475xg")
    yield bench
    bench.core.close()


def write(bus: Bus, base: int, **registers: int) -> None:
    for name, value in registers.items():
        bus.write(base + int(name[1:], 16), 4, value)


def pends(bench: Bench, interrupt: int) -> bool:
    return 16 + interrupt in bench.core.nvic.pending


def enable(bench: Bench) -> bytearray:
    """Enable USART3 of the STM32F4 with DMA; return what it sends."""
    sent = bytearray()
    bench.chip.uarts["USART3"].transmit = sent.append
    write(bench.core.bus, USART3, _14=3 << 6, _0C=1 << 13 | 3 << 2)
    return sent


def test_a_stream_sends(f4: Bench) -> None:
    sent, bus = enable(f4), f4.core.bus
    bus.memories[2].bytes[0x100:0x105] = b"hello"
    stream = DMA1 + 0x10 + 3 * 0x18  # stream 3, channel 4: USART3_TX
    write(bus, stream, _04=5, _08=USART3 + 4, _0C=RAM)
    bus.write(stream, 4, 4 << 25 | 1 << 10 | 1 << 6 | 3 << 3 | 1)
    assert sent == b"hello"
    assert bus.read(DMA1, 4) == 0x30 << 22  # HTIF3, TCIF3
    assert (bus.read(stream, 4) & 1, bus.read(stream + 4, 4)) == (0, 0)
    assert pends(f4, 14)
    bus.write(DMA1 + 8, 4, 0x30 << 22)
    assert bus.read(DMA1, 4) == 0


def test_a_stream_of_another_channel_does_not_send(f4: Bench) -> None:
    sent, bus = enable(f4), f4.core.bus
    stream = DMA1 + 0x10 + 3 * 0x18
    write(bus, stream, _04=5, _08=USART3 + 4, _0C=RAM, _00=5 << 25 | 1 << 10 | 1 << 6 | 1)
    assert not sent
    assert bus.read(stream + 4, 4) == 5


def test_a_circular_stream_receives_until_the_line_is_idle(f4: Bench) -> None:
    enable(f4)
    bus, usart = f4.core.bus, f4.chip.uarts["USART3"]
    write(bus, USART3, _0C=1 << 13 | 1 << 4 | 3 << 2)  # IDLEIE
    stream = DMA1 + 0x10 + 1 * 0x18  # stream 1, channel 4: USART3_RX
    write(bus, stream, _04=4, _08=USART3 + 4, _0C=RAM, _00=4 << 25 | 3 << 3 | 5 << 8 | 1)
    usart.receive(b"ab")
    assert bus.read(stream + 4, 4) == 2
    assert bus.read(DMA1, 4) == 0x10 << 6  # HTIF1
    assert bus.read(USART3, 4) & 1 << 4
    assert pends(f4, 39)
    usart.receive(b"cdef")
    assert bus.read(DMA1, 4) == 0x30 << 6
    assert bytes(bus.memories[2].bytes[0x100:0x104]) == b"abcd"
    expire(f4)
    assert bytes(bus.memories[2].bytes[0x100:0x104]) == b"efcd"
    assert bus.read(stream + 4, 4) == 2


def expire(bench: Bench) -> None:
    """Let the time pass until the next event."""
    deadline = bench.core.timed[-1].deadline()
    assert deadline is not None
    bench.core.clock.slept += deadline - bench.core.clock.ticks()
    bench.core.timed[-1].expire()


def test_memory_to_memory(f4: Bench) -> None:
    bus, dma2 = f4.core.bus, 0x4002_6400
    bus.write_words(RAM, range(8))
    stream = dma2 + 0x10
    control = 2 << 6 | 3 << 9 | 2 << 11 | 2 << 13 | 1 << 4
    write(bus, stream, _04=8, _08=RAM, _0C=RAM + 0x40, _00=control | 1)
    assert bus.read(stream, 4) & 1
    expire(f4)
    assert list(bus.read_words(RAM + 0x40, 8)) == list(range(8))
    assert bus.read(dma2, 4) & 0x20
    assert pends(f4, 56)


@pytest.mark.parametrize("address", [0x1000_0000, 0x4000_2400, 0x2003_0000])
def test_an_address_that_dma_does_not_reach_is_an_error(f4: Bench, address: int) -> None:
    """The coupled memory, an empty place, and the end of the SRAM."""
    bus, dma2 = f4.core.bus, 0x4002_6400
    write(bus, dma2 + 0x10, _04=1, _08=address, _0C=RAM, _00=2 << 6 | 2 << 11 | 2 << 13 | 5)
    expire(f4)
    assert bus.read(dma2, 4) == 1 << 3  # TEIF0
    assert pends(f4, 56)
    assert not bus.read(dma2 + 0x10, 4) & 1


def test_rectangles(f4: Bench) -> None:
    """DMA2D copies 2 lines of 3 pixels of 16 bits, then fills one with a color."""
    bus, dma2d = f4.core.bus, 0x4002_B000
    bus.write_words(RAM, [0x2222_1111, 0xAAAA_3333, 0x5555_4444, 0xBBBB_6666])
    write(bus, dma2d, _0C=RAM, _10=1, _1C=2, _3C=RAM + 0x20, _44=3 << 16 | 2, _00=1 << 9 | 1)
    assert bus.read(dma2d, 4) & 1
    expire(f4)
    assert list(bus.read_words(RAM + 0x20, 3)) == [0x2222_1111, 0x4444_3333, 0x6666_5555]
    assert bus.read(dma2d + 4, 4) == 1 << 1
    assert pends(f4, 90)
    write(bus, dma2d, _08=0x3F, _34=2, _38=0xABCD, _44=1 << 16 | 1, _00=3 << 16 | 1)
    expire(f4)
    assert bus.read(RAM + 0x20, 4) == 0x2222_ABCD
    write(bus, dma2d, _08=0x3F, _00=1 << 16 | 1)  # with conversion
    expire(f4)
    assert bus.read(dma2d + 4, 4) == 1 << 5


def test_a_double_buffer_changes_the_memory(f4: Bench) -> None:
    enable(f4)
    bus, usart = f4.core.bus, f4.chip.uarts["USART3"]
    stream = DMA1 + 0x10 + 1 * 0x18
    write(bus, stream, _04=2, _08=USART3 + 4, _0C=RAM, _10=RAM + 0x10)
    bus.write(stream, 4, 4 << 25 | 1 << 18 | 1 << 10 | 1)
    usart.receive(b"abcd")
    assert bus.read(stream, 4) & 1 << 19
    expire(f4)
    assert bytes(bus.memories[2].bytes[0x100:0x102]) == b"ab"
    assert bytes(bus.memories[2].bytes[0x110:0x112]) == b"cd"
    assert not bus.read(stream, 4) & 1 << 19


def test_a_channel_of_the_l4_sends_and_receives(l4: Bench) -> None:
    bus, usart, dma1 = l4.core.bus, 0x4000_4400, 0x4002_0000  # USART2
    sent = bytearray()
    l4.chip.uarts["USART2"].transmit = sent.append
    bus.memories[2].bytes[0x100:0x103] = b"abc"
    write(bus, dma1, _A8=2 << 24 | 2 << 20)  # channels 7 and 6
    write(bus, usart, _08=3 << 6, _00=3 << 2 | 1)
    channel = dma1 + 8 + 6 * 0x14
    write(bus, channel, _04=3, _08=usart + 0x28, _0C=RAM, _00=1 << 7 | 1 << 4 | 3)
    assert sent == b"abc"
    assert bus.read(dma1, 4) == 7 << 24  # GIF7, TCIF7, HTIF7
    assert pends(l4, 17)
    write(bus, dma1, _04=1 << 24)
    assert bus.read(dma1, 4) == 0
    channel = dma1 + 8 + 5 * 0x14
    write(bus, channel, _04=2, _08=usart + 0x24, _0C=RAM + 4, _00=1 << 7 | 1)
    l4.chip.uarts["USART2"].receive(b"xyz")
    assert bytes(bus.memories[2].bytes[0x104:0x107]) == b"xy\0"


def test_a_channel_pads_and_truncates(l4: Bench) -> None:
    bus, dma1 = l4.core.bus, 0x4002_0000
    bus.write_words(RAM, [0x1234_5678, 0x9ABC_DEF0])
    channel = dma1 + 8
    write(bus, channel, _04=2, _08=RAM, _0C=RAM + 0x20)
    bus.write(channel, 4, 1 << 14 | 1 << 10 | 2 << 8 | 3 << 6 | 1)  # words to half-words
    expire(l4)
    assert bus.read(RAM + 0x20, 4) == 0xDEF0_5678
