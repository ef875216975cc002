"""Chooses the test samples that become the vectors of a model."""

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.training.task import Labels

Indices = npt.NDArray[np.int64]


def choose_vectors(labels: Labels, each: int) -> Indices:
    """Return the indices of `each` evenly spaced samples of every class, or of all real labels.

    The classes alternate, so that the first vectors contain one of each. Of real labels, the
    samples are evenly spaced in the order of their first value. `labels` is [N, ...], the result
    int64. Raises `InputError` if a class, or all, have fewer samples.
    """
    if labels.dtype.kind == "f":
        return _spaced(np.argsort(labels.reshape(len(labels), -1)[:, 0], kind="stable"), each, "")
    chosen = [
        _spaced(np.flatnonzero(labels == label), each, f"label {label} has ")
        for label in np.unique(labels)
    ]
    return np.stack(chosen, axis=1).ravel()


def _spaced(members: Indices, each: int, whose: str) -> Indices:
    if len(members) < each:
        raise InputError(
            f"{whose or 'there are '}{len(members)} test samples, but the task needs {each} "
            "vectors",
            remedy="reduce `vectors` of the task",
        )
    return members[:: len(members) // each][:each]
