"""Arrays of labels and outputs, from which metrics are computed."""

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError

Reals = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]


def reconstruction_error(inputs: Reals, outputs: Reals) -> npt.NDArray[np.float64]:
    """Return the mean squared difference of each of N inputs and outputs: float64 [N]."""
    difference = outputs.reshape(len(outputs), -1) - inputs.reshape(len(inputs), -1)
    errors: npt.NDArray[np.float64] = np.square(difference, dtype=np.float64).mean(axis=1)
    return errors


def check_both_labels(labels: Labels, where: str = "") -> None:
    """Raise `InputError` unless `labels` hold 0 and 1; `where` names their file."""
    zeros, ones = int((labels == 0).sum()), int((labels == 1).sum())
    if not zeros or not ones:
        raise InputError(
            f"AUC needs vectors of both labels, but {zeros} have label 0 and {ones} have label 1",
            where=f"{where}: labels" if where else "",
            remedy="test on normal (0) and abnormal (1) vectors",
        )
