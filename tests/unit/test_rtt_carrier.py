"""The host's side of RTT: the control block, the rings, and when the host looks at them."""

import struct
import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InfrastructureError
from harness.link import device_clock, rtt_block, rtt_carrier
from harness.link.frame import FrameDecoder, encode
from harness.link.rtt_block import Ring, parse
from harness.link.rtt_carrier import RttCarrier
from tests.support.rtt_device import BLOCK, DOWN, RAM, UP, RttDevice

UP_RING, DOWN_RING = BLOCK + 24, BLOCK + 48


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.at: tuple[float, Callable[[], None]] | None = None
        """What happens when."""

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.at and self.now >= self.at[0]:
            self.at[1]()
            self.at = None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    fake = SimpleNamespace(monotonic=lambda: clock.now, sleep=clock.sleep)
    monkeypatch.setattr(rtt_carrier, "time", fake)
    monkeypatch.setattr(device_clock, "time", fake)
    return clock


@pytest.fixture
def device() -> RttDevice:
    device = RttDevice()
    device.start()
    return device


def carrier_of(device: RttDevice) -> RttCarrier:
    return RttCarrier(device, BLOCK, RAM, name="board (RTT)")


# The control block


def block_of(device: RttDevice) -> bytes:
    return device.get(BLOCK, rtt_block.SIZE)


def test_a_block_names_both_rings_and_the_positions_that_the_host_moves(device: RttDevice) -> None:
    device.send(b"abc")
    block = parse(block_of(device), BLOCK, RAM)
    assert block is not None
    assert block.up == Ring(UP, 64, 3, 0, UP_RING + 16)
    assert block.down == Ring(DOWN, 32, 0, 0, DOWN_RING + 12)
    assert (block.up.filled, block.up.free, block.down.filled, block.down.free) == (3, 60, 0, 31)


def test_a_block_that_is_not_made_yet_is_none() -> None:
    assert parse(bytes(rtt_block.SIZE), BLOCK, RAM) is None


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (16, 0, "it has 0 rings to the host and 1 from it, not 1 and 1"),
        (20, 3, "it has 1 rings to the host and 3 from it, not 1 and 1"),
        (28, RAM.origin - 4, "the ring to the host, 64 bytes at 0x1ffffffc, is outside the RAM"),
        (28, RAM.end - 63, "the ring to the host, 64 bytes at 0x20000fc1, is outside the RAM"),
        (32, 1, "the ring to the host, 1 bytes at 0x20000400, is outside the RAM"),
        (32, 0xFFFF_FFFF, "4,294,967,295 bytes at 0x20000400, is outside the RAM"),
        (36, 64, "the ring to the host has 64 bytes, but its positions are 64 and 0"),
        (40, 0xA5A5_A5A5, "64 bytes, but its positions are 0 and 2,779,096,485"),
        (52, 0, "the ring from the host, 32 bytes at 0x00000000, is outside the RAM"),
        (56, 0, "the ring from the host, 0 bytes at 0x20000800, is outside the RAM"),
        (60, 32, "the ring from the host has 32 bytes, but its positions are 32 and 0"),
        (64, 33, "the ring from the host has 32 bytes, but its positions are 0 and 33"),
    ],
)
def test_a_field_that_was_overwritten_is_an_error(
    device: RttDevice, offset: int, value: int, reason: str
) -> None:
    device.put(BLOCK + offset, value.to_bytes(4, "little"))
    carrier = carrier_of(device)
    for use in (lambda: carrier.read(0), lambda: carrier.write(b"x", 1)):
        with pytest.raises(InfrastructureError) as caught:
            use()
        assert caught.value.what.startswith(
            f"the RTT control block at {BLOCK:#010x} was overwritten: "
        )
        assert reason in caught.value.what
        assert caught.value.where == "board (RTT)"
        assert "does the firmware write beyond a buffer" in caught.value.remedy


def test_an_id_that_was_overwritten_is_an_error_after_a_second(
    device: RttDevice, clock: Clock
) -> None:
    """A firmware that starts may have written a part of the ID: it gets some time."""
    device.put(BLOCK, b"SEGGER R")
    device.put(BLOCK + 8, b"XX")
    carrier = carrier_of(device)
    assert carrier.read(0.5) == b""
    with pytest.raises(InfrastructureError, match="its ID is b'SEGGER RXX"):
        carrier.read(2)
    assert clock.now < 102


