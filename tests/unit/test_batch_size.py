"""How many inputs go to the device at once, on a link with and without latency."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.input_way import InputWay, seconds_each
from harness.runs.quick import Schedule

_CAPACITY = 500


class SlowLink:
    """A session over a link with `latency`, whose inferences take `each` seconds."""

    def __init__(self, latency: Callable[[], float], each: float) -> None:
        self.link = SimpleNamespace(waited=0.0, computed=0.0, via="debug")
        self.keeps_state = self.memory_is_optional = False
        self.welcome = self.target = None
        self.counts: list[int] = []
        self._latency = latency
        self._each = each

    def queue(self, _: object) -> Any:
        return SimpleNamespace(capacity=lambda _: _CAPACITY)

    def begin_recording(self, _: str) -> None:
        """The model has no state."""

    def measure(self, data: bytes, _: str) -> bytes:
        return self.measure_batch([data], [0], None)[0]

    def measure_batch(
        self, inputs: Sequence[bytes], vectors: Sequence[int], queue: object
    ) -> list[bytes]:
        del vectors, queue
        self.counts.append(len(inputs))
        self.link.computed += len(inputs) * self._each
        self.link.waited += self._latency() + len(inputs) * self._each
        return list(inputs)


def counts_of(session: SlowLink, inputs: int) -> list[int]:
    """Return the sizes of the batches in which `inputs` go to the device."""
    nothing = cast("Any", None)
    way = InputWay("debug", nothing, nothing, nothing)
    opened = cast("Any", session)
    way.attach(opened)
    way.first(opened, b"x", "vector 0", batches=True)
    session.counts.clear()
    schedule = SimpleNamespace(
        starts=[True] * inputs,
        total=lambda *_: inputs,
        running=lambda begin, count: range(begin, begin + count),
    )
    data = [bytes([index % 256]) for index in range(inputs)]
    results = way.results(opened, data, cast("Schedule", schedule), batches=True)
    assert [cast("Any", result) for result in results] == data
    return session.counts


@given(st.floats(0, 2), st.floats(0.0001, 10))
def test_latency_does_not_make_batches_smaller(latency: float, each: float) -> None:
    """They compute for half a second, or longer than the latency, or the memory is full."""
    counts = counts_of(SlowLink(lambda: latency, each), 4000)
    seconds = min(max(0.5, 4 * latency), 2)
    ideal = min(max(int(seconds / each), 1), _CAPACITY)
    assert max(counts) <= ideal + 1
    assert max(counts[3:9], default=ideal) >= 0.9 * ideal - 1


def test_without_latency_the_first_batch_has_its_size() -> None:
    assert counts_of(SlowLink(lambda: 0.0, 0.01), 200)[:2] == [50, 50]


def test_a_late_packet_does_not_keep_batches_small() -> None:
    """One batch of several waits for a packet that was lost."""
    latencies = iter([0.1, 0.5, 0.1, 0.1, 2.5] + [0.1] * 4000)
    counts = counts_of(SlowLink(lambda: next(latencies), 0.001), 4000)
    assert max(counts) == _CAPACITY
    assert len(counts) < 20


@pytest.mark.parametrize("count", [1, 7])
def test_what_latency_hides_is_not_taken_for_zero(count: int) -> None:
    assert seconds_each(1.0, 0.0, count) == pytest.approx(0.1 / count)
    assert seconds_each(1.0, 0.7, count) == pytest.approx(0.7 / count)
