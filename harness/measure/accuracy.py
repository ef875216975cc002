"""Is the model still right on the device: against the labels, and against golden."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Difference(NamedTuple):
    """A byte that differs: which vector's, which byte, the device's value and golden's."""

    vector: int
    byte: int
    ours: int
    golden: int


def accuracy(outputs: npt.NDArray[np.int8], labels: npt.NDArray[np.int64]) -> float:
    """Return the share of vectors whose largest output is the label's, 0 to 1.

    `outputs` is int8 [N, ...], flattened to [N, classes]; `labels` is int64 [N]. Of
    equal outputs the first counts, as np.argmax and TFLM's examples have it.
    """
    answers = outputs.reshape(len(outputs), -1).argmax(axis=1)
    return float((answers == labels).mean())


def bytes_differing(outputs: npt.NDArray[np.int8], golden: npt.NDArray[np.int8]) -> int:
    """Return how many bytes of `outputs` differ from `golden`, both int8 [N, ...]."""
    return int((outputs.reshape(len(outputs), -1) != golden.reshape(len(golden), -1)).sum())


def first_difference(
    outputs: npt.NDArray[np.int8], golden: npt.NDArray[np.int8]
) -> Difference | None:
    """Return where `outputs` and `golden`, both int8 [N, ...], first differ."""
    ours = outputs.reshape(len(outputs), -1)
    theirs = golden.reshape(len(golden), -1)
    places = np.argwhere(ours != theirs)
    if not len(places):
        return None
    vector, byte = (int(index) for index in places[0])
    return Difference(vector, byte, int(ours[vector, byte]), int(theirs[vector, byte]))
