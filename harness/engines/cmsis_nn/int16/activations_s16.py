"""ABS, PRELU, RELU, RELU6, RSQRT, LEAKY_RELU, LOGISTIC, TANH and SOFTMAX in int16."""

import math
from typing import NamedTuple, cast

import numpy as np

from harness.engines.cmsis_nn import fixed_point as fixed
from harness.engines.cmsis_nn.int16 import tables_s16 as tables
from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, quantization, scale, zero_point
from harness.engines.cmsis_nn.math_tables import RSQRT_BITS
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import Operands, pair_loops, result_term
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.engines.cmsis_nn.softmax_reshape import softmax_to_int16
from harness.model.graph import Tensor
from harness.model.operator_options import Activation, LeakyReluOptions, SoftmaxOptions
from harness.model.quantized_multiplier import INT16_MAX, INT16_MIN, Multiplier, multiplier

_IDENTITY = Multiplier(1 << 30, 1)
_MAX_DEPTH = 65535  # values; the sum of their exponentials fits into 31 bits


class _Factors(NamedTuple):
    """Factors for the values from the zero point on and for those below it, and its sign there."""

    positive: Multiplier
    negative: Multiplier
    sign: int = 1


def absolute(view: OperatorView) -> Layer:
    """Lower ABS. Source: elementwise.cc, AbsEvalQuantized."""
    source, result = s16.input_and_output(view)
    s16.check_symmetric(view, source, result)
    ratio = scale(source) / scale(result)
    factor = _IDENTITY if ratio == 1 else _factor(view, ratio)
    # The product with a negative multiplier is rounded as that of the absolute value.
    factors = _Factors(factor, Multiplier(-factor.value, factor.shift))
    return _rescale(view, (source, result), factors, 0, (INT16_MIN, INT16_MAX))


def relu(view: OperatorView) -> Layer:
    """Lower RELU. Source: activations_common.cc, ReluPrepare."""
    source, result = s16.input_and_output(view)
    s16.check_symmetric(view, source, result)
    factor = _factor(view, scale(source) / scale(result))
    bounds = s16.clamp(view, Activation.RELU, result)
    return _rescale(view, (source, result), _Factors(factor, factor), zero_point(result), bounds)


def relu6(view: OperatorView) -> Layer:
    """Lower RELU6. As in TFLM, the input is only clamped; the output's scale is ignored."""
    source, result = s16.input_and_output(view)
    zero, six = zero_point(source), s16.clamp(view, Activation.RELU6, source)[1]
    return _rescale(view, (source, result), _Factors(_IDENTITY, _IDENTITY), zero, (zero, six))


def leaky_relu(view: OperatorView) -> Layer:
    """Lower LEAKY_RELU. Source: leaky_relu_common.cc, CalculateOpDataLeakyRelu."""
    options = cast("LeakyReluOptions", view.operator.options)
    source, result = s16.input_and_output(view)
    ratio = scale(source) / scale(result)
    negative = scale(source) * abs(options.alpha) / scale(result)
    factors = _Factors(
        _factor(view, ratio), _factor(view, negative), -1 if options.alpha < 0 else 1
    )
    whole = (INT16_MIN, INT16_MAX)
    return _rescale(view, (source, result), factors, zero_point(result), whole)


def prelu(view: OperatorView) -> Layer:
    """Lower PRELU; alpha is int8. Source: prelu_common.cc."""
    view.check_arity(2, 2)
    source, result, alpha = s16.activation(view, 0), s16.result(view), view.tensor(1)
    if alpha.dtype != np.int8:
        view.fail(f"alpha has type {alpha.dtype}; TFLM takes int8 alpha with int16 activations")
    view.check_quantized(alpha, "alpha")
    view.check_result_shape(source.shape)
    pair = Operands(view, source, alpha, result, pair_loops(view, source, alpha, result))
    positive = _factor(view, scale(source) / scale(result))
    negative = _factor(view, scale(source) * scale(alpha) / scale(result))
    fields = (
        f".input_offset = {-zero_point(source)}",
        f".alpha_offset = {-zero_point(alpha)}",
        f".positive = {result_term(positive, zero_point(result))}",
        f".negative = {result_term(negative, zero_point(result))}",
    )
    return pair.layer("nn_prelu_s16", ("nn_prelu_params_t", fields))


def rsqrt(view: OperatorView) -> Layer:
    """Lower RSQRT. As in TFLM, a negative input fails at run time.

    Source: elementwise.cc, RsqrtEvalQuantized; the `tflite-micro` wheel has the factor in double.
    """
    source, result = s16.input_and_output(view)
    s16.check_symmetric(view, source, result)
    factor = _factor(view, 1.0 / (math.sqrt(scale(source)) * scale(result)))
    shift = factor.shift - RSQRT_BITS
    if shift < fixed.LEAST_SHIFT:
        view.fail("the scales of input and output are too far apart")
    of_result = Struct("nn_factor_t", view.names.of("factor"), (f"{factor.value}", f"{shift}"))
    addresses = (view.typed_address(source), view.typed_address(result))
    return Layer(
        view.operator,
        notes=s16.notes(source, result),
        structs=(of_result,),
        call=Call("nn_rsqrt_s16", (f"&{of_result.name}", str(source.elements), *addresses)),
        in_place=(source.index,),
        kernels=frozenset({"nn_rsqrt_s16.c"}),
    )