@given(st.binary(min_size=rtt_block.SIZE, max_size=rtt_block.SIZE))
def test_any_block_is_parsed_or_refused(data: bytes) -> None:
    assert parse(data, BLOCK, RAM) is None
    made = b"SEGGER RTT".ljust(16, b"\0") + struct.pack("<2i", 1, 1) + data[24:]
    try:
        block = parse(made, BLOCK, RAM)
    except ValueError:
        return
    assert block is not None
    for ring in (block.up, block.down):
        assert ring.filled + ring.free == ring.size - 1
        assert ring.buffer >= RAM.origin
        assert ring.buffer + ring.size <= RAM.end


@given(st.data())
def test_pieces_are_the_bytes_of_the_ring_in_their_order(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 50))
    offset = data.draw(st.integers(0, size - 1))
    count = data.draw(st.integers(0, size - 1))
    pieces = Ring(UP, size, 0, 0, 0).pieces(offset, count)
    assert [at for piece in pieces for at in piece] == [
        UP + (offset + i) % size for i in range(count)
    ]
    assert len(pieces) <= 2


# Bytes in both directions


@given(st.lists(st.binary(max_size=31), max_size=20), st.integers(2, 40))
def test_bytes_arrive_in_their_order_however_the_rings_wrap(texts: list[bytes], size: int) -> None:
    device = RttDevice(up_size=size, down_size=size)
    device.start()
    carrier = carrier_of(device)
    sent = received = taken = b""
    for text in (each[: size - 1] for each in texts):
        carrier.write(text, 1)
        taken += device.receive()
        device.send(text)
        received += carrier.read(0)
        sent += text
    assert (taken, received) == (sent, sent)


def test_what_the_host_writes_goes_out_together(device: RttDevice) -> None:
    """On QEMU, each group is one halt of the machine."""
    groups: list[list[int]] = []

    def transfer(pieces: Sequence[tuple[int, bytes]], ranges: Sequence[range]) -> list[bytes]:
        if pieces:
            groups.append([address for address, _ in pieces])
        for address, data in pieces:
            device.put(address, data)
        return [device.get(each.start, len(each)) for each in ranges]

    carrier = RttCarrier(device, BLOCK, RAM, name="board", transfer=transfer)
    device.send(b"abc")
    assert carrier.read(0) == b"abc"
    carrier.write(bytes(20), 1)
    device.receive()
    carrier.write(bytes(20), 1)
    assert groups == [
        [UP_RING + 16, DOWN, DOWN_RING + 12],
        [DOWN + 20, DOWN, DOWN_RING + 12],
    ]


def test_a_full_ring_waits_for_the_device(device: RttDevice) -> None:
    """A write of several times the ring's size, and a device that takes bytes now and then."""
    carrier = carrier_of(device)
    data = bytes(range(250))
    writer = threading.Thread(target=carrier.write, args=(data, 30))
    writer.start()
    taken, end = b"", time.monotonic() + 30
    while len(taken) < len(data) and time.monotonic() < end:
        taken += device.receive()
        time.sleep(0.001)
    writer.join(30)
    assert taken == data


def test_a_device_that_takes_nothing_fails_the_write_in_time(
    device: RttDevice, clock: Clock
) -> None:
    carrier = carrier_of(device)
    with pytest.raises(InfrastructureError, match=r"did not take all bytes within 2 s") as caught:
        carrier.write(bytes(100), 2)
    assert caught.value.remedy == "does the firmware run?"
    assert 102 < clock.now < 102.5
    assert device.receive() == bytes(31)


def test_a_block_that_is_never_made_fails_the_write_in_time(clock: Clock) -> None:
    carrier = carrier_of(RttDevice())
    assert carrier.read(1) == b""
    with pytest.raises(InfrastructureError, match="did not take all bytes within 3 s"):
        carrier.write(b"x", 3)
    assert 104 < clock.now < 104.5


def test_a_device_that_restarts_goes_on_with_empty_rings(device: RttDevice, clock: Clock) -> None:
    """The host reads nothing of what was in the rings before, and loses nothing that follows."""
    carrier = carrier_of(device)
    device.send(b"before")
    assert carrier.read(0) == b"before"
    carrier.write(b"lost", 1)
    device.put(BLOCK, bytes(rtt_block.SIZE))  # the firmware's start clears its data
    assert carrier.read(0.1) == b""
    device.start()
    assert device.receive() == b""
    device.send(b"boot")
    assert carrier.read(1) == b"boot"
    carrier.write(b"hello", 1)
    assert device.receive() == b"hello"


def test_a_position_that_survives_a_restart_costs_a_frame_at_most(device: RttDevice) -> None:
    """The host moved its position between the device's start and the first byte.

    The ring then seems to hold old bytes. The decoder drops them: their frame has no valid CRC.
    """
    carrier = carrier_of(device)
    device.put(UP_RING + 16, (7).to_bytes(4, "little"))
    decoder = FrameDecoder()
    assert list(decoder.feed(carrier.read(0))) in ([], [None])
    frame = encode(b"boot")
    device.send(b"\0" + frame)
    assert b"boot" in list(decoder.feed(carrier.read(0)))


