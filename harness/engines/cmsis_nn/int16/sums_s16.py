"""How a layer with weights turns its sums into outputs: `nn_sums_t` of nn_kernels_s16.h."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.engines.cmsis_nn.layer import Array, scale
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.quantized_multiplier import Multiplier, product_multiplier, reduced_multiplier

# 1 << (15 - shift - 1) must exist. TFLM's debug build stops from 8 on.
_MAX_WIDE_SHIFT = 14


@dataclass(frozen=True)
class Bias:
    """The bias of a layer. With `narrow`, TFLM sums in int32, otherwise in int64."""

    values: np.ndarray[Any, Any] | None
    narrow: bool


def read_bias(
    view: OperatorView, position: int, channels: int, types: Sequence[str], *, narrow: bool = False
) -> Bias:
    """Return the constant bias, which has one of `types`; `narrow` is for a layer without one.

    TFLM reads a bias of another type as if it had the last one of them.
    """
    inputs = view.operator.inputs
    if position >= len(inputs) or inputs[position] < 0:
        return Bias(None, narrow)
    tensor = view.tensor(position)
    if tensor.data is None:
        view.fail("the bias is not constant", "freeze the weights when converting")
    if tensor.dtype.name not in types:
        view.fail(
            f"the bias has type {tensor.dtype}, which TFLM reads as {types[-1]}; it takes "
            f"{' or '.join(types)}",
            "convert to int16 activations again, with the newest converter",
        )
    if tensor.elements != channels:
        view.fail(f"the bias has {tensor.elements} values for {channels} channels")
    is_narrow = tensor.dtype == np.int32
    return Bias(tensor.data.ravel().astype(np.int32 if is_narrow else np.int64), is_narrow)


@dataclass(frozen=True)
class Sums:
    """What makes outputs of a layer's sums of products."""

    source: Tensor
    weights: Tensor
    result: Tensor
    bias: Bias
    clamp: tuple[int, int]
    output_offset: int = 0

    def constants(self, view: OperatorView) -> tuple[tuple[Array, ...], tuple[str, ...]]:
        """Return the constants, and the fields of `.sums`, which refers to them."""
        of, bias, factors = view.names.of, self.bias.values, self._factors(view)
        constants = {
            **({} if bias is None else {"bias": bias}),
            "multiplier": np.array([factor.value for factor in factors], np.int32),
            "shift": np.array([factor.shift for factor in factors], np.int32),
        }
        arrays = tuple(Array(of(name), values) for name, values in constants.items())
        fields = (
            *(f".sums.{name} = {of(name)}" for name in constants),
            f".sums.narrow = {int(self.bias.narrow)}",
            f".sums.per_channel = {int(len(factors) > 1)}",
            f".sums.output_offset = {self.output_offset}",
            f".sums.activation_min = {self.clamp[0]}",
            f".sums.activation_max = {self.clamp[1]}",
        )
        return arrays, fields

    def _factors(self, view: OperatorView) -> list[Multiplier]:
        scales = np.zeros(1) if self.weights.scale is None else self.weights.scale
        ends = scale(self.source), scale(self.result)
        factors = [product_multiplier(ends[0], float(each), ends[1]) for each in scales]
        view.check_shifts(factors)
        return factors if self.bias.narrow else [wide_factor(view, each) for each in factors]


def wide_factor(view: OperatorView, factor: Multiplier) -> Multiplier:
    """Return the factor for a sum of 64 bits: 15 bits, and a shift to the right."""
    if factor.shift > _MAX_WIDE_SHIFT:
        view.fail("the scales of inputs and output are too far apart", CONVERT_AGAIN)
    return Multiplier(reduced_multiplier(factor.value), 15 - factor.shift)
