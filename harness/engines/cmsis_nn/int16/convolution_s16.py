"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and TRANSPOSE_CONV in int16, with int8 weights."""

from dataclasses import replace
from typing import cast

import numpy as np

from harness.engines.cmsis_nn.channel_scales import first_matrix, matrix_rank
from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.int16.sums_s16 import Bias, Sums, read_bias
from harness.engines.cmsis_nn.int16.window_s16 import window_layer
from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Struct,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.engines.cmsis_nn.transpose_conv import described, side, transposed_window
from harness.model.graph import Tensor
from harness.model.operator_options import (
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    TransposeConvOptions,
)

_BOTH = ("int32", "int64")
_INT32 = 2  # TensorType
_MAX_DIFFERENCE = 0.02  # of the scales of sums and bias, as a part of the output's


def conv_2d(view: OperatorView) -> Layer:
    """Lower CONV_2D; weights are [output channels, height, width, input channels of a group].

    As in TFLM, zero points are ignored, and with a bias of int32 the sums are int32.
    """
    view.check_arity(2, 3)
    options = cast("Conv2DOptions", view.operator.options)
    weights = _weights(view, 4, 0)
    channels, *sides, depth = weights.shape
    window = window_layer(view, options, (sides[0], sides[1]), channels)
    given = window.source.shape[3]
    groups = given // depth
    if groups * depth != given or channels % groups:
        view.fail(f"weights {shape(weights)} do not fit {given} input channels", CONVERT_AGAIN)
    sums = Sums(
        window.source,
        weights,
        window.result,
        read_bias(view, 2, channels, _BOTH, narrow=options.quantized_bias_type == _INT32),
        window.clamp,
    )
    geometry = (
        *window.fields,
        f".groups = {groups}",
        f".depth = {depth}",
        f".channels = {channels}",
    )
    macs = window.pixels * weights.elements
    layer = _layer(view, sums, ("nn_convolve_s16", geometry), window.notes, macs)
    pointwise = sides == [1, 1] and groups == 1
    return _with_column(layer, view, 0 if pointwise else sides[0] * sides[1] * depth)


def depthwise_conv_2d(view: OperatorView) -> Layer:
    """Lower DEPTHWISE_CONV_2D; weights are [1, height, width, output channels]."""
    view.check_arity(2, 3)
    options = cast("DepthwiseConv2DOptions", view.operator.options)
    weights = _weights(view, 4, 3)
    first, *sides, channels = weights.shape
    window = window_layer(view, options, (sides[0], sides[1]), channels)
    depth, multiplier = window.source.shape[3], options.depth_multiplier
    if first != 1 or multiplier < 1 or depth * multiplier != channels:
        view.fail(f"{depth} channels times {multiplier} are not the weights' {channels} channels")
    bias = read_bias(view, 2, channels, ("int64",))
    sums = Sums(window.source, weights, window.result, bias, window.clamp)
    geometry = (*window.fields, f".depth = {depth}", f".multiplier = {multiplier}")
    macs = window.pixels * weights.elements
    return _layer(view, sums, ("nn_depthwise_s16", geometry), window.notes, macs)


def transpose_conv(view: OperatorView) -> Layer:
    """Lower TRANSPOSE_CONV; weights are [output channels, height, width, input channels].

    The inputs are the output's shape, the weights, the image and the bias. Like TFLM, this takes
    the shape from the output tensor instead.
    """
    view.check_arity(3, 4)
    options = cast("TransposeConvOptions", view.operator.options)
    weights = _weights(view, 4, 0)
    channels, rows, columns, depth = weights.shape
    source, result = s16.activation(view, 2), s16.result(view)
    height, width = transposed_window(view, options, source, weights, result)
    bias = read_bias(view, 3, channels, ("int16", "int64"))
    clamp = s16.clamp(view, options.fused_activation_function, result)
    geometry = (
        f".images = {source.shape[0]}",
        f".height = {side(source.shape[1], result.shape[1], height)}",
        f".width = {side(source.shape[2], result.shape[2], width)}",
        f".depth = {depth}",
        f".channels = {channels}",
    )
    notes = (*s16.notes(source, result), described(height, width))
    sums = Sums(source, weights, result, bias, clamp)
    macs = source.elements * rows * columns * channels
    return _layer(view, sums, ("nn_transpose_conv_s16", geometry), notes, macs)


