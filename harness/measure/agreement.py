"""Does the device compute what golden does: byte for byte, whatever the labels say.

Of real scores it asks less: a compiler and a library of mathematics for one processor round
otherwise in the last bits than those for another. There the classes must be the same, and
scores may differ by `TOLERANCE`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Difference(NamedTuple):
    """Where an answer differs: which vector, output and value; the device's and golden's."""

    vector: int
    output: int
    value: int
    ours: float
    golden: float


def bytes_differing(outputs: Sequence[Array], golden: Sequence[Array]) -> int:
    """Return how many bytes differ; both have an array [N, ...] for each output."""
    return sum(
        int((_bytes(ours) != _bytes(theirs)).sum())
        for ours, theirs in zip(outputs, golden, strict=True)
    )


def first_difference(outputs: Sequence[Array], golden: Sequence[Array]) -> Difference | None:
    """Return where `outputs` and `golden`, an array [N, ...] an output, first differ."""
    found = None
    for output, (ours, theirs) in enumerate(zip(outputs, golden, strict=True)):
        places = np.argwhere(_bytes(ours) != _bytes(theirs))
        if len(places) and (found is None or places[0][0] < found.vector):
            vector, value = int(places[0][0]), int(places[0][1]) // ours.itemsize
            a, b = (array.reshape(len(array), -1)[vector, value] for array in (ours, theirs))
            found = Difference(vector, output, value, a.item(), b.item())
    return found


TOLERANCE = 0.02
"""The most that a score may differ from golden: of the score where that is above 1, as
anomalies' are. The step of an int8 network's scores is 1/256: it may be rounded to another a few
times over on the way from a last bit of the DSP's."""


def score_differences(outputs: Sequence[Array], golden: Sequence[Array]) -> Array:
    """Return how far the scores of each of N vectors are from golden, at most: float64 [N].

    Both have a float32 array [N, ...] for each output. What is no number is infinitely far off.
    """
    largest = np.zeros(len(outputs[0]))
    for ours, theirs in zip(outputs, golden, strict=True):
        a, b = (np.float64(values).reshape(len(values), -1) for values in (ours, theirs))
        far = np.abs(a - b) / np.maximum(np.abs(b), 1.0)
        far = np.where(a == b, 0.0, np.where(np.isfinite(far), far, np.inf))
        largest = np.maximum(largest, far.max(axis=1))
    return largest


def classes(scores: Array, threshold: float) -> npt.NDArray[np.int64]:
    """Return the class of each of [N, labels] scores, -1 where the best is below `threshold`."""
    values = scores.reshape(len(scores), -1)
    best = values.argmax(axis=1)
    return np.where(values.max(axis=1) >= threshold, best, -1)


def _bytes(values: Array) -> npt.NDArray[np.uint8]:
    """Return [N, bytes]: two NaNs may be the same bytes, and two zeros may not."""
    return np.ascontiguousarray(values.reshape(len(values), -1)).view(np.uint8)
