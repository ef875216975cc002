"""Checks of float32 operands, which all lowerings of this folder share."""

import numpy as np

from harness.engines.cmsis_nn.float_functions import FLOAT_MAX
from harness.engines.cmsis_nn.layer import Array, c_float, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import Activation
from harness.support.plural import count_of


def check_float(view: OperatorView, tensor: Tensor, what: str) -> Tensor:
    """Check that `tensor` is float32 and not empty."""
    if tensor.dtype != np.float32:
        view.fail_type(f"{what} has type {tensor.dtype}, but the layer computes with float32")
    if tensor.elements == 0:
        view.fail(f"{what} is empty", "remove the layer")
    return tensor


def activation(view: OperatorView, position: int) -> Tensor:
    """Return input `position`: float32; as in TFLM, it may be a constant."""
    return check_float(view, view.tensor(position), f"input {position}")


def result(view: OperatorView) -> Tensor:
    """Return the output: float32."""
    return check_float(view, view.graph.tensors[view.operator.outputs[0]], "the output")


def weights(view: OperatorView, position: int, rank: int) -> Tensor:
    """Return float32 weights of `rank` dimensions; as in TFLM, they may be computed."""
    tensor = view.tensor(position)
    if tensor.dtype != np.float32:
        view.fail_type(f"the weights have type {tensor.dtype}, but the layer computes with float32")
    if tensor.elements == 0:
        view.fail("the weights are empty", "remove the layer")
    view.check_rank(tensor, rank, "the weights' tensor")
    return tensor


def bias(view: OperatorView, position: int, channels: int) -> tuple[str, tuple[Array, ...]]:
    """Return the C expression for the bias, NULL without one, and its constant, if it is one."""
    inputs = view.operator.inputs
    if position >= len(inputs) or inputs[position] < 0:
        return "NULL", ()
    tensor = check_float(view, view.tensor(position), "the bias")
    if tensor.elements != channels:
        view.fail(
            f"the bias has {count_of(tensor.elements, 'value')} for {channels} channels",
            CONVERT_AGAIN,
        )
    return view.typed_operand(position)


def bounds(view: OperatorView, kind: Activation) -> tuple[float, float]:
    """Return the least and the greatest output of the fused activation `kind`."""
    least, greatest = view.activation_bounds(kind)
    return (
        -FLOAT_MAX if least is None else least,
        FLOAT_MAX if greatest is None else greatest,
    )


def clamp_fields(clamp: tuple[float, float]) -> tuple[str, str]:
    """Return the fields `least` and `greatest` of a kernel's parameters."""
    return f".least = {c_float(clamp[0])}", f".greatest = {c_float(clamp[1])}"


def notes(*tensors: Tensor) -> tuple[str, ...]:
    """Describe inputs and, last, the output for a person."""
    return (f"{' -> '.join(dict.fromkeys(shape(tensor) for tensor in tensors))}, float32",)
