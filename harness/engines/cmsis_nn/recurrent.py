"""What the lowerings of recurrent operators share: their weights, biases and states."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.engines.cmsis_nn import fixed_point as fixed
from harness.engines.cmsis_nn.int16.sums_s16 import read_bias
from harness.engines.cmsis_nn.layer import shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.network_kind import FULL_INTEGER
from harness.model.quantized_multiplier import Multiplier

Values = np.ndarray[Any, Any]
INT8, INT16, INT32, INT64, FLOAT = (
    np.dtype(name) for name in ("int8", "int16", "int32", "int64", "float32")
)


def weights(
    view: OperatorView, position: int, what: str, types: Sequence[np.dtype[Any]] = (INT8,)
) -> Tensor:
    """Return constant weights [rows, columns]; those of integers are symmetric with one scale."""
    tensor = view.tensor(position)
    if tensor.data is None:
        view.fail(f"the {what} are not constant", "freeze the weights when converting")
    view.check_rank(tensor, 2, f"the {what}")
    _check_type(view, tensor, f"the {what}", types)
    if tensor.zero_point is not None and tensor.zero_point.any():
        view.fail(
            f"the {what} have a zero point; TFLM's kernel expects 0",
            "quantize the weights symmetrically, with zero point 0",
        )
    return tensor


def variable(view: OperatorView, position: int, what: str, dtype: np.dtype[Any]) -> Tensor:
    """Return the tensor `what` that keeps its value between inferences."""
    tensor = view.tensor(position)
    if not tensor.variable:
        view.fail(
            f"the {what} is not a variable tensor, which TFLM requires",
            "convert the model again, from a Keras layer",
        )
    _check_type(view, tensor, f"the {what}", (dtype,))
    return tensor


def bias(
    view: OperatorView, position: int, what: str, units: int, dtype: np.dtype[Any] = INT32
) -> Tensor:
    """Return a constant bias of integers."""
    check_given(view, position, what)
    # Both check its type and size.
    if dtype == INT32:
        view.bias(position, units)
    else:
        read_bias(view, position, units, (str(dtype),))
    return view.tensor(position)


def check_given(view: OperatorView, position: int, what: str) -> None:
    """Check that there is the bias `what`: TFLM's recurrent kernels do not run without one."""
    if view.operator.inputs[position] < 0:
        view.fail(
            f"there is no {what}; TFLM's kernel needs one",
            "build the layer with a bias (use_bias=True); it may be 0",
        )


def check_shape(view: OperatorView, tensor: Tensor, what: str, expected: Sequence[int]) -> None:
    """Check the shape of an input."""
    if tensor.shape != tuple(expected):
        text = "x".join(map(str, expected))
        view.fail(f"{what} has shape {shape(tensor)}, not {text}", CONVERT_AGAIN)


def centred(
    rows: Values, zero_point: int, own: Values | None = None, dtype: np.dtype[Any] = INT32
) -> Values:
    """Return a bias for sums over `rows` of weights, with the zero point of what they weigh.

    It contains the layer's `own` bias. As in the kernel, the sums wrap around.
    """
    sums = -zero_point * rows.astype(np.int64).sum(axis=1)
    if own is not None:
        sums += own
    return sums if dtype == INT64 else np.array([fixed.wrap(int(value)) for value in sums], dtype)


def factor(of: Multiplier) -> str:
    """Return the C initializer of a nn_factor_t."""
    return f"{{{of.value}, {of.shift}}}"


def _check_type(
    view: OperatorView, tensor: Tensor, what: str, types: Sequence[np.dtype[Any]]
) -> None:
    if tensor.dtype not in types:
        known = " and ".join(map(str, types))
        view.fail_type(f"{what}: type {tensor.dtype}; TFLM's kernel takes {known}", FULL_INTEGER)
    if tensor.dtype != FLOAT and (
        tensor.scale is None or tensor.scale.size != 1 or not tensor.scale[0] > 0
    ):
        view.fail(f"{what}: TFLM's kernel takes one scale, above 0", CONVERT_AGAIN)
    if tensor.elements == 0:
        view.fail(f"{what}: empty", CONVERT_AGAIN)
