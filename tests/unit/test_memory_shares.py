"""What an image gets of a chip's memory: the same rules for pyOCD's chips, QEMU and Renode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.support.memory_map import Region
from harness.target import memory_shares

SIZES = st.integers(4, 1 << 24).map(lambda words: 4 * words)


@pytest.mark.parametrize(
    ("ram", "stack", "options"),
    [
        (4 << 10, 1024, {"WINDOW": 256}),
        (8 << 10, 1024, {"WINDOW": 256}),
        (16 << 10, 2048, {"WINDOW": 256}),
        (0x5800, 2816, {"WINDOW": 256}),
        (32 << 10, 4096, {}),
        (64 << 10, 8192, {}),
        (1 << 20, 8192, {}),
    ],
)
def test_a_small_ram_has_a_small_stack_and_small_buffers(
    ram: int, stack: int, options: dict[str, int]
) -> None:
    assert memory_shares.stack_size(ram) == stack
    assert memory_shares.buffer_options(ram) == options


def test_the_largest_memory_is_taken_and_of_equal_ones_the_lowest() -> None:
    low, high, small = Region(0x1000, 64), Region(0x2000, 64), Region(0, 32)
    assert memory_shares.largest([small, high, low]) == low
    assert memory_shares.largest([]) is None


@given(st.integers(0, 1 << 20).map(lambda word: 4 * word), SIZES)
def test_the_halves_are_the_whole_memory_in_whole_words(origin: int, size: int) -> None:
    code, data = memory_shares.halves(Region(origin, size))
    assert (code.origin, code.end, data.end) == (origin, data.origin, origin + size)
    assert not (code.size | data.size) % 4
    assert 0 < code.size <= data.size


@given(SIZES)
def test_more_ram_never_means_less_stack(ram: int) -> None:
    assert memory_shares.stack_size(ram) % 8 == 0
    assert memory_shares.stack_size(ram) <= memory_shares.stack_size(ram + 4)
