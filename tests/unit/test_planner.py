"""The arena planner: nothing that lives at the same time may share bytes."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engines.cmsis_nn.arena_plan import Buffer, lower_bound, plan


def check(buffers: list[Buffer], alignment: int = 16) -> int:
    """Plan `buffers`, check the plan, return its size."""
    result = plan(buffers, alignment=alignment)
    assert set(result.offsets) == {buffer.key for buffer in buffers}
    spans = [(result.offsets[b.key], result.offsets[b.key] + b.size, b) for b in buffers]
    for start, end, buffer in spans:
        assert start % alignment == 0
        assert end <= result.size
        for other_start, other_end, other in spans:
            if other is not buffer and buffer.overlaps(other) and buffer.size and other.size:
                assert end <= other_start or other_end <= start
    assert result.size >= lower_bound(buffers, alignment)
    return result.size


def test_nothing_needs_nothing() -> None:
    assert plan([]).size == 0


def test_a_chain_of_layers_alternates_between_two_places() -> None:
    chain = [Buffer(i, 1000, i, i + 1) for i in range(10)]
    assert check(chain) == 1008 + 1000


def test_a_buffer_that_lives_on_keeps_its_place() -> None:
    buffers = [Buffer("skip", 64, 0, 3), Buffer("a", 64, 1, 2), Buffer("b", 64, 2, 3)]
    assert check(buffers) == 3 * 64


def test_greedy_by_size_alone_is_not_enough() -> None:
    # By size, 48 goes below 32 and the two that live long no longer fit beside each other.
    buffers = [
        Buffer("a", 48, 0, 1),
        Buffer("b", 32, 1, 4),
        Buffer("c", 32, 0, 2),
        Buffer("d", 64, 3, 4),
        Buffer("e", 16, 2, 3),
    ]
    assert check(buffers) == lower_bound(buffers) == 112


def test_the_same_buffers_give_the_same_plan_in_any_order() -> None:
    generator = random.Random(5)
    buffers = [Buffer(i, generator.randrange(500), i // 2, i // 2 + i % 4) for i in range(20)]
    shuffled = generator.sample(buffers, len(buffers))
    assert plan(buffers) == plan(shuffled)


@settings(max_examples=60, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 12), st.integers(0, 5)),
        min_size=1,
        max_size=14,
    ),
    st.sampled_from([1, 4, 16]),
)
def test_any_buffers_are_placed_apart(drawn: list[tuple[int, int, int]], alignment: int) -> None:
    buffers = [Buffer(i, size, at, at + life) for i, (size, at, life) in enumerate(drawn)]
    check(buffers, alignment)
