"""Chooses the test samples that become the vectors of a model."""

import numpy as np

from harness.errors import InputError
from harness.training.task import Labels


def choose_vectors(labels: Labels, each: int) -> Labels:
    """Return the indices of `each` evenly spaced samples of every label.

    The labels alternate, so that the first vectors contain one of each. `labels` is int64 [N],
    the result int64 [labels * each]. Raises `InputError` if a label has fewer samples.
    """
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < each:
            raise InputError(
                f"label {label} has {len(members)} test samples, but the task needs {each} vectors",
                remedy="reduce `vectors` of the task",
            )
        chosen.append(members[:: len(members) // each][:each])
    return np.stack(chosen, axis=1).ravel()
