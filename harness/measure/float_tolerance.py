"""The tolerance for float outputs that depend on functions of the C library, and for NaN.

TFLM computes golden with the C library of the host: its EXP, TANH and the like give other last
bits than those of a device. Arithmetic such as 0 / 0 gives NaN with other bits on other processors.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model.graph import Graph

Array = npt.NDArray[Any]

TOLERANCE = 4
"""Largest allowed difference of a float from golden: in units in the last place of the largest
finite value of its output and vector. A function differs by up to 2; a sum of results by more."""

_C_LIBRARY = frozenset(
    {"COS", "ELU", "EXP", "LOG", "LOGISTIC", "LOG_SOFTMAX", "SIN", "SOFTMAX", "TANH"}
)


def depends_on_c_library(network: Graph) -> bool:
    """Return whether float outputs of `network` may depend on functions of the C library."""
    return any(tensor.dtype == np.float32 for tensor in network.output_tensors) and any(
        operator.kind in _C_LIBRARY and network.tensors[operator.outputs[0]].dtype == np.float32
        for operator in network.all_operators
    )


def largest_difference(outputs: Sequence[Array], golden: Sequence[Array]) -> float:
    """Return the largest difference of a float from golden, in the unit of `TOLERANCE`.

    Both arguments have an array [N, ...] for each output. Two NaNs do not differ; the difference
    of a NaN or an infinity and another number is infinite.
    """
    pairs = zip(outputs, golden, strict=True)
    return max(
        (float(_differences(*pair).max()) for pair in pairs if pair[0].dtype == np.float32),
        default=0.0,
    )


def settled(outputs: Sequence[Array], golden: Sequence[Array], network: Graph) -> tuple[Array, ...]:
    """Return `outputs` with golden's float in the place of each that counts as equal to it."""
    tolerant = depends_on_c_library(network)
    return tuple(
        np.where(_equal(ours, theirs, tolerant=tolerant), theirs, ours)
        if ours.dtype == np.float32
        else ours
        for ours, theirs in zip(outputs, golden, strict=True)
    )


def _equal(ours: Array, golden: Array, *, tolerant: bool) -> npt.NDArray[np.bool_]:
    nan = np.isnan(ours) & np.isnan(golden)
    return nan | (_differences(ours, golden) <= TOLERANCE) if tolerant else nan


def _differences(ours: Array, golden: Array) -> npt.NDArray[np.float64]:
    """Return the difference of each value, in the unit of `TOLERANCE`."""
    finite = np.where(np.isfinite(golden), np.abs(golden), np.float32(0))
    axes = tuple(range(1, golden.ndim))
    unit = np.float64(np.spacing(finite.max(axis=axes, keepdims=True)))
    with np.errstate(invalid="ignore"):
        differences = np.abs(np.float64(ours) - np.float64(golden)) / unit
    differences = np.where(np.isfinite(differences), differences, np.inf)
    same = (ours == golden) | (np.isnan(ours) & np.isnan(golden))
    return np.where(same, 0.0, differences)
