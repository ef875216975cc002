"""Doubts about a user's inputs: what quantization made of them is perhaps not what they were."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model.graph import Tensor
from harness.model.quantization import dequantize

_SAMPLES = 1 << 20  # values that are looked at
_CUT = 0.01  # share of values outside of the input's range; calibration leaves out fewer
_FEW = 16  # quantized values
_LOST = 4  # times as many different values before


def input_doubts(
    given: npt.NDArray[Any], stored: npt.NDArray[Any], tensor: Tensor
) -> Iterator[str]:
    """Yield a sentence for each doubt about the inputs `given`, `stored` as those of `tensor`."""
    step = max(1, given.size // _SAMPLES)
    before, after = (np.unique(array.reshape(-1)[::step]) for array in (given, stored))
    if given.dtype.kind == "f":
        limits = np.iinfo(tensor.dtype)
        low, high = dequantize(np.array([limits.min, limits.max]), tensor)
        half = (high - low) / (2 * (int(limits.max) - int(limits.min)))  # what rounding may cut
        values = given.reshape(-1)[::step]
        cut = float(((values < low - half) | (values > high + half)).mean())
        if cut >= _CUT:
            yield (
                f"{cut:.0%} of the values are cut: the input holds {low:.4g} to {high:.4g}, but "
                f"the values reach from {before[0]:.4g} to {before[-1]:.4g}"
            )
        if len(after) <= _FEW and len(before) > _LOST * len(after):
            yield (
                f"{len(before):,} different values become only {len(after)}: the input holds "
                f"{low:.4g} to {high:.4g}, but the values reach from {before[0]:.4g} to "
                f"{before[-1]:.4g}"
            )
    if len(stored) > 1 and (stored == stored[0]).all():
        yield f"all {len(stored):,} inputs are the same"
