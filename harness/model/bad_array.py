"""Errors of the arrays in `vectors.npz`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError

Array = npt.NDArray[Any]


def bad_array(path: Path, name: str, what: str, remedy: str) -> InputError:
    """Return the error for the array `name` of the file `path`."""
    return InputError(what, where=f"{path}: {name}" if name else str(path), remedy=remedy)


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape for a person: [N, 49, 10]."""
    return "[" + ", ".join(str(size) for size in shape) + "]"


def frozen(array: Array) -> Array:
    """Return a contiguous, read-only `array`, so that its digest stays valid."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
