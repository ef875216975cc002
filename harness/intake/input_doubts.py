"""Doubts about a user's inputs: what quantization made of them is perhaps not what they were."""

from collections.abc import Iterator
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model.graph import Graph, Tensor
from harness.model.quantization import dequantize, quantize

Array = npt.NDArray[Any]
Range = tuple[float, float]

_SAMPLES = 1 << 20  # values that are looked at
_CUT = 0.01  # share of values outside of the input's range; calibration leaves out fewer
_FEW = 16  # quantized values
_LOST = 4  # times as many different values before
_FAR = 0.5  # of the range's width, beyond its ends
_ENDS = 0.1  # share of stored values at each end of their type
_SMALL = 1.1  # inputs of this range hold pictures divided by 255 or 127.5
_WHITE = (128, 255)  # largest value of pictures that were not divided
_VERY_FEW = 4  # stored values


def quantized_tensor(graph: Graph, tensor: Tensor) -> Tensor | None:
    """Return what holds the scale of the input `tensor`: itself, or the result of its QUANTIZE.

    Returns None if the network does not quantize this input.
    """
    if tensor.scale is not None:
        return tensor
    for operator in graph.operators:
        if operator.kind == "QUANTIZE" and operator.inputs[0] == tensor.index:
            return graph.tensors[operator.outputs[0]]
    return None


def range_of(quantized: Tensor | None) -> Range | None:
    """Return the lowest and highest real value that a quantized tensor holds; None without one."""
    if quantized is None or quantized.scale is None or quantized.scale.size != 1:
        return None
    limits = np.iinfo(quantized.dtype)
    low, high = dequantize(np.array([limits.min, limits.max]), quantized)
    return float(low), float(high)


def _step(total: int, size: int) -> int:
    """Return the distance of the values to look at, of `total` in vectors of `size`.

    It has no divisor in common with `size`, so that no channel or position is left out.
    """
    step = max(1, total // _SAMPLES)
    while gcd(step, size) > 1:
        step += 1
    return step


class GivenValues:
    """What is seen of an input's real values, block by block."""

    def __init__(self, quantized: Tensor | None, total: int) -> None:
        self._quantized = quantized
        self._limits = range_of(quantized)
        self._total = total
        self._seen: list[Array] = []
        self._far: list[int] = []  # vectors
        self._vectors = 0

    def add(self, values: Array) -> None:
        """Look at real `values` [N, ...]."""
        size = values[0].size
        step = _step(self._total, size)
        self._seen.append(values.reshape(-1)[-self._vectors * size % step :: step].copy())
        if self._limits is not None:
            low, high = self._limits
            margin = _FAR * (high - low)
            rows = values.reshape(len(values), -1)
            far = (rows.min(axis=1) < low - margin) | (rows.max(axis=1) > high + margin)
            self._far += (self._vectors + np.flatnonzero(far)).tolist()
        self._vectors += len(values)

    def doubts(self) -> Iterator[str]:
        """Yield a sentence for each doubt about what quantization makes of the values."""
        if self._limits is None or self._quantized is None or not self._seen:
            return
        low, high = self._limits
        values = np.concatenate(self._seen)
        before, after = np.unique(values), np.unique(quantize(values, self._quantized))
        limits = np.iinfo(self._quantized.dtype)
        half = (high - low) / (2 * (int(limits.max) - int(limits.min)))  # what rounding may cut
        cut = float(((values < low - half) | (values > high + half)).mean())
        bounds = (
            f"the input holds {low:.4g} to {high:.4g}, but the values reach from "
            f"{before[0]:.4g} to {before[-1]:.4g}"
        )
        if cut >= _CUT:
            hint = ""
            if high <= _SMALL and before[0] >= 0 and _WHITE[0] <= before[-1] <= _WHITE[1]:
                hint = "; for values from 0 to 255, add --preprocess unit or signed"
            yield f"{cut:.0%} of the values are cut: {bounds}{hint}"
        elif self._far:
            yield (
                f"{len(self._far):,} of {self._vectors:,} vectors lie far outside of the "
                f"calibrated range, first vector {self._far[0]}: {bounds}"
            )
        if len(after) <= _FEW and len(before) > _LOST * len(after):
            yield f"{len(before):,} different values become only {len(after)}: {bounds}"


def stored_doubts(stored: Array) -> Iterator[str]:
    """Yield a sentence for each doubt about inputs that are `stored` as the user quantized them."""
    if stored.dtype.kind not in "iu" or stored.dtype.itemsize > 2:  # noqa: PLR2004 - int16
        return
    limits = np.iinfo(stored.dtype)
    values = stored.reshape(-1)[:: _step(stored.size, stored[0].size)]
    low, high = (float((values == end).mean()) for end in (limits.min, limits.max))
    if min(low, high) >= _ENDS:
        yield (
            f"the inputs saturate: {low:.0%} of the values are {limits.min} and {high:.0%} are "
            f"{limits.max}, the ends of {stored.dtype}"
        )
    different = len(np.unique(values))
    if 1 < different <= _VERY_FEW < values.size:
        yield f"the inputs have only {different} different values of {stored.dtype}"
