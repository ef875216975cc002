"""UARTE, TIMER and RTC of Nordic's chips, register by register."""

import pytest

from harness.simulator.bus import Bus, Memory
from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf_rtc import NrfRtc
from harness.simulator.peripherals.nrf_timer import NrfTimer
from harness.simulator.peripherals.nrf_uart import NrfUart

RAM = 0x2000_0000
HERTZ = 64_000_000


class Wire:
    """An interrupt line, a serial line and a clock that a test moves."""

    def __init__(self) -> None:
        self.level = False
        self.sent = bytearray()
        self.ticks = 0
        self.clock = Clock(HERTZ, lambda: self.ticks)
        self.agenda = Agenda(self.clock, lambda: None)

    def drive(self, level: bool) -> None:
        self.level = level

    def go_to(self, tick: int) -> None:
        """Let time pass; what is on the agenda happens at its ticks."""
        while (due := self.agenda.deadline()) is not None and due <= tick:
            self.ticks = due
            self.agenda.expire()
        self.ticks = tick


def nrf_uart(wire: Wire) -> tuple[NrfUart, Memory]:
    memory = Memory(RAM, 0x1000)
    uart = NrfUart(wire.drive, Bus([memory], []), wire.clock, wire.agenda)
    uart.transmit = wire.sent.append
    return uart, memory


def test_nrf_uart() -> None:
    wire = Wire()
    uart, _ = nrf_uart(wire)
    uart.write(0x500, 4)
    uart.write(0x304, 1 << 2)
    uart.write(0x000, 1)
    uart.receive(b"ab")
    assert wire.level
    uart.write(0x108, 0)
    assert not wire.level
    assert uart.read(0x518) == ord("a")
    assert wire.level  # the next byte is in RXD
    uart.write(0x108, 0)
    assert uart.read(0x518) == ord("b")
    assert uart.read(0x108) == 0
    uart.write(0x008, 1)
    uart.write(0x51C, ord("x"))
    assert uart.read(0x11C) == 1
    assert wire.sent == b"x"


def test_uarte_receives_into_ram() -> None:
    wire = Wire()
    uart, memory = nrf_uart(wire)
    uart.write(0x500, 8)
    uart.write(0x534, RAM + 0x100)
    uart.write(0x538, 4)
    uart.write(0x304, 1 << 4)
    uart.write(0x000, 1)
    assert uart.read(0x14C) == 1
    uart.receive(b"abc")
    assert uart.read(0x108) == 1
    assert not wire.level
    uart.receive(b"def")
    assert wire.level
    assert uart.read(0x53C) == 4
    assert memory.bytes[0x100:0x105] == b"abcd\0"
    uart.write(0x110, 0)
    uart.write(0x534, RAM + 0x200)
    uart.write(0x000, 1)
    assert memory.bytes[0x200:0x202] == b"ef"
    uart.write(0x004, 1)
    assert uart.read(0x53C) == 2
    assert uart.read(0x110) == 1
    assert uart.read(0x144) == 1


def test_uarte_continues_with_the_next_buffer_by_the_short() -> None:
    """One byte time later, in which firmware sets the buffer after it, as Mbed OS does."""
    wire = Wire()
    uart, memory = nrf_uart(wire)
    uart.write(0x500, 8)
    uart.write(0x524, 0x01D7_E000)  # 115200 baud
    uart.write(0x200, 1 << 5)
    uart.write(0x534, RAM)
    uart.write(0x538, 1)
    uart.write(0x000, 1)
    uart.write(0x534, RAM + 1)
    uart.receive(b"abc")
    for received in (b"a", b"ab", b"abc"):
        assert memory.bytes[:4] == received.ljust(4, b"\0")
        due = wire.agenda.deadline()
        uart.write(0x534, RAM + len(received) + 1)
        if due is not None:
            assert due - wire.ticks == pytest.approx(HERTZ / 11_520, rel=0.01)
            wire.go_to(due - 1)
            assert memory.bytes[len(received)] == 0
            wire.go_to(due)
    assert wire.agenda.deadline() is None


def test_uarte_after_a_bootloader() -> None:
    uart, _ = nrf_uart(Wire())
    uart.listen()
    assert uart.read(0x144) == 0
    uart.write(0x004, 1)  # STOPRX
    assert uart.read(0x144) == 1  # RXTO


def nrf_rtc(wire: Wire) -> NrfRtc:
    return NrfRtc(wire.clock, wire.drive, wire.agenda)


def test_rtc_counts_and_compares() -> None:
    wire = Wire()
    rtc = nrf_rtc(wire)
    wire.go_to(1000)  # not started
    assert rtc.read(0x504) == 0
    rtc.write(0x000, 1)
    rtc.write(0x540, 3)
    assert wire.agenda.deadline() is None  # no interrupt is enabled
    rtc.write(0x304, 1 << 16)
    due = wire.agenda.deadline()
    assert due == 1000 + -(-3 * HERTZ // 32_768)
    wire.go_to(due - 1)
    assert (rtc.read(0x504), rtc.read(0x140), wire.level) == (2, 0, False)
    wire.go_to(due)
    assert (rtc.read(0x504), rtc.read(0x140), wire.level) == (3, 1, True)
    rtc.write(0x140, 0)
    assert not wire.level
    rtc.write(0x004, 1)
    wire.go_to(due + HERTZ)
    assert rtc.read(0x504) == 3
    rtc.write(0x008, 1)
    assert rtc.read(0x504) == 0


def test_rtc_divides_and_overflows() -> None:
    wire = Wire()
    rtc = nrf_rtc(wire)
    rtc.write(0x508, 32_767)  # 12 bits of it: 4095, 8 Hz
    rtc.write(0x344, 1 << 1)
    rtc.write(0x00C, 1)  # TRIGOVRFLW: 16 counts are left
    rtc.write(0x000, 1)
    wire.go_to(15 * 8_000_000)
    assert (rtc.read(0x504), rtc.read(0x104)) == (0xFF_FFFF, 0)
    wire.go_to(16 * 8_000_000)
    assert (rtc.read(0x504), rtc.read(0x104)) == (0, 1)
    assert not wire.level  # routed, not enabled
    rtc.write(0x348, 1 << 1)
    assert rtc.read(0x340) == 0


def test_uarte_sends_from_ram_only() -> None:
    wire = Wire()
    uart, memory = nrf_uart(wire)
    memory.bytes[:5] = b"hello"
    uart.write(0x500, 8)
    uart.write(0x544, RAM)
    uart.write(0x548, 5)
    uart.write(0x008, 1)
    assert wire.sent == b"hello"
    assert uart.read(0x54C) == 5
    assert uart.read(0x120) == 1
    uart.write(0x544, 0x1000)
    uart.write(0x008, 1)
    assert wire.sent == b"hello"
    assert uart.read(0x54C) == 0


def test_nrf_timer() -> None:
    wire = Wire()
    timer = NrfTimer(wire.clock, wire.drive, wire.agenda)
    timer.write(0x508, 3)
    timer.write(0x510, 0)
    timer.write(0x000, 1)
    wire.go_to(41)
    timer.write(0x40, 1)
    assert timer.read(0x540) == 10
    timer.write(0x544, 100)
    timer.write(0x200, 1 << 1)  # COMPARE[1] clears
    timer.write(0x304, 1 << 17)
    assert wire.agenda.deadline() == 400
    wire.go_to(408)
    assert timer.read(0x144) == 1
    assert wire.level
    timer.write(0x40, 1)
    assert timer.read(0x540) == 2
    timer.write(0x004, 1)
    wire.go_to(1000)
    timer.write(0x40, 1)
    assert timer.read(0x540) == 2
