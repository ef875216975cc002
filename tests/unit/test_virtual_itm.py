"""ITM and SWO: what firmware writes to the stimulus ports, as packets and as text."""

import os
import sys
from pathlib import Path

import pytest

from harness.simulator.itm import KEY, LAR, LSR, TCR, TER, TPR, Itm
from harness.simulator.serve import _show_text
from harness.simulator.swo import Swo
from tests.support.assembly_bench import running

_ENABLE = f"""
    poke 0xE000EDFC, 0x01000000
    poke 0xE0000FB0, {KEY:#x}
    poke 0xE0000E80, 1
    poke 0xE0000E00, 0x5
"""


class Unit:
    """An ITM with a clock, and what it has sent."""

    def __init__(self, *, locks: bool = True) -> None:
        self.now = 0
        self.traced = self.privileged = True
        self.sent: list[tuple[int, bytes, bytes]] = []
        states = (lambda: self.traced, lambda: self.privileged)
        self.itm = Itm(*states, lambda: self.now, self._note, locks=locks)

    def enable(self, control: int = 1) -> None:
        self.itm.write(LAR, KEY)
        self.itm.write(TCR, control)
        self.itm.write(TER, 0x8000_0001)

    def packets(self) -> bytes:
        return b"".join(packet for _, _, packet in self.sent)

    def _note(self, port: int, data: bytes, packet: bytes) -> None:
        self.sent.append((port, data, packet))


def test_packets() -> None:
    """The header has the port and the size; the least significant byte comes first."""
    unit = Unit()
    unit.enable()
    assert unit.itm.read(0) == 1
    unit.itm.write_narrow(0, 1, 0x41)
    unit.itm.write_narrow(4 * 31, 2, 0x4342)
    unit.itm.write(0, 0x4746_4544)
    assert unit.packets() == b"\x01A" + b"\xfaBC" + b"\x03DEFG"
    assert [port for port, _, _ in unit.sent] == [0, 31, 0]


@pytest.mark.parametrize("off", ["trace", "unit", "port"])
def test_a_port_that_is_off_sends_nothing_and_is_not_ready(off: str) -> None:
    unit = Unit()
    unit.enable(control=off != "unit")
    unit.traced = off != "trace"
    port = 4 * (off == "port")
    unit.itm.write(port, 0x41)
    assert unit.sent == []
    assert unit.itm.read(port) == 0


def test_the_lock() -> None:
    unit = Unit()
    assert unit.itm.read(LSR) == 3
    unit.itm.write(TER, 1)
    assert unit.itm.read(TER) == 0
    unit.itm.write(LAR, KEY)
    unit.itm.write(TER, 1)
    unit.itm.write_narrow(TPR, 1, 0xFF)
    assert (unit.itm.read(LSR), unit.itm.read(TER), unit.itm.read(TPR)) == (1, 1, 0xF)
    unit.itm.write(LAR, 1)
    unit.itm.write(TER, 2)
    assert (unit.itm.read(LSR), unit.itm.read(TER)) == (3, 1)
    free = Unit(locks=False).itm
    free.write(TER, 1)
    assert (free.read(LSR), free.read(TER)) == (0, 1)


def test_unprivileged_code() -> None:
    """TPR closes ports 24 to 31; the other registers are only readable."""
    unit = Unit()
    unit.enable()
    unit.itm.write(TPR, 1 << 3)
    unit.privileged = False
    unit.itm.write(4 * 31, 1)
    unit.itm.write_narrow(0, 1, 0x41)
    unit.itm.write(TER, 0x0000_0003)
    unit.itm.write(TPR, 0)
    unit.itm.write(TCR, 0)
    assert unit.packets() == b"\x01A"
    assert unit.itm.read(TER) == 0x8000_0003
    assert (unit.itm.read(TPR), unit.itm.read(TCR)) == (1 << 3, 1)


