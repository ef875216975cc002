"""Windows on float32 images: `nn_window_t`, and the pooling operators."""

from dataclasses import dataclass
from typing import cast

from harness.engines.cmsis_nn.float32 import tensors_f32 as f32
from harness.engines.cmsis_nn.layer import Call, Layer, Struct
from harness.engines.cmsis_nn.operator_view import OperatorView
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
    clamp: tuple[float, float]

    @property
    def pixels(self) -> int:
        """Number of window positions in all images."""
        return self.result.elements // self.result.shape[3]

    @property
    def notes(self) -> tuple[str, ...]:
        """Describe the layer for a person."""
        h, w = self.height, self.width
        return (
            *f32.notes(self.source, self.result),
            f"window {h.size}x{w.size}, stride {h.stride}x{w.stride}, "
            f"padding {h.before}x{w.before}, dilation {h.dilation}x{w.dilation}",
        )

    def fields(self, *own: str) -> tuple[str, ...]:
        """Return the fields of a kernel's parameters; `own` are those of this kernel alone."""
        sizes = [(self.source.shape[i], self.result.shape[i]) for i in (1, 2)]
        return (
            f".images = {self.source.shape[0]}",
            f".height = {window_fields(*sizes[0], self.height)}",
            f".width = {window_fields(*sizes[1], self.width)}",
            *own,
            *f32.clamp_fields(self.clamp),
        )


def window_layer(
    view: OperatorView,
    options: ConvolutionOptions | Pool2DOptions,
    sides: tuple[int, int],
    channels: int,
) -> WindowLayer:
    """Check and return a window of `sides` (height, width) with `channels` output channels."""
    source, result = f32.activation(view, 0), f32.result(view)
    axes = window_axes(view, (source, result), options, sides, channels)
    return WindowLayer(source, result, *axes, f32.bounds(view, options.fused_activation_function))


def average_pool_2d(view: OperatorView) -> Layer:
    """Lower AVERAGE_POOL_2D."""
    return _pool(view, "nn_average_pool_f32")


def max_pool_2d(view: OperatorView) -> Layer:
    """Lower MAX_POOL_2D."""
    return _pool(view, "nn_max_pool_f32")


def _pool(view: OperatorView, function: str) -> Layer:
    view.check_arity(1, 1)
    options = cast("Pool2DOptions", view.operator.options)
    (channels,) = view.tensor(0).shape[-1:] or (0,)
    window = window_layer(view, options, (options.filter_height, options.filter_width), channels)
    fields = window.fields(f".depth = {channels}")
    params = Struct("nn_pool_f32_params_t", view.names.of("params"), fields)
    addresses = (view.typed_address(window.source), view.typed_address(window.result))
    return Layer(
        view.operator,
        notes=window.notes,
        structs=(params,),
        call=Call(function, (f"&{params.name}", *addresses)),
        status=False,
        kernels=frozenset({"nn_pool_f32.c"}),
    )
