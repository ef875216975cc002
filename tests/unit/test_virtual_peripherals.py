"""UARTs, timers and other peripherals, register by register."""

from pathlib import Path

import pytest

from harness.simulator.clock import Clock
from harness.simulator.line_faults import Disturbance, Harm, LineFault
from harness.simulator.nvic import Nvic
from harness.simulator.peripherals.plain_registers import Follow, PlainRegisters
from harness.simulator.peripherals.stm32_timer import Stm32Timer
from harness.simulator.peripherals.stm32_usart import UsartV1, UsartV2
from tests.support.assembly_bench import running

RAM = 0x2000_0000


class Wire:
    """An interrupt line and a serial line."""

    def __init__(self) -> None:
        self.level = False
        self.sent = bytearray()
        self.clock = Clock(1, lambda: 0)

    def drive(self, level: bool) -> None:
        self.level = level


def test_usart_v1() -> None:
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
    assert usart.read(0x00) == 0xC0
    usart.write(0x04, ord("x"))
    assert wire.sent == b"x"
    usart.write(0x00, 0)
    assert usart.read(0x00) == 0x80  # TC cleared
    usart.write(0x0C, 1 << 13 | 1 << 7)
    assert wire.level  # TXE


def test_usart_v2() -> None:
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


class Now:
    def __init__(self) -> None:
        self.ticks = 0
        self.wire = Wire()


def test_stm32_timer() -> None:
    now = Now()
    timer = Stm32Timer(Clock(16_000_000, lambda: now.ticks), now.wire.drive, lambda: None, bits=32)
    timer.write(0x28, 3)  # PSC
    timer.write(0x2C, 9)
    timer.write(0x14, 1)  # UG takes them over
    assert timer.read(0x10) == 1
    timer.write(0x10, 0)
    timer.write(0x0C, 1)
    timer.write(0x00, 1)
    assert timer.deadline() == 40
    now.ticks = 39
    assert timer.read(0x24) == 9
    assert not now.wire.level
    now.ticks = 45
    assert timer.read(0x24) == 1
    assert now.wire.level
    timer.write(0x10, 0)
    assert not now.wire.level
    now.ticks = 415
    assert timer.read(0x24) == 3
    timer.write(0x24, 7)
    assert timer.read(0x24) == 7


def test_ready_bits_follow() -> None:
    registers = PlainRegisters({0: 0x83}, (Follow(0, 16, 0, 17), Follow(8, 0, 8, 2, width=2)))
    assert registers.read(0) == 0x83
    registers.write(0, 1 << 16)
    assert registers.read(0) == 3 << 16
    registers.write(8, 2)
    assert registers.read(8) == 2 | 2 << 2


def test_a_line_pends_again_until_it_is_low() -> None:
    nvic = Nvic(4, lambda: None)
    drive = nvic.line(3)
    drive(True)
    nvic.unpend(19)
    assert nvic.pending == {19}
    nvic.enter(19)
    assert nvic.pending == set()
    nvic.leave(19)
    assert nvic.pending == {19}
    nvic.enter(19)
    drive(False)
    nvic.leave(19)
    assert nvic.pending == set()


@pytest.mark.parametrize(
    ("harm", "result"),
    [(Harm.DROP, b"acd"), (Harm.CORRUPT, b"accd"), (Harm.DOUBLE, b"abbcd")],
)
def test_line_faults(harm: Harm, result: bytes) -> None:
    disturbance = Disturbance()
    assert disturbance.apply(b"xyz") == b"xyz"
    disturbance.add(LineFault(harm, True, 1))
    assert disturbance.apply(b"a") + disturbance.apply(b"bcd") == result
    assert disturbance.apply(b"abcd") == b"abcd"


def test_a_narrow_write_keeps_the_other_bytes(tmp_path: Path) -> None:
    source = """start:
        ldr r0, =0x40023808
        ldr r1, =0x11223344
        str r1, [r0]
        movs r1, #0xAA
        strb r1, [r0, #2]
        ldr r1, [r0]
        put r1
        ldrh r1, [r0, #2]
        put r1
        bkpt #0
    """
    with running(tmp_path, source) as bench:
        assert bench.results == [0x11AA_3340, 0x11AA]
