"""Windows on int16 images: `nn_window_t` and `nn_side_t`, and the pooling operators."""

from dataclasses import dataclass
from typing import cast

from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, scale, shape, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.engines.cmsis_nn.window import MAX_SIDE, WindowAxis, window_axis, window_fields
from harness.model.graph import Tensor
from harness.model.operator_options import ConvolutionOptions, Pool2DOptions, TransposeConvOptions


@dataclass(frozen=True)
class WindowLayer:
    """A window on images, with the input and the output, checked against each other."""

    source: Tensor
    result: Tensor
    height: WindowAxis
    width: WindowAxis
    clamp: tuple[int, int]

    @property
    def pixels(self) -> int:
        """Number of window positions in all images."""
        return self.result.elements // self.result.shape[3]

    @property
    def notes(self) -> tuple[str, ...]:
        """Describe the layer for a person."""
        h, w = self.height, self.width
        return (
            *s16.notes(self.source, self.result),
            f"window {h.size}x{w.size}, stride {h.stride}x{w.stride}, "
            f"padding {h.before}x{w.before}, dilation {h.dilation}x{w.dilation}, "
            f"clamped to {self.clamp[0]}..{self.clamp[1]}",
        )

    @property
    def fields(self) -> tuple[str, str, str]:
        """The fields that the kernels' parameters have in common."""
        sizes = [(self.source.shape[i], self.result.shape[i]) for i in (1, 2)]
        return (
            f".images = {self.source.shape[0]}",
            f".height = {window_fields(*sizes[0], self.height)}",
            f".width = {window_fields(*sizes[1], self.width)}",
        )


def window_layer(
    view: OperatorView,
    options: ConvolutionOptions | Pool2DOptions,
    sides: tuple[int, int],
    channels: int,
) -> WindowLayer:
    """Check and return a window of `sides` (height, width) with `channels` output channels."""
    source, result = s16.activation(view, 0), s16.result(view)
    view.check_rank(source, 4, "the input")
    view.check_rank(result, 4, "the output")
    dilations = (1, 1)
    if isinstance(options, ConvolutionOptions):
        dilations = (options.dilation_h_factor, options.dilation_w_factor)
    strides = (options.stride_h, options.stride_w)
    if min(*strides, *dilations, *sides) < 1:
        view.fail(
            f"window {sides}, strides {strides} or dilation {dilations} is below 1", CONVERT_AGAIN
        )
    if max(*strides, *dilations, *sides, *source.shape, *result.shape) > MAX_SIDE:
        view.fail(f"a side exceeds {MAX_SIDE}", "make the layer smaller")
    height, width = (
        window_axis(source.shape[1 + i], sides[i], strides[i], dilations[i], options.padding)
        for i in (0, 1)
    )
    view.check_result_shape((source.shape[0], height.output, width.output, channels))
    clamp = s16.clamp(view, options.fused_activation_function, result)
    return WindowLayer(source, result, height, width, clamp)


def transposed_window(
    view: OperatorView, options: TransposeConvOptions, weights: Tensor
) -> tuple[Tensor, Tensor, tuple[str, str]]:
    """Return input, output, and an `nn_side_t` for height and width."""
    source, result = s16.activation(view, 2), s16.result(view)
    view.check_rank(source, 4, "the input")
    view.check_rank(result, 4, "the output")
    if source.shape[0] != result.shape[0] or (
        (source.shape[3], result.shape[3]) != (weights.shape[3], weights.shape[0])
    ):
        view.fail(
            f"shapes {shape(source)} -> {shape(result)} do not fit weights {shape(weights)}",
            CONVERT_AGAIN,
        )
    strides = (options.stride_h, options.stride_w)
    if min(strides) < 1:
        view.fail(f"the stride {options.stride_h}x{options.stride_w} is below 1", CONVERT_AGAIN)
    if max(*source.shape, *result.shape, *strides) > MAX_SIDE:
        view.fail(f"a side or a stride exceeds {MAX_SIDE}", "make the layer smaller")
    height, width = (
        _side(source.shape[i], result.shape[i], weights.shape[i], strides[i - 1], options)
        for i in (1, 2)
    )
    return source, result, (height, width)


def _side(source: int, result: int, size: int, stride: int, options: TransposeConvOptions) -> str:
    axis = window_axis(result, size, stride, 1, options.padding)
    return f"{{{source}, {result}, {size}, {stride}, {axis.before}}}"


def average_pool_2d(view: OperatorView) -> Layer:
    """Lower AVERAGE_POOL_2D."""
    return _pool(view, "nn_average_pool_s16")


def max_pool_2d(view: OperatorView) -> Layer:
    """Lower MAX_POOL_2D."""
    return _pool(view, "nn_max_pool_s16")


def _pool(view: OperatorView, function: str) -> Layer:
    view.check_arity(1, 1)
    options = cast("Pool2DOptions", view.operator.options)
    channels = view.tensor(0).shape[-1:] or (0,)
    window = window_layer(view, options, (options.filter_height, options.filter_width), *channels)
    if (
        abs(scale(window.source) - scale(window.result)) > 1e-6  # noqa: PLR2004 - TFLM's bound
        or zero_point(window.source) != zero_point(window.result)
    ):
        view.fail("input and output have different quantization, which TFLM rejects", CONVERT_AGAIN)
    least, greatest = window.clamp
    fields = (
        *window.fields,
        f".depth = {channels[0]}",
        f".activation_min = {least}",
        f".activation_max = {greatest}",
    )
    params = Struct("nn_pool_s16_params_t", view.names.of("params"), fields)
    addresses = (view.typed_address(window.source), view.typed_address(window.result))
    return Layer(
        view.operator,
        notes=window.notes,
        structs=(params,),
        call=Call(function, (f"&{params.name}", *addresses)),
        status=False,
        kernels=frozenset({"nn_pool_s16.c"}),
    )
