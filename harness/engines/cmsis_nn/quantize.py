"""QUANTIZE and DEQUANTIZE: between float32 and the integer types."""

import numpy as np

from harness.engines.cmsis_nn import fixed_point as fixed
from harness.engines.cmsis_nn.layer import (
    Call,
    Layer,
    Struct,
    c_float,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.lookup_tables import table_layer
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import result_term
from harness.model.graph import Tensor
from harness.model.network_kind import FULL_INTEGER
from harness.model.quantized_multiplier import multiplier

# Conversions that TFLM supports: from, to.
_BYTES = {("int8", "int8"), ("int8", "uint8"), ("uint8", "int8")}
_WIDER = {
    ("int8", "int16"),
    ("int8", "int32"),
    ("int16", "int8"),
    ("int16", "int16"),
    ("int16", "int32"),
    ("int32", "int8"),
    ("int32", "int16"),
}
_DEQUANTIZED = {"int8": "nn_dequantize_s8_f32", "uint8": "nn_dequantize_u8_f32"}
_TYPES = {"int8": "NN_S8", "int16": "NN_S16", "int32": "NN_S32"}


def quantize(view: OperatorView) -> Layer:
    """Lower QUANTIZE: real values to int8, or from one integer type and scale to another."""
    source, result = _input_and_output(view)
    pair = (str(source.dtype), str(result.dtype))
    if pair == ("float32", "int8"):
        _one_scale(view, result, "the output")
        return _convert_float(view, source, result, "nn_quantize_f32_s8", result)
    if pair not in _BYTES | _WIDER:
        known = ", ".join(" to ".join(each) for each in sorted(_BYTES | _WIDER))
        view.fail_type(
            f"conversion from {pair[0]} to {pair[1]} is not supported",
            f"supported: float32 to int8, {known}. The engine tflm runs networks with 16-bit "
            "activations, too",
        )
    _one_scale(view, source, "the input")
    _one_scale(view, result, "the output")
    return _requantize(view, source, result, pair)


def dequantize(view: OperatorView) -> Layer:
    """Lower DEQUANTIZE: int8 or uint8 to float32."""
    source, result = _input_and_output(view)
    if str(source.dtype) not in _DEQUANTIZED:
        view.fail_type(
            f"the input has type {source.dtype}; TFLM's DEQUANTIZE takes {', '.join(_DEQUANTIZED)}"
        )
    if source.data is not None and source.scale is not None and source.scale.size > 1:
        view.fail(
            f"its constant has {source.scale.size} scales, and TFLM's DEQUANTIZE takes one. So "
            "TFLM would compute with wrong weights",
            FULL_INTEGER,
        )
    view.check_quantized(source, "the input")
    if result.dtype != np.float32:
        view.fail_type(f"the output has type {result.dtype}; float32 is supported")
    return _convert_float(view, source, result, _DEQUANTIZED[str(source.dtype)], source)


def _input_and_output(view: OperatorView) -> tuple[Tensor, Tensor]:
    view.check_arity(1, 1)
    source = view.tensor(0)
    if source.elements == 0:
        view.fail("input 0 is empty")
    return source, view.check_result_shape(source.shape)


def _one_scale(view: OperatorView, tensor: Tensor, what: str) -> None:
    if tensor.scale is None or tensor.scale.size != 1 or not tensor.scale[0] > 0:
        view.fail(f"{what} must have one positive scale; found: {quantization(tensor)}")


def _convert_float(
    view: OperatorView, source: Tensor, result: Tensor, function: str, quantized: Tensor
) -> Layer:
    """Return the layer between float32 and int8; `quantized` is its int8 side."""
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
        kernels=frozenset({f"{function.replace('u8', 's8')}.c"}),  # one file for both
    )


def _requantize(view: OperatorView, source: Tensor, result: Tensor, pair: tuple[str, str]) -> Layer:
    """Return the layer between two integer types.

    Source: quantize_common.cc; the ratio of the scales is a double.
    """
    factor = multiplier(scale(source) / scale(result))
    view.check_shifts([factor])
    if pair in _BYTES:
        info = np.iinfo(result.dtype)

        def entry(value: int) -> int:
            scaled = fixed.scale(value - zero_point(source), factor) + zero_point(result)
            return fixed.clamp(scaled, int(info.min), int(info.max))

        return table_layer(view, source, result, entry, first=int(np.iinfo(source.dtype).min))
    fields = (
        f".from = {_TYPES[pair[0]]}",
        f".to = {_TYPES[pair[1]]}",
        f".input_zero_point = {zero_point(source)}",
        f".output = {result_term(factor, zero_point(result))}",
    )
    params = Struct("nn_requantize_params_t", view.names.of("params"), fields)
    addresses = (view.address(source), view.address(result))
    return Layer(
        view.operator,
        notes=(
            f"{shape(source)}, {pair[0]} to {pair[1]}",
            f"input {quantization(source)}",
            f"output {quantization(result)}",
        ),
        structs=(params,),
        call=Call("nn_requantize", (f"&{params.name}", str(source.elements), *addresses)),
        status=False,
        kernels=frozenset({"nn_requantize.c"}),
    )
