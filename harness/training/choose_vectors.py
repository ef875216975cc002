"""Which of the test samples become the vectors of a model."""

import numpy as np

from harness.errors import InputError
from harness.training.task import Labels


def choose_vectors(labels: Labels, each: int) -> Labels:
    """Return indices of `each` evenly spaced samples of every label, the labels taking turns.

    So that the first few vectors hold one of each. `labels` is int64 [N], the result int64
    [labels * each]. Raises `InputError` if a label has fewer samples.
    """
    taken = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < each:
            raise InputError(
                f"label {label} has {len(members)} test samples, but {each} vectors are wanted",
                remedy="lower `vectors` of the task",
            )
        taken.append(members[:: len(members) // each][:each])
    return np.stack(taken, axis=1).ravel()
