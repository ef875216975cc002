"""The tolerance of float outputs, whose last bits depend on who computed them.

TFLM computes golden with the C library of a host: its EXP, TANH and the like give other last bits
than those of a device. Some compilers make one operation, with one rounding, of a product and a
sum. Arithmetic such as 0 / 0 gives NaN with other bits on other processors.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model.graph import Graph

Array = npt.NDArray[Any]

TOLERANCE = 128
"""Largest allowed difference of a float from golden: in units in the last place of the largest
finite value that golden has in this output for this vector, or for the median vector if that is
more. That is at most 1/65,536 of this value.

A function differs by up to 2 units, and each layer passes the differences on and adds others: in
50 layers with TANH they became 42 units, and in an LSTM of 100 steps 7. One wrong weight makes
hundreds of thousands. A single value may be close to 0, so the median vector counts, too. One with
a huge value must not hide what is wrong in the others.
"""

_OF_FLOAT = 2.0 ** (52 - 23)  # the unit in the last place, in that of a double

_C_LIBRARY = frozenset(
    {
        "COS",
        "CUSTOM:TFLite_Detection_PostProcess",
        "ELU",
        "EXP",
        "LOG",
        "LOGISTIC",
        "LOG_SOFTMAX",
        "SIN",
        "SOFTMAX",
        "TANH",
    }
)
_SUMS_OF_PRODUCTS = frozenset(
    {
        "BATCH_MATMUL",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "L2_NORMALIZATION",
        "L2_POOL_2D",
        "RESIZE_BILINEAR",
        "SVDF",
        "TRANSPOSE_CONV",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
    }
)


def rounds_otherwise(network: Graph) -> bool:
    """Return whether floats of `network` may have other last bits in golden than on a device."""
    return any(
        operator.kind in _C_LIBRARY | _SUMS_OF_PRODUCTS
        and network.tensors[operator.outputs[0]].dtype == np.float32
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
    """Return `outputs` with golden's float in the place of each that counts as equal to it.

    Both have an array [N, ...] for each output.
    """
    tolerant = rounds_otherwise(network)
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
    """Return the difference of each value of the vectors [N, ...], in the unit of `TOLERANCE`."""
    finite = np.where(np.isfinite(golden), np.abs(golden), np.float32(0))
    sizes = finite.max(axis=tuple(range(1, finite.ndim)), keepdims=True)
    usual = np.median(sizes[sizes > 0]) if sizes.any() else 0
    # In double precision: the unit of the greatest float is not infinite.
    unit = np.spacing(np.maximum(np.float64(sizes), usual)) * _OF_FLOAT
    unit = np.maximum(unit, np.finfo(np.float32).smallest_subnormal)
    with np.errstate(invalid="ignore"):
        differences = np.abs(np.float64(ours) - np.float64(golden)) / unit
    differences = np.where(np.isfinite(differences), differences, np.inf)
    same = (ours == golden) | (np.isnan(ours) & np.isnan(golden))
    return np.where(same, 0.0, differences)
