"""The arrays `labels` and `recordings` of `vectors.npz`, checked without the network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.bad_array import bad_array, format_shape, frozen

Array = npt.NDArray[Any]

_REAL = ("float32", "float64")  # types of labels that are values, not classes
_EACH = {"labels": "label", "recordings": "recording"}
_INDEXED = {"labels": "class", "recordings": "recording"}


def read_labels(arrays: Mapping[str, Array], count: int, path: Path) -> Array | None:
    """Return `labels` [`count`, ...] as int64, or as the real values that they are.

    Returns None without labels. Which ones are right depends on the task.
    """
    if "labels" not in arrays:
        return None
    labels = arrays["labels"]
    if labels.dtype not in _REAL:
        _check_type(labels, "labels", path)
        labels = labels.astype(np.int64)
    if labels.shape[:1] != (count,):
        raise _bad_shape(labels, "labels", count, path)
    wrong = np.flatnonzero(~np.isfinite(labels.reshape(count, -1)).all(axis=1))
    if wrong.size:
        raise bad_array(
            path,
            "labels",
            f"vector {wrong[0]} has a label that is not finite",
            "remove the vectors without a label",
        )
    return frozen(labels)


def read_recordings(
    arrays: Mapping[str, Array], count: int, path: Path
) -> npt.NDArray[np.int64] | None:
    """Return `recordings` [`count`], if there are any."""
    if "recordings" not in arrays:
        return None
    recordings = arrays["recordings"]
    check_integers(recordings, "recordings", count, path)
    return frozen(recordings.astype(np.int64))


def check_integers(numbers: Array, name: str, count: int, path: Path) -> None:
    """Reject an array `name` without exactly one integer for each of `count` inputs."""
    _check_type(numbers, name, path)
    if numbers.shape != (count,):
        raise _bad_shape(numbers, name, count, path)


def _check_type(numbers: Array, name: str, path: Path) -> None:
    if numbers.dtype.kind in "iu":
        return
    remedy = f"store the index of each vector's {_INDEXED[name]}: {name}.astype(np.int64)"
    if name == "labels" and numbers.dtype.kind == "f":
        remedy += "; for real values, float32 or float64, give the task regression"
    raise bad_array(path, name, f"has type {numbers.dtype}, not an integer type", remedy)


def _bad_shape(numbers: Array, name: str, count: int, path: Path) -> InputError:
    return bad_array(
        path,
        name,
        f"has shape {format_shape(numbers.shape)}, but there are {count} inputs",
        f"store one {_EACH[name]} for each input: shape [{count}]",
    )


def check_one_class(recordings: Array, labels: Array, path: Path) -> None:
    """Reject recordings whose windows differ in class: the metric judges whole recordings."""
    _, first, index = np.unique(recordings, return_index=True, return_inverse=True)
    wrong = np.flatnonzero(labels[first][index] != labels)
    if wrong.size:
        raise bad_array(
            path,
            "recordings",
            f"vector {wrong[0]} and the first vector of recording {recordings[wrong[0]]} have "
            "different labels",
            "give every window the label of its recording",
        )
