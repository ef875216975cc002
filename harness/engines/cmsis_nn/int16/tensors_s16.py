"""Checks of int16 activations, which all lowerings of this folder share."""

import numpy as np

from harness.engines.cmsis_nn.layer import quantization, scale, shape, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import Activation
from harness.model.quantized_multiplier import (
    INT16_MAX,
    INT16_MIN,
    activation_range,
)


def check_int16(view: OperatorView, tensor: Tensor, what: str) -> Tensor:
    """Check that `tensor` is int16, is not empty, and has one scale."""
    if tensor.dtype != np.int16:
        view.fail(f"{what} has type {tensor.dtype}, but the layer computes in int16", CONVERT_AGAIN)
    return view.check_quantized(tensor, what)


def activation(view: OperatorView, position: int) -> Tensor:
    """Return input `position`: int16 and not constant."""
    tensor = view.tensor(position)
    if tensor.data is not None:
        view.fail(f"input {position} is a constant", "fold constants when converting")
    return check_int16(view, tensor, f"input {position}")


def result(view: OperatorView) -> Tensor:
    """Return the output: int16."""
    return check_int16(view, view.graph.tensors[view.operator.outputs[0]], "the output")


def input_and_output(view: OperatorView) -> tuple[Tensor, Tensor]:
    """Return the only input and the output, which have the same shape."""
    view.check_arity(1, 1)
    source, target = activation(view, 0), result(view)
    view.check_result_shape(source.shape)
    return source, target


def check_symmetric(view: OperatorView, *tensors: Tensor) -> None:
    """Refuse zero points other than 0, as TFLM does."""
    for tensor in tensors:
        if zero_point(tensor) != 0:
            view.fail(
                f"{tensor.name[:80]!r} has {quantization(tensor)}; TFLM requires zero point 0 "
                "for int16",
                CONVERT_AGAIN,
            )


def clamp(view: OperatorView, kind: Activation, tensor: Tensor) -> tuple[int, int]:
    """Return the int16 bounds of the fused activation `kind` for the output `tensor`."""
    view.activation_bounds(kind)
    try:
        return activation_range(kind, scale(tensor), zero_point(tensor), (INT16_MIN, INT16_MAX))
    except ValueError as error:
        view.fail(f"the output's scale does not suit its activation: {error}")


def notes(*tensors: Tensor) -> tuple[str, ...]:
    """Describe inputs and, last, the output for a person."""
    shapes = " -> ".join(dict.fromkeys(shape(tensor) for tensor in tensors))
    inputs = "; ".join(quantization(tensor) for tensor in tensors[:-1])
    return f"{shapes}, int16", f"input {inputs}", f"output {quantization(tensors[-1])}"
