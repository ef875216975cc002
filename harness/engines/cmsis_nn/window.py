"""Operators that slide a window over an image: convolutions and pooling."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Site,
    Struct,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.quantize import product_multiplier
from harness.engines.cmsis_nn.scratch import convolution, depthwise
from harness.engines.cmsis_nn.target import Extension
from harness.graph import Conv2DOptions, DepthwiseConv2DOptions, Padding, Pool2DOptions, Tensor

# The kernels keep row and column numbers in int16_t and column lengths in uint16_t.
MAX_SIDE = 32767
MAX_COLUMN = 65535


@dataclass(frozen=True)
class Axis:
    """A window along one axis, all in elements; `before` is the padding in front."""

    size: int
    stride: int
    dilation: int
    before: int
    output: int


def axis(size: int, window: int, stride: int, dilation: int, padding: Padding) -> Axis:
    """Return where the windows lie along an axis of `size` elements.

    Source: TFLM tensorflow/lite/kernels/padding.h, ComputePaddingHeightWidth.
    """
    reach = (window - 1) * dilation + 1
    free = size if padding is Padding.SAME else size - reach + 1
    output = -(-free // stride)
    missing = max((output - 1) * stride + reach - size, 0)
    return Axis(window, stride, dilation, missing // 2, output)


@dataclass(frozen=True)
class Window:
    """The window of a layer and the tensors around it, checked against each other."""

    source: Tensor
    result: Tensor
    height: Axis
    width: Axis
    clamp: tuple[int, int]

    @property
    def pixels(self) -> int:
        """Number of window positions."""
        return self.height.output * self.width.output

    def pairs(self, *, dilated: bool) -> tuple[str, ...]:
        """Return the fields that CMSIS-NN's parameter structs share, width before height."""
        h, w = self.height, self.width
        return (
            f".stride = {{{w.stride}, {h.stride}}}",
            f".padding = {{{w.before}, {h.before}}}",
            *((f".dilation = {{{w.dilation}, {h.dilation}}}",) if dilated else ()),
            f".activation = {{{self.clamp[0]}, {self.clamp[1]}}}",
        )


def window(
    site: Site, options: Conv2DOptions | Pool2DOptions, sides: tuple[int, int], channels: int
) -> Window:
    """Check the geometry of a window of `sides` (height, width) that yields `channels`."""
    source, result = site.activation(0), site.result()
    site.rank(source, 4, "the input")
    site.rank(result, 4, "the output")
    if source.shape[0] != 1:
        site.fail(f"the batch is {source.shape[0]}", "convert the model with a batch of 1")
    dilations = (1, 1)
    if isinstance(options, Conv2DOptions):
        dilations = (options.dilation_h_factor, options.dilation_w_factor)
    strides = (options.stride_h, options.stride_w)
    if min(*strides, *dilations, *sides) < 1:
        site.fail(f"window {sides}, strides {strides} or dilation {dilations} is below 1")
    if max(*strides, *dilations, *sides, *source.shape, *result.shape) > MAX_SIDE:
        site.fail(f"a side exceeds {MAX_SIDE}, the limit of CMSIS-NN", "make the layer smaller")
    height, width = (
        axis(source.shape[1 + i], sides[i], strides[i], dilations[i], options.padding)
        for i in (0, 1)
    )
    wanted = (1, height.output, width.output, channels)
    if result.shape != wanted:
        site.fail(f"the output has shape {shape(result)}, not {'x'.join(map(str, wanted))}")
    clamp = site.clamp(options.fused_activation_function, result)
    return Window(source, result, height, width, clamp)


def dims(name: str, *sizes: int) -> Struct:
    """Return a `cmsis_nn_dims`: n, height, width, channels."""
    return Struct("cmsis_nn_dims", name, tuple(map(str, sizes)))


def image(name: str, tensor: Tensor) -> Struct:
    """Return the `cmsis_nn_dims` of an image tensor."""
    return dims(name, *tensor.shape)