def _rescale(
    view: OperatorView,
    tensors: tuple[Tensor, Tensor],
    factors: _Factors,
    output_offset: int,
    bounds: tuple[int, int],
) -> Layer:
    source, result = tensors
    fields = (
        f".input_offset = {-zero_point(source)}",
        f".positive = {result_term(factors.positive, output_offset)}",
        f".negative = {result_term(factors.negative, output_offset)}",
        f".sign = {factors.sign}",
        f".activation_min = {bounds[0]}",
        f".activation_max = {bounds[1]}",
    )
    params = Struct("nn_rescale_params_t", view.names.of("params"), fields)
    addresses = (view.typed_address(source), view.typed_address(result))
    return Layer(
        view.operator,
        notes=s16.notes(source, result),
        structs=(params,),
        call=Call("nn_rescale_s16", (f"&{params.name}", str(source.elements), *addresses)),
        status=False,
        in_place=(source.index,),
        kernels=frozenset({"nn_rescale_s16.c"}),
    )


def logistic(view: OperatorView) -> Layer:
    """Lower LOGISTIC."""
    return _sigmoid(view, "nn_logistic_s16", (0,))


def tanh(view: OperatorView) -> Layer:
    """Lower TANH."""
    return _sigmoid(view, "nn_tanh_s16", (0, 1))


def _sigmoid(view: OperatorView, function: str, exact_shifts: tuple[int, ...]) -> Layer:
    """Return the layer that interpolates in the table. Source: logistic_common.cc and tanh.cc.

    `exact_shifts` are those of scales that are powers of two and need no rounding.
    """
    source, result = s16.input_and_output(view)
    s16.check_symmetric(view, source, result)
    if _power_of_two(scale(result)) != -15:  # noqa: PLR2004 - the output is Q0.15
        view.fail(f"the output has {quantization(result)}; TFLM requires scale 1/32768")
    power = _power_of_two(scale(source))
    shift = 0 if power is None else 12 + power
    if power is not None and shift in exact_shifts:
        factor = Multiplier(3 << shift, 0)
    else:
        factor = _to_table_steps(view, source)
    fields = (f".multiplier = {factor.value}", f".shift = {factor.shift}")
    params = Struct("nn_sigmoid_params_t", view.names.of("params"), fields)
    table = tables.sigmoid()
    addresses = (view.typed_address(source), view.typed_address(result))
    arguments = (f"&{params.name}", table.name, str(source.elements), *addresses)
    return Layer(
        view.operator,
        notes=s16.notes(source, result),
        arrays=(table,),
        structs=(params,),
        call=Call(function, arguments),
        status=False,
        in_place=(source.index,),
        kernels=frozenset({"nn_sigmoid_s16.c"}),
    )


def _power_of_two(real: float) -> int | None:
    """Return the exponent of a power of two. Source: quantization_util.cc, CheckedLog2."""
    logarithm = np.log(np.float32(real)) * (np.float32(1) / np.log(np.float32(2)))
    exponent = round(float(logarithm))
    near = abs(logarithm - np.float32(exponent)) < np.float32(1e-3)
    return exponent if near else None


def _to_table_steps(view: OperatorView, source: Tensor) -> Multiplier:
    """Return the factor to units of 1/12288 as a whole number and a shift to the right."""
    real, shift = scale(source) * 4096.0 * 3.0, 0
    while real <= INT16_MAX / 2 and shift <= 30:  # noqa: PLR2004 - TFLM's limit
        real, shift = real * 2, shift + 1
    if real >= 1 << 31:
        view.fail(f"the input's scale {scale(source):g} is too large for TFLM")
    return Multiplier(int(real), shift)


def softmax(view: OperatorView) -> Layer:
    """Lower SOFTMAX over the last axis; the output has scale 1/32768. Source: softmax_common.cc."""
    view.check_arity(1, 1)
    options = cast("SoftmaxOptions", view.operator.options)
    if view.tensor(0).dtype == np.int8:
        return softmax_to_int16(view)
    source, result = s16.input_and_output(view)
    if not source.shape or source.shape[-1] > _MAX_DEPTH:
        view.fail(f"the last axis must have 1 to {_MAX_DEPTH} values", "make the layer smaller")
    s16.check_symmetric(view, source, result)
    expected = np.float32(1 / 32768)
    if abs(np.float32(scale(result)) - expected) > np.float32(0.001) * expected:
        view.fail(f"the output has {quantization(result)}; TFLM requires scale 1/32768")
    factor = _factor(view, scale(source) * options.beta / (10.0 / 65535.0))
    exponential, reciprocal = tables.exponential(), tables.reciprocal()
    fields = (
        f".multiplier = {factor.value}",
        f".shift = {factor.shift}",
        f".exponential = {exponential.name}",
        f".reciprocal = {reciprocal.name}",
    )
    params = Struct("nn_softmax_s16_params_t", view.names.of("params"), fields)
    depth = source.shape[-1]
    rows = source.elements // depth
    addresses = (view.typed_address(source), view.typed_address(result))
    return Layer(
        view.operator,
        notes=(*s16.notes(source, result), f"beta {options.beta:g}"),
        arrays=(exponential, reciprocal),
        structs=(params,),
        call=Call("nn_softmax_s16", (f"&{params.name}", str(rows), str(depth), *addresses)),
        status=False,
        kernels=frozenset({"nn_softmax_s16.c"}),
    )


def _factor(view: OperatorView, real: float) -> Multiplier:
    if not 0 <= real < math.inf:
        view.fail("the scales of input and output are too far apart", CONVERT_AGAIN)
    factor = multiplier(real)
    view.check_shifts([factor])
    return factor
