"""Weights, and what scales the sums of each output channel: shared by layers with weights."""

from dataclasses import replace

import numpy as np

from harness.engines.cmsis_nn.layer import Array, Struct, scale, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.graph import Tensor
from harness.model.quantized_multiplier import product_multiplier


def weights_operand(view: OperatorView, weights: Tensor) -> tuple[str, tuple[Array, ...]]:
    """Return the C expression for the weights, and the constant if they are one."""
    if weights.data is None:
        return view.address(weights), ()
    array = Array(view.names.of("weights"), weights.data, shape(weights))
    return array.name, (array,)


def matrix_rank(view: OperatorView) -> int:
    """Return the rank of the weights of FULLY_CONNECTED, which have at least two sides."""
    return max(len(view.tensor(1).shape), 2)


def first_matrix(weights: Tensor) -> Tensor:
    """Return the matrix of FULLY_CONNECTED's `weights`: of several, TFLM takes the first."""
    sides = weights.shape[-2:]
    data = None if weights.data is None else weights.data.reshape(-1, *sides)[0]
    return replace(weights, shape=sides, data=data)


def channel_quantization(
    view: OperatorView, source: Tensor, weights: Tensor, result: Tensor, channels: int
) -> tuple[tuple[Array, Array], Struct]:
    """Return multipliers and shifts for each output channel, and the struct for both."""
    scales = np.zeros(0) if weights.scale is None else weights.scale
    factors = [
        product_multiplier(scale(source), float(each), scale(result))
        for each in np.broadcast_to(scales, channels)
    ]
    view.check_shifts(factors)
    of = view.names.of
    arrays = (
        Array(of("multiplier"), np.array([factor.value for factor in factors], np.int32)),
        Array(of("shift"), np.array([factor.shift for factor in factors], np.int32)),
    )
    fields = tuple(f"(int32_t *){array.name}" for array in arrays)
    return arrays, Struct("cmsis_nn_per_channel_quant_params", of("quant"), fields)
