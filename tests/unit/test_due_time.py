"""When the host looks at a computation over RTT, and how often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.link.due_time import DueTime


def looks_at(due: DueTime, duration: float) -> tuple[int, float]:
    """Return the looks in vain at a computation of `duration` seconds, and when its end is seen."""
    now, vain = due.first_look(), 0
    while now < duration:
        vain += 1
        due.computes(now)
        now += due.next_look(now)
    due.ended(now)
    return vain, now


@given(st.floats(0.0005, 10))
def test_the_end_is_known_after_a_few_computations(duration: float) -> None:
    due = DueTime()
    first, _ = looks_at(due, duration)
    assert first < 50
    disturbed = sum(looks_at(due, duration)[0] > 0 for _ in range(20))
    assert disturbed <= 8
    for _ in range(5):
        vain, end = looks_at(due, duration)
        assert vain == 0
        assert end <= duration * (1 + 1 / 8) + 0.001


def test_a_slow_first_computation_delays_no_other() -> None:
    """An emulator translates its code, and a chip fills its caches."""
    due = DueTime()
    looks_at(due, 0.1)
    for _ in range(10):
        looks_at(due, 0.002)
    _, end = looks_at(due, 0.002)
    assert end < 0.004


@pytest.mark.parametrize("stalled", [0.05, 5.0])
def test_a_stall_does_not_count(stalled: float) -> None:
    due = DueTime()
    for _ in range(10):
        looks_at(due, 0.01)
    due.ended(stalled)
    due.computes(stalled)
    assert due.first_look() < 0.013
