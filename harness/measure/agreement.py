"""Does the device compute what golden does: byte for byte, whatever the labels say."""

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


def _bytes(values: Array) -> npt.NDArray[np.uint8]:
    """Return [N, bytes]: two NaNs may be the same bytes, and two zeros may not."""
    return np.ascontiguousarray(values.reshape(len(values), -1)).view(np.uint8)