def conv_2d(site: Site) -> Layer:
    """Lower CONV_2D; weights are [output channels, height, width, input channels]."""
    site.arity(2, 3)
    options = cast("Conv2DOptions", site.operator.options)
    weights = site.weights(1, 4, 0)
    channels, rows, columns, depth = weights.shape
    place = window(site, options, (rows, columns), channels)
    if depth != place.source.shape[3]:
        site.fail(
            f"the weights read {depth} of {place.source.shape[3]} channels; grouped convolution "
            "is not supported",
            "split the layer, or use a depthwise convolution",
        )
    if rows * columns * depth > MAX_COLUMN:
        site.fail(f"a window holds more than {MAX_COLUMN} values, the limit of CMSIS-NN")
    # CMSIS-NN's wrapper would choose the same 1x1 kernels, but calling them directly keeps
    # the others out of the image.
    pointwise = rows == columns == 1 and place.height.dilation == place.width.dilation == 1
    if pointwise and place.height.stride == place.width.stride == 1:
        function, need = "arm_convolve_1x1_s8_fast", "arm_convolve_1x1_s8_fast_get_buffer_size"
    elif pointwise:
        function, need = "arm_convolve_1x1_s8", ""
    else:
        function, need = "arm_convolve_wrapper_s8", "arm_convolve_wrapper_s8_get_buffer_size"
    scratch = 0 if pointwise else convolution(site.target.extension, place, depth)
    of = site.names.of
    sizes = {
        "arm_convolve_1x1_s8_fast_get_buffer_size": ("input_dims",),
        "arm_convolve_wrapper_s8_get_buffer_size": (
            "params",
            "input_dims",
            "filter_dims",
            "output_dims",
        ),
    }
    return _convolution(
        site,
        place,
        weights,
        function,
        params=Struct(
            "cmsis_nn_conv_params",
            of("params"),
            (*offsets(place), *place.pairs(dilated=True)),
        ),
        filter_dims=dims(of("filter_dims"), channels, rows, columns, depth),
        macs=place.pixels * channels * rows * columns * depth,
        scratch=scratch,
        need=Call(need, tuple(f"&{of(part)}" for part in sizes[need])) if need else None,
    )


def depthwise_conv_2d(site: Site) -> Layer:
    """Lower DEPTHWISE_CONV_2D; weights are [1, height, width, output channels]."""
    site.arity(2, 3)
    options = cast("DepthwiseConv2DOptions", site.operator.options)
    weights = site.weights(1, 4, 3)
    first, rows, columns, channels = weights.shape
    place = window(site, options, (rows, columns), channels)
    depth = place.source.shape[3]
    multiplier = options.depth_multiplier
    if first != 1 or multiplier < 1 or depth * multiplier != channels:
        site.fail(f"{depth} channels times {multiplier} are not the {channels} of the weights")
    of = site.names.of
    function, scratch = depthwise(site.target.extension, place, depth, channels)
    need = None
    if scratch:
        parts = ["input_dims", "filter_dims"]
        if function != "arm_depthwise_conv_s8_opt":
            parts = ["params", *parts, "output_dims"]
        need = Call(f"{function}_get_buffer_size", tuple(f"&{of(part)}" for part in parts))
    return _convolution(
        site,
        place,
        weights,
        function,
        params=Struct(
            "cmsis_nn_dw_conv_params",
            of("params"),
            (*offsets(place), f".ch_mult = {multiplier}", *place.pairs(dilated=True)),
        ),
        filter_dims=dims(of("filter_dims"), 1, rows, columns, channels),
        macs=place.pixels * channels * rows * columns,
        scratch=scratch,
        need=need,
    )


def offsets(place: Window) -> tuple[str, str]:
    """Return the zero points as CMSIS-NN wants them: the input's negated."""
    return (
        f".input_offset = {-zero_point(place.source)}",
        f".output_offset = {zero_point(place.result)}",
    )


def channel_quantization(
    site: Site, source: Tensor, weights: Tensor, result: Tensor, channels: int
) -> tuple[tuple[Array, Array], Struct]:
    """Return a multiplier and a shift for each output channel, and the struct for both."""
    scales = np.zeros(0) if weights.scale is None else weights.scale
    factors = [
        product_multiplier(scale(source), float(each), scale(result))
        for each in np.broadcast_to(scales, channels)
    ]
    site.shifts(factors)
    of = site.names.of
    arrays = (
        Array(of("multiplier"), np.array([factor.value for factor in factors], np.int32)),
        Array(of("shift"), np.array([factor.shift for factor in factors], np.int32)),
    )
    fields = tuple(f"(int32_t *){array.name}" for array in arrays)
    return arrays, Struct("cmsis_nn_per_channel_quant_params", of("quant"), fields)


