"""UARTs, timers and other peripherals, register by register."""

from pathlib import Path

import pytest

from harness.simulator.clock import Clock
from harness.simulator.line_faults import Disturbance, Harm, LineFault
from harness.simulator.nvic import Nvic
from harness.simulator.peripherals.plain_registers import Follow, PlainRegisters
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


class Now:
    def __init__(self) -> None:
        self.ticks = 0
        self.wire = Wire()


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
