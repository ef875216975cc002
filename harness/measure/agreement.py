"""Agreement of the device's outputs with golden, byte for byte, independent of the labels.

The rule for floating-point scores is weaker, because compilers and math libraries for different
processors round the last bits differently: see `score_limits`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Difference(NamedTuple):
    """Indices of vector, output and value; the device's value (`ours`) and golden's."""

    vector: int
    output: int
    value: int
    ours: float
    golden: float


def bytes_differing(outputs: Sequence[Array], golden: Sequence[Array]) -> int:
    """Return how many bytes differ; both arguments have an array [N, ...] for each output."""
    return int(bytes_of_each(outputs, golden).sum())


def bytes_of_each(outputs: Sequence[Array], golden: Sequence[Array]) -> npt.NDArray[np.int64]:
    """Return how many bytes differ in each of N vectors, [N]."""
    differing = np.zeros(len(outputs[0]), np.int64)
    for ours, theirs in zip(outputs, golden, strict=True):
        differing += (_bytes(ours) != _bytes(theirs)).sum(axis=1)
    return differing


def share_equal(outputs: Sequence[Array], golden: Sequence[Array]) -> float:
    """Return the share of N vectors whose outputs are all equal to golden, byte for byte."""
    equal = [
        (_bytes(ours) == _bytes(theirs)).all(axis=1)
        for ours, theirs in zip(outputs, golden, strict=True)
    ]
    return float(np.logical_and.reduce(equal).mean())


def first_difference(outputs: Sequence[Array], golden: Sequence[Array]) -> Difference | None:
    """Return the first difference; both arguments have an array [N, ...] for each output."""
    first = None
    for output, (ours, theirs) in enumerate(zip(outputs, golden, strict=True)):
        differing = np.argwhere(_bytes(ours) != _bytes(theirs))
        if len(differing) and (first is None or differing[0][0] < first.vector):
            vector, value = int(differing[0][0]), int(differing[0][1]) // ours.itemsize
            a, b = (array.reshape(len(array), -1)[vector, value] for array in (ours, theirs))
            first = Difference(vector, output, value, a.item(), b.item())
    return first


FLOAT_ROUNDING = 2.0**-13
"""Largest difference of a score from golden, relative for scores above 1, that the sums of a float
network explain: 1,000 float products, each rounded otherwise. It is smaller than 1/256, the least
step of an int8 network's scores, which are therefore compared byte for byte."""

ROUNDING_SHARE = 2.0
"""How many times farther than the host's moved copies (harness.golden.edge_impulse_rounding) the
device's scores may be: the copies are few."""


def score_limits(golden: Sequence[Array], rounding: Sequence[Array] | None) -> list[Array]:
    """Return how far each score may be from `golden`, by arrays [N, ...] as there.

    `rounding` is how far rounding before the network moves the scores; None if it is unknown.
    """
    moved = [np.zeros(values.shape) for values in golden] if rounding is None else rounding
    return [
        FLOAT_ROUNDING * np.maximum(np.abs(np.float64(values)), 1.0) + ROUNDING_SHARE * each
        for values, each in zip(golden, moved, strict=True)
    ]


def score_excesses(
    outputs: Sequence[Array], golden: Sequence[Array], limits: Sequence[Array]
) -> list[Array]:
    """Return by how much each score is beyond its limit; 0 within, infinite for a NaN."""
    excesses = []
    for ours, theirs, limit in zip(outputs, golden, limits, strict=True):
        difference = np.abs(np.float64(ours) - theirs)
        beyond = np.where(np.isfinite(difference), difference - limit, np.inf)
        excesses.append(np.where(ours == theirs, 0.0, np.maximum(beyond, 0.0)))
    return excesses


def score_differences(outputs: Sequence[Array], golden: Sequence[Array]) -> Array:
    """Return each vector's largest difference of a score from golden: float64 [N].

    Both arguments have a float32 array [N, ...] for each output. The difference of a NaN is
    infinite.
    """
    largest = np.zeros(len(outputs[0]))
    for ours, theirs in zip(outputs, golden, strict=True):
        a, b = (np.float64(values).reshape(len(values), -1) for values in (ours, theirs))
        differences = np.abs(a - b) / np.maximum(np.abs(b), 1.0)
        differences = np.where(np.isfinite(differences), differences, np.inf)
        differences = np.where(a == b, 0.0, differences)
        largest = np.maximum(largest, differences.max(axis=1))
    return largest


def classes(scores: Array, threshold: float) -> npt.NDArray[np.int64]:
    """Return the class of each of [N, labels] scores; -1 if the best score is below `threshold`."""
    values = scores.reshape(len(scores), -1)
    best = values.argmax(axis=1)
    return np.where(values.max(axis=1) >= threshold, best, -1)


def _bytes(values: Array) -> npt.NDArray[np.uint8]:
    """Return [N, bytes]; bytes also distinguish the two zeros, and can compare NaNs."""
    return np.ascontiguousarray(values.reshape(len(values), -1)).view(np.uint8)
