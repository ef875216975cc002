"""Windows on int16 images: `nn_window_t`, and the pooling operators."""

from dataclasses import dataclass
from typing import cast

from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, scale, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.engines.cmsis_nn.window import WindowAxis, window_axes, window_fields
from harness.model.graph import Tensor
from harness.model.operator_options import ConvolutionOptions, Pool2DOptions


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
    height, width = window_axes(view, (source, result), options, sides, channels)
    clamp = s16.clamp(view, options.fused_activation_function, result)
    return WindowLayer(source, result, height, width, clamp)


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
