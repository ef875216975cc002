"""Static memory planning: the offset of each buffer in the arena.

Two buffers may share bytes if no layer needs both. Finding the smallest arena is hard in general,
but models are small. The planner tries several greedy orders, then seeded random ones, until the
arena reaches the lower bound (the memory of the busiest layer) or the tries are used up.
"""

import random
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from harness.engines.cmsis_nn.run_order import Step

ALIGNMENT = 16
_TRIES = 200


@dataclass(frozen=True)
class Buffer:
    """`size` bytes with a lifetime from step `first` to step `last`, both included."""

    key: Hashable
    size: int
    first: Step
    last: Step

    def overlaps(self, other: "Buffer") -> bool:
        """Return whether the lifetimes of both buffers overlap."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Plan:
    """The offset of each buffer, in bytes from the start of the arena, and the arena's size."""

    offsets: dict[Hashable, int]
    size: int


def plan(buffers: Iterable[Buffer], *, alignment: int = ALIGNMENT) -> Plan:
    """Place `buffers` at multiples of `alignment`; the same input gives the same plan.

    Every buffer gets an offset, even an empty one. The arena's size is exact, not rounded up.
    """
    by_lifetime = sorted(buffers, key=lambda buffer: (buffer.first, buffer.last, str(buffer.key)))
    least = lower_bound(by_lifetime, alignment)
    best: Plan | None = None
    for order in _orders(by_lifetime):
        candidate = _place(order, alignment)
        if best is None or candidate.size < best.size:
            best = candidate
        if best.size <= least:
            break
    return best or Plan({}, 0)


def lower_bound(buffers: Sequence[Buffer], alignment: int = ALIGNMENT) -> int:
    """Return a lower bound: the bytes of the step that needs the most.

    All buffers of a step but one occupy a multiple of `alignment`.
    """
    bound = 0
    for step in {buffer.first for buffer in buffers}:
        sizes = [buffer.size for buffer in buffers if buffer.first <= step <= buffer.last]
        slack = max((_round_up(size, alignment) - size for size in sizes), default=0)
        bound = max(bound, sum(_round_up(size, alignment) for size in sizes) - slack)
    return bound


def _orders(buffers: list[Buffer]) -> Iterable[list[Buffer]]:
    yield sorted(buffers, key=lambda b: -b.size)
    yield sorted(buffers, key=lambda b: -b.size * (b.last - b.first + 1))
    yield sorted(buffers, key=lambda b: (b.first - b.last, -b.size))
    yield list(buffers)
    yield list(reversed(buffers))
    generator = random.Random(0)  # noqa: S311 - a search, not a secret
    by_size = sorted(buffers, key=lambda b: -b.size)
    for _ in range(_TRIES):
        # Large ones still come first, roughly: a small shuffle of a good order often improves it.
        yield sorted(by_size, key=lambda b: -b.size * generator.uniform(0.3, 1.0))


def _place(order: Iterable[Buffer], alignment: int) -> Plan:
    """Put each buffer into the lowest gap that is free for its whole lifetime."""
    placed: list[tuple[int, Buffer]] = []
    for buffer in order:
        offset = 0
        for start, other in placed:
            if other.size == 0 or not buffer.overlaps(other):
                continue
            if offset + buffer.size <= start:
                break
            offset = max(offset, _round_up(start + other.size, alignment))
        placed.append((offset, buffer))
        placed.sort(key=lambda entry: entry[0])
    size = max((offset + buffer.size for offset, buffer in placed), default=0)
    return Plan({buffer.key: offset for offset, buffer in placed}, size)


def _round_up(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