@pytest.mark.parametrize(
    ("passed", "prescale", "expected"),
    [
        (6, 0, b"\x60"),
        (0, 0, b"\xc0\x00"),
        (7, 0, b"\xc0\x07"),
        (0x1234, 0, b"\xc0\xb4\x24"),
        (1 << 40, 0, b"\xc0\xff\xff\xff\x7f"),
        (0x100, 3, b"\x40"),
    ],
)
def test_timestamps(passed: int, prescale: int, expected: bytes) -> None:
    """DDI 0403E, D4.2.4: in one byte, or with seven bits in each of up to four."""
    unit = Unit()
    unit.enable(control=3 | prescale << 8)
    unit.now = passed
    unit.itm.write_narrow(0, 1, 0x41)
    assert unit.packets() == b"\x01A" + expected


def test_text_of_port_0() -> None:
    swo = Swo()
    for character in b"one\r\ntwo\0\nrest":
        swo.send(0, bytes([character]), b"")
    swo.send(1, b"\n", b"")
    assert swo.lines() == ["one", "two"]
    assert swo.unread.popleft() == "one"
    swo.send(0, b"!!!\n", b"")
    assert list(swo.unread) == ["two", "rest!!!"]
    assert swo.lines() == ["rest!!!"]


def test_a_flood_is_bounded() -> None:
    swo = Swo()
    swo.listen(True)
    for _ in range(300_000):
        swo.send(0, b"xxxx", b"\x03xxxx")
    lines = swo.lines()
    assert len(lines) == 1000
    assert max(map(len, lines)) == 1024
    taken = swo.take(1 << 20)
    assert len(taken) == 65_535
    assert taken == b"\x03xxxx" * 13_107
    swo.send(0, b"y", b"\x01y")
    assert swo.take(1) == b"\x01"
    assert swo.take(100) == b"y"
    swo.listen(False)
    swo.send(0, b"y", b"\x01y")
    assert swo.take(100) == b""


def test_nobody_reads_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board must not wait for whoever reads its standard output: a signal could not end it."""
    swo = Swo()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, bytes(4096))
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    swo.send(0, b"text\n", b"")
    with os.fdopen(writer, "w") as output, os.fdopen(reader, "rb") as pipe:
        monkeypatch.setattr(sys, "stdout", output)
        _show_text(swo)
        assert list(swo.unread) == ["text"]
        pipe.read(4096)
        _show_text(swo)
        assert list(swo.unread) == []


def test_an_unprivileged_thread_sends(tmp_path: Path) -> None:
    source = f"""start: {_ENABLE}
        movs r0, #1
        msr control, r0
        isb
        ldr r0, =0xE0000000
        ldr r1, [r0, #0xE00]
        ldr r1, =0x0A41
        strh r1, [r0]
        bkpt #0
    """
    with running(tmp_path, source) as bench:
        assert bench.core.swo.lines() == ["A"]


@pytest.mark.parametrize("chip", ["stm32f429xi", "nrf52840", "nrf91"])
def test_firmware_sends(tmp_path: Path, chip: str) -> None:
    """As CMSIS's ITM_SendChar, and in halfwords and words; port 1 is off."""
    source = f"""start: {_ENABLE}
        ldr r0, =0xE0000000
        movs r1, #'A'
    1:  ldr r2, [r0]
        cmp r2, #0
        beq 1b
        strb r1, [r0]
        ldr r1, =0x4342
        strh r1, [r0]
        str r1, [r0, #4]
        str r1, [r0, #8]
        ldr r1, =0x0A444444
        str r1, [r0]
        bkpt #0
    """
    with running(tmp_path, source, chip=chip, wait=False) as bench:
        bench.core.swo.listen(True)
        bench.wait()
        assert bench.core.swo.lines() == ["ABCDDD"]
        assert bench.core.swo.take(100) == b"\x01A\x02BC\x13BC\0\0\x03DDD\n"


def test_the_m0plus_has_no_itm(tmp_path: Path) -> None:
    source = "start: ldr r0, =0xE0000000\n movs r1, #65\n strb r1, [r0]\n bkpt #0"
    with running(tmp_path, source, chip="kw41z4") as bench:
        assert bench.core.bus.read(0xE000_0E80, 4) == 0
        assert bench.core.swo.lines() == []