def _convolution(
    site: Site,
    place: Window,
    weights: Tensor,
    function: str,
    *,
    params: Struct,
    filter_dims: Struct,
    macs: int,
    scratch: int,
    need: Call | None,
) -> Layer:
    of = site.names.of
    channels = place.result.shape[3]
    bias = site.bias(2, channels)
    factors, quant = channel_quantization(site, place.source, weights, place.result, channels)
    arrays = [Array(of("weights"), np.asarray(weights.data), shape(weights)), *factors]
    if bias is not None:
        arrays.insert(1, Array(of("bias"), bias))
    names = ("params", "quant", "input_dims")
    arguments = (
        "&context",
        *(f"&{of(name)}" for name in names),
        site.address(place.source),
        f"&{of('filter_dims')}",
        of("weights"),
        f"&{of('bias_dims')}",
        of("bias") if bias is not None else "NULL",
        f"&{of('output_dims')}",
        site.address(place.result),
    )
    return Layer(
        site.operator,
        notes=(*notes(place), f"weights {shape(weights)}, {quantization(weights)}"),
        macs=macs,
        arrays=tuple(arrays),
        structs=(
            params,
            quant,
            image(of("input_dims"), place.source),
            filter_dims,
            dims(of("bias_dims"), 1, 1, 1, channels),
            image(of("output_dims"), place.result),
        ),
        call=Call(function, arguments),
        scratch=scratch,
        scratch_need=need,
    )


def notes(place: Window) -> tuple[str, ...]:
    """Describe a window layer for a person."""
    h, w = place.height, place.width
    dilation = f", dilation {h.dilation}x{w.dilation}" if h.dilation * w.dilation > 1 else ""
    return (
        f"{shape(place.source)} -> {shape(place.result)}, window {h.size}x{w.size}, "
        f"stride {h.stride}x{w.stride}, padding {h.before}x{w.before}{dilation}",
        f"input {quantization(place.source)}",
        f"output {quantization(place.result)}, clamped to {place.clamp[0]}..{place.clamp[1]}",
    )


def average_pool_2d(site: Site) -> Layer:
    """Lower AVERAGE_POOL_2D."""
    return _pool(site, "arm_avgpool_s8")


def max_pool_2d(site: Site) -> Layer:
    """Lower MAX_POOL_2D."""
    return _pool(site, "arm_max_pool_s8")


def _pool(site: Site, function: str) -> Layer:
    site.arity(1, 1)
    options = cast("Pool2DOptions", site.operator.options)
    channels = site.activation(0).shape[-1:]
    sides = (options.filter_height, options.filter_width)
    place = window(site, options, sides, *(channels or (0,)))
    if (
        abs(scale(place.source) - scale(place.result)) > 1e-6  # noqa: PLR2004 - TFLM's bound
        or zero_point(place.source) != zero_point(place.result)
    ):
        site.fail("input and output are quantized differently, which TFLM refuses")
    of = site.names.of
    depth = place.source.shape[3]
    averages = function == "arm_avgpool_s8"
    scratch = 4 * depth if averages and site.target.extension is Extension.DSP else 0
    need = Call(f"{function}_get_buffer_size", (str(place.width.output), str(depth)))
    arguments = (
        "&context",
        f"&{of('params')}",
        f"&{of('input_dims')}",
        site.address(place.source),
        f"&{of('filter_dims')}",
        f"&{of('output_dims')}",
        site.address(place.result),
    )
    return Layer(
        site.operator,
        notes=notes(place),
        structs=(
            Struct("cmsis_nn_pool_params", of("params"), place.pairs(dilated=False)),
            image(of("input_dims"), place.source),
            dims(of("filter_dims"), 1, *sides, 1),
            image(of("output_dims"), place.result),
        ),
        call=Call(function, arguments),
        scratch=scratch,
        scratch_need=need if averages else None,
    )
