"""QUANTIZE and DEQUANTIZE between float32 and int16."""

import numpy as np

from harness.engines.cmsis_nn import quantize as of_any_type
from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.layer import (
    Call,
    Layer,
    c_float,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor


def quantize(view: OperatorView) -> Layer:
    """Lower QUANTIZE from float32 to int16, or from one integer type to another."""
    view.check_arity(1, 1)
    source = view.tensor(0)
    if source.dtype != np.float32:
        return of_any_type.quantize(view)
    if source.data is not None:
        view.fail("input 0 is a constant", "fold constants when converting")
    return _conversion(view, "nn_quantize_f32_s16", s16.result(view))


def dequantize(view: OperatorView) -> Layer:
    """Lower DEQUANTIZE from int16 to float32."""
    view.check_arity(1, 1)
    return _conversion(view, "nn_dequantize_s16_f32", s16.activation(view, 0))


def _conversion(view: OperatorView, function: str, quantized: Tensor) -> Layer:
    """Return the layer between float32 and int16; `quantized` is its int16 side."""
    source = view.tensor(0)
    result = view.check_result_shape(source.shape)
    real = result if quantized is source else source
    if real.dtype != np.float32:
        view.fail(f"converts between int16 and {real.dtype}; float32 is supported", CONVERT_AGAIN)
    arguments = (
        c_float(scale(quantized)),
        str(zero_point(quantized)),
        str(source.elements),
        view.typed_address(source),
        view.typed_address(result),
    )
    return Layer(
        view.operator,
        notes=(f"{shape(source)}, {source.dtype} to {result.dtype}", quantization(quantized)),
        call=Call(function, arguments),
        status=False,
        kernels=frozenset({f"{function}.c"}),
    )
