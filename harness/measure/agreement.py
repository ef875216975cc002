"""Agreement of the device's outputs with golden, byte for byte, independent of the labels.

The rule for floating-point scores is weaker, because compilers and math libraries for different
processors round the last bits differently: the classes must be the same, and scores may differ
by `TOLERANCE`.
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


TOLERANCE = 0.02
"""Largest allowed difference of a score from golden; relative for scores above 1, such as anomaly
scores. An int8 network's scores have steps of 1/256, and a difference in the last bit of the DSP's
features may move a score by several steps."""


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