# When the host looks


def test_the_host_stays_away_while_the_device_computes(device: RttDevice, clock: Clock) -> None:
    """After a few inferences, which tell how long they take."""
    carrier = carrier_of(device)
    for _ in range(15):
        carrier.rest()
        device.accesses.clear()
        clock.at = (clock.now + 2, lambda: device.send(b"result"))
        began = clock.now
        assert carrier.read(1) == b""
        assert carrier.read(0.9) == b""
        early = len(device.accesses)
        assert carrier.read(1) == b"result"
    assert early == 0
    assert carrier.looks == 0
    assert 2 <= clock.now - began < 2.2


def test_looks_in_vain_are_counted_and_rare(device: RttDevice, clock: Clock) -> None:
    carrier = carrier_of(device)
    carrier.rest()
    assert carrier.read(10) == b""
    looks = carrier.looks
    assert len(device.accesses) == looks
    assert 10 < looks < 100
    device.send(b"result")
    assert carrier.read(1) == b"result"
    assert carrier.looks == looks
    carrier.rest()
    assert carrier.looks == 0


def test_without_a_computation_the_host_looks_at_once_and_then_less_often(
    device: RttDevice, clock: Clock
) -> None:
    carrier = carrier_of(device)
    assert carrier.read(0.1) == b""
    assert len(device.accesses) > 20
    assert clock.slept[0] < 0.001
    assert max(clock.slept) <= 0.005


def test_a_result_that_came_with_the_answer_before_it_ends_the_computation(
    device: RttDevice, clock: Clock
) -> None:
    """Nobody reads then: the next request's answer must not wait as long as a computation."""
    carrier = carrier_of(device)
    carrier.rest()
    clock.now += 2
    device.send(b"first")
    assert carrier.read(1) == b"first"
    carrier.rest()
    carrier.write(b"load", 1)
    device.send(b"ack")
    before = clock.now
    assert carrier.read(1) == b"ack"
    assert clock.now == before


# A distant device


class DistantDevice(RttDevice):
    """A device that answers while the host's request is under way; counts round trips."""

    def __init__(self, clock: Clock, trip: float = 0.1, up_size: int = 64) -> None:
        super().__init__(up_size=up_size)
        self.trips = 0
        self.pending: list[tuple[float, bytes]] = []
        """Seconds that the device computes after a write, and what it sends then."""
        self._clock = clock
        self._trip = trip
        self._due: tuple[float, bytes] | None = None
        self.start()

    def transfer(self, pieces: Sequence[tuple[int, bytes]], ranges: Sequence[range]) -> list[bytes]:
        there = self._clock.now + self._trip / 2
        for address, data in pieces:
            self.put(address, data)
        if pieces and self.pending:
            seconds, answer = self.pending.pop(0)
            self._due = there + seconds, answer
        if self._due and there >= self._due[0]:
            self.send(self._due[1])
            self._due = None
        read = [self.get(each.start, len(each)) for each in ranges]
        if ranges:
            self.trips += 1
            self._clock.now += self._trip
        return read


def far_carrier(device: DistantDevice) -> RttCarrier:
    return RttCarrier(device, BLOCK, RAM, name="board", transfer=device.transfer, is_far=True)


def test_a_request_and_its_answer_take_one_trip_and_the_result_another(clock: Clock) -> None:
    """From the second time on: the first look reads the block, and how long answers are."""
    device = DistantDevice(clock)
    carrier = far_carrier(device)
    for turn in range(20):
        device.trips = 0
        device.pending = [(0.0, b"acknowledged"), (0.3, b"a result of 24 bytes " * 1)]
        carrier.write(b"run", 1)
        device.receive()
        assert carrier.read(1) == b"acknowledged"
        carrier.rest()
        began = clock.now
        assert carrier.read(5) == b"a result of 24 bytes "
        assert device.trips == 2 + carrier.looks + (turn == 0) * 2
        computed = clock.now - began - carrier.latency
        assert computed >= 0.3
    assert carrier.looks == 0
    assert computed < 0.4


@given(st.lists(st.binary(min_size=1, max_size=39), min_size=1, max_size=20))
def test_bytes_that_a_look_reads_in_advance_are_those_of_the_ring(texts: list[bytes]) -> None:
    device = DistantDevice(Clock(), up_size=40)
    carrier = far_carrier(device)
    received = b""
    for text in texts:
        device.send(text)
        received += carrier.read(0)
    assert received == b"".join(texts)
