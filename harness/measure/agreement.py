"""Does the device compute what golden does: byte for byte, whatever the labels say."""

import numpy as np
import numpy.typing as npt


def bytes_differing(outputs: npt.NDArray[np.int8], golden: npt.NDArray[np.int8]) -> int:
    """Return how many bytes of `outputs` differ from `golden`, both int8 [N, ...]."""
    return int((outputs.reshape(len(outputs), -1) != golden.reshape(len(golden), -1)).sum())


def first_difference(
    outputs: npt.NDArray[np.int8], golden: npt.NDArray[np.int8]
) -> tuple[int, int, int, int] | None:
    """Return vector, byte, the device's value and golden's where they first differ."""
    ours = outputs.reshape(len(outputs), -1)
    theirs = golden.reshape(len(golden), -1)
    places = np.argwhere(ours != theirs)
    if not len(places):
        return None
    vector, byte = (int(index) for index in places[0])
    return vector, byte, int(ours[vector, byte]), int(theirs[vector, byte])