def fully_connected(view: OperatorView) -> Layer:
    """Lower FULLY_CONNECTED as a 1x1 convolution; weights are [outputs, inputs].

    Unlike a convolution, it respects the zero points. Source: integer_ops/fully_connected.h.
    """
    view.check_arity(2, 3)
    options = cast("FullyConnectedOptions", view.operator.options)
    if options.weights_format != 0:
        view.fail(f"weights format {options.weights_format} is not supported", "use the default")
    rank = matrix_rank(view)
    source, result = s16.activation(view, 0), s16.result(view)
    weights = first_matrix(_weights(view, rank, rank - 2))
    outputs, inputs = weights.shape
    rows = source.elements // inputs
    sizes = (rows * inputs, rows * outputs, (outputs,))
    if (source.elements, result.elements, result.shape[-1:]) != sizes:
        view.fail(f"shapes {shape(source)} -> {shape(result)} do not fit weights {shape(weights)}")
    bias = read_bias(view, 2, outputs, _BOTH, narrow=options.quantized_bias_type == _INT32)
    if weights.scale is not None and weights.scale.size == 1 and bias.values is not None:
        _check_bias_scale(view, source, weights, result)
    sums = Sums(
        source,
        weights,
        result,
        _with_input_offset(bias, weights, zero_point(source)),
        s16.clamp(view, options.fused_activation_function, result),
        zero_point(result),
    )
    geometry = (
        ".images = 1",
        ".height = {1, 1, 1, 1, 1, 0}",
        f".width = {{{rows}, {rows}, 1, 1, 1, 0}}",
        ".groups = 1",
        f".depth = {inputs}",
        f".channels = {outputs}",
    )
    macs = rows * weights.elements
    layer = _layer(view, sums, ("nn_convolve_s16", geometry), s16.notes(source, result), macs)
    return _with_column(layer, view, 0)


def _weights(view: OperatorView, rank: int, axis: int) -> Tensor:
    """Return the constant int8 weights, with one scale, or one per index of `axis`."""
    weights = view.weights(1, rank, axis)
    if weights.data is None:
        view.fail("the weights are computed; in int16 they must be constant", "freeze the weights")
    return weights


def _check_bias_scale(view: OperatorView, source: Tensor, weights: Tensor, result: Tensor) -> None:
    """Check that the bias has the scale of the sums that it is added to, as TFLM does.

    Source: TFLM tensorflow/lite/kernels/kernel_util.cc, GetQuantizedConvolutionMultipler.
    """
    expected, found = scale(source) * scale(weights), scale(view.tensor(2))
    if abs(expected - found) / scale(result) > _MAX_DIFFERENCE:
        view.fail(
            f"the bias has scale {found:g}, but input and weights give {expected:g}", CONVERT_AGAIN
        )


def _with_input_offset(bias: Bias, weights: Tensor, offset: int) -> Bias:
    """Return the bias that includes the input's zero point times the sum of the weights."""
    if offset == 0:
        return bias
    moved = -offset * np.asarray(weights.data).astype(np.int64).sum(axis=1)
    if bias.values is not None:
        moved = moved + bias.values
    # A value that does not fit wraps around, as TFLM's sum does.
    return Bias(moved.astype(np.int32 if bias.narrow else np.int64), bias.narrow)


def _with_column(layer: Layer, view: OperatorView, size: int) -> Layer:
    """Return the convolution `layer` with memory for the `size` values under a window."""
    if layer.call is None:
        return layer
    column = f"(int16_t *)(arena + {view.names.scratch})" if size else "0"
    *before, result = layer.call.arguments
    call = Call(layer.call.function, (*before, column, result))
    return replace(layer, call=call, scratch=2 * size)


def _layer(
    view: OperatorView,
    sums: Sums,
    kernel: tuple[str, tuple[str, ...]],
    notes: tuple[str, ...],
    macs: int,
) -> Layer:
    """Return the layer that calls `kernel`: a function, and the fields of its parameters."""
    function, fields = kernel
    arrays, more = sums.constants(view)
    params = Struct(f"{function}_params_t", view.names.of("params"), (*fields, *more))
    weights = Array(view.names.of("weights"), np.asarray(sums.weights.data), shape(sums.weights))
    addresses = (view.typed_address(sums.source), weights.name, view.typed_address(sums.result))
    return Layer(
        view.operator,
        notes=(
            *notes,
            f"weights {shape(sums.weights)}, {quantization(sums.weights)}",
            f"sums in {'int32' if sums.bias.narrow else 'int64'}",
        ),
        macs=macs,
        arrays=(weights, *arrays),
        structs=(params,),
        call=Call(function, (f"&{params.name}", *addresses)),
        status=False,
        kernels=frozenset({f"{function}.c", "nn_sums.c"}),
    )
