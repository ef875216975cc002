"""Bits that flip in the rings of RTT: the CRC finds them, and the host repeats what was lost."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.link import device_clock, rtt_carrier
from harness.link.frame import encode
from harness.link.link_client import LinkClient
from harness.link.rtt_carrier import RttCarrier
from tests.support.link_cases import INPUT_SIZE
from tests.support.link_model import OUTPUT_SIZE, LinkModel
from tests.support.rtt_device import BLOCK, DOWN, RAM, UP, RttDevice

BUILD_ID = bytes((1, 2, 3)).ljust(16, b"\0").hex()
UP_SIZE, DOWN_SIZE = 1024, 2047
DOWN_WRITE = BLOCK + 48 + 12
_TICK = 0.05  # seconds that a sleep takes at least


class NoisyDevice(RttDevice):
    """A device that answers at once; `flips` has a bit of the bytes of each access, or none."""

    def __init__(self) -> None:
        super().__init__(up_size=UP_SIZE, down_size=DOWN_SIZE)
        self.flips: Iterator[int | None] = iter(())
        self._model = LinkModel(talking=False)
        self.start()

    def read_memory(self, address: int, size: int) -> bytes:
        if UP <= address < UP + UP_SIZE:
            self._flip(address, size)
        return super().read_memory(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        super().write_memory(address, data)
        if DOWN <= address < DOWN + DOWN_SIZE:
            self._flip(address, len(data))
        elif address == DOWN_WRITE:
            for answer in self._model.receive(self.receive()):
                self.send(encode(answer))

    def _flip(self, address: int, size: int) -> None:
        bit = next(self.flips, None)
        if bit is not None:
            place = address + bit // 8 % size
            self.put(place, bytes([self.get(place, 1)[0] ^ 1 << bit % 8]))


@contextmanager
def time_of_sleeps() -> Iterator[None]:
    """Let time pass only when the carrier sleeps: a lost answer takes a minute, or no time."""
    clock = SimpleNamespace(now=100.0)

    def sleep(seconds: float) -> None:
        clock.now += max(seconds, _TICK)

    fake = SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rtt_carrier, "time", fake)
        patch.setattr(device_clock, "time", fake)
        yield


def inferences(flips: Sequence[int | None]) -> tuple[LinkClient, list[bytes]]:
    """Return a client, and the outputs of two inferences while `flips` happen."""
    device = NoisyDevice()
    link = LinkClient(RttCarrier(device, BLOCK, RAM, name="board (RTT)"), baud=1_000_000)
    link.hello(BUILD_ID)
    device.flips = iter(flips)
    return link, [link.infer(bytes([first] * INPUT_SIZE)).output for first in (1, 2)]


def expected(first: int) -> bytes:
    return bytes([~first & 0xFF] * OUTPUT_SIZE)


# Four in a row at most: the host repeats a request five times.
FLIPS = st.lists(st.one_of(st.none(), st.integers(0, 8 * UP_SIZE)), max_size=4)


@given(FLIPS)
@settings(max_examples=100)
def test_bits_that_flip_cost_retries_and_no_output(flips: list[int | None]) -> None:
    with time_of_sleeps():
        link, outputs = inferences(flips)
    assert outputs == [expected(1), expected(2)]
    assert link.retries <= 2 * len(flips)
    if all(flip is None for flip in flips):
        assert link.retries == 0


@pytest.mark.parametrize("bit", [0, 9, 100])
@pytest.mark.parametrize("access", range(3))
def test_each_flip_in_a_frame_is_found(access: int, bit: int) -> None:
    """The accesses are LOAD, its answer, and RUN. RUN's answer is two frames: one may be enough."""
    with time_of_sleeps():
        link, outputs = inferences([None] * access + [bit])
    assert outputs == [expected(1), expected(2)]
    assert link.retries > 0
