"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED in float32."""

from typing import cast

from harness.engines.cmsis_nn.channel_scales import first_matrix, matrix_rank
from harness.engines.cmsis_nn.float32 import tensors_f32 as f32
from harness.engines.cmsis_nn.float32.window_f32 import window_layer
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.operator_options import (
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
)


def conv_2d(view: OperatorView) -> Layer:
    """Lower CONV_2D; weights are [output channels, height, width, input channels of a group]."""
    view.check_arity(2, 3)
    options = cast("Conv2DOptions", view.operator.options)
    weights = f32.weights(view, 1, 4)
    channels, *sides, depth = weights.shape
    window = window_layer(view, options, (sides[0], sides[1]), channels)
    given = window.source.shape[3]
    groups = given // depth
    if groups == 0 or groups * depth != given or channels % groups:
        view.fail(f"weights {shape(weights)} do not fit {given} input channels", CONVERT_AGAIN)
    fields = window.fields(f".groups = {groups}", f".depth = {depth}", f".channels = {channels}")
    macs = window.pixels * weights.elements
    return _layer(view, "nn_convolve_f32", fields, window.notes, macs)


def depthwise_conv_2d(view: OperatorView) -> Layer:
    """Lower DEPTHWISE_CONV_2D; weights are [1, height, width, output channels]."""
    view.check_arity(2, 3)
    options = cast("DepthwiseConv2DOptions", view.operator.options)
    weights = f32.weights(view, 1, 4)
    first, *sides, channels = weights.shape
    window = window_layer(view, options, (sides[0], sides[1]), channels)
    depth, multiplier = window.source.shape[3], options.depth_multiplier
    if first != 1 or multiplier < 1 or depth * multiplier != channels:
        view.fail(
            f"{depth} channels times {multiplier} are not the weights' {channels} channels",
            CONVERT_AGAIN,
        )
    fields = window.fields(f".depth = {depth}", f".multiplier = {multiplier}")
    macs = window.pixels * weights.elements
    return _layer(view, "nn_depthwise_f32", fields, window.notes, macs)


def fully_connected(view: OperatorView) -> Layer:
    """Lower FULLY_CONNECTED as a 1x1 convolution; weights are [outputs, inputs]."""
    view.check_arity(2, 3)
    options = cast("FullyConnectedOptions", view.operator.options)
    if options.weights_format != 0:
        view.fail(f"weights format {options.weights_format} is not supported", "use the default")
    source, result = f32.activation(view, 0), f32.result(view)
    weights = first_matrix(f32.weights(view, 1, matrix_rank(view)))
    outputs, inputs = weights.shape
    rows = source.elements // inputs
    sizes = (rows * inputs, rows * outputs, (outputs,))
    if (source.elements, result.elements, result.shape[-1:]) != sizes:
        view.fail(
            f"shapes {shape(source)} -> {shape(result)} do not fit weights {shape(weights)}",
            CONVERT_AGAIN,
        )
    fields = (
        ".images = 1",
        ".height = {1, 1, 1, 1, 1, 0}",
        f".width = {{{rows}, {rows}, 1, 1, 1, 0}}",
        ".groups = 1",
        f".depth = {inputs}",
        f".channels = {outputs}",
        *f32.clamp_fields(f32.bounds(view, options.fused_activation_function)),
    )
    macs = rows * weights.elements
    return _layer(view, "nn_convolve_f32", fields, f32.notes(source, result), macs)


def _layer(
    view: OperatorView, function: str, fields: tuple[str, ...], notes: tuple[str, ...], macs: int
) -> Layer:
    """Return the layer that multiplies with the weights, input 1, and adds the bias, input 2."""
    weights, arrays = view.typed_operand(1)
    result = view.graph.tensors[view.operator.outputs[0]]
    bias, more = f32.bias(view, 2, result.shape[-1])
    params = Struct(f"{function}_params_t", view.names.of("params"), fields)
    addresses = (view.typed_address(view.tensor(0)), weights, bias, view.typed_address(result))
    return Layer(
        view.operator,
        notes=(*notes, f"weights {shape(view.tensor(1))}"),
        macs=macs,
        arrays=(*arrays, *more),
        structs=(params,),
        call=Call(function, (f"&{params.name}", *addresses)),
        status=False,
        kernels=frozenset({f"{function}.c"}),
    )
