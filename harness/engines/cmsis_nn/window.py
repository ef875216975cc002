"""Geometry of windows on an image, shared by convolutions and pooling."""

from dataclasses import dataclass, replace

from harness.engines.cmsis_nn.layer import Struct, quantization, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import (
    ConvolutionOptions,
    Padding,
    Pool2DOptions,
)

# CMSIS-NN's convolutions keep row and column numbers in int16_t. Those of this repository have
# int32_t, which holds the sum of a dilated window of this size and of any tensor's side.
MAX_SIDE = 32767
# Of one window in kernels of this repository: 255 * 128 * 65793, their greatest sum, fits into
# int32_t.
MAX_PRODUCTS = 65793


@dataclass(frozen=True)
class WindowAxis:
    """A window along one axis, in elements; `before` is the padding in front."""

    size: int
    stride: int
    dilation: int
    before: int
    output: int


def window_axis(size: int, window: int, stride: int, dilation: int, padding: Padding) -> WindowAxis:
    """Return the geometry of windows along an axis of `size` elements.

    Source: TFLM tensorflow/lite/kernels/padding.h, ComputePaddingHeightWidth.
    """
    extent = (window - 1) * dilation + 1
    starts = size if padding is Padding.SAME else size - extent + 1
    output = -(-starts // stride)
    padded = max((output - 1) * stride + extent - size, 0)
    return WindowAxis(window, stride, dilation, padded // 2, output)


def window_fields(source: int, result: int, axis: WindowAxis) -> str:
    """Return an `nn_window_t`."""
    sizes = (source, result, axis.size, axis.stride, axis.dilation, axis.before)
    return f"{{{', '.join(map(str, sizes))}}}"


def check_products(view: OperatorView, weights: Tensor) -> None:
    """Check that the sum of a window's products fits; axis 0 of `weights` is the channel."""
    products = weights.elements // weights.shape[0]
    if products > MAX_PRODUCTS:
        view.fail(
            f"a window holds {products} values; {MAX_PRODUCTS} are supported",
            "make the window smaller",
        )


@dataclass(frozen=True)
class Window:
    """The window of a layer with its input and output, checked against each other."""

    source: Tensor
    result: Tensor
    height: WindowAxis
    width: WindowAxis
    clamp: tuple[int, int]
    turned: bool = False

    def turn(self) -> "Window":
        """Return the same window on the image with rows and columns exchanged.

        An image of one row becomes an image of one column, with the same bytes.
        """
        return replace(self, height=self.width, width=self.height, turned=not self.turned)

    def image(self, name: str, tensor: Tensor) -> Struct:
        """Return the `cmsis_nn_dims` of one image of the input or output."""
        _, rows, columns, depth = tensor.shape
        return dims(name, 1, *((columns, rows) if self.turned else (rows, columns)), depth)

    @property
    def pixels(self) -> int:
        """Number of window positions."""
        return self.batch * self.height.output * self.width.output

    @property
    def batch(self) -> int:
        """Number of images."""
        return self.source.shape[0]

    @property
    def long(self) -> bool:
        """Whether CMSIS-NN's convolutions cannot count its rows, columns or channels."""
        return max(*self.source.shape, *self.result.shape) > MAX_SIDE

    def pairs(self, *, dilated: bool) -> tuple[str, ...]:
        """Return the fields common to CMSIS-NN's parameter structs, width before height."""
        h, w = self.height, self.width
        return (
            f".stride = {{{w.stride}, {h.stride}}}",
            f".padding = {{{w.before}, {h.before}}}",
            *((f".dilation = {{{w.dilation}, {h.dilation}}}",) if dilated else ()),
            f".activation = {{{self.clamp[0]}, {self.clamp[1]}}}",
        )


def window_axes(
    view: OperatorView,
    images: tuple[Tensor, Tensor],
    options: ConvolutionOptions | Pool2DOptions,
    sides: tuple[int, int],
    channels: int,
) -> tuple[WindowAxis, WindowAxis]:
    """Check a window of `sides` on `images`, input and output, and return height and width."""
    source, result = images
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
    if max(*strides, *dilations, *sides) > MAX_SIDE:
        view.fail(
            f"window {sides}, strides {strides} or dilation {dilations} exceeds {MAX_SIDE}",
            "make the window smaller",
        )
    height, width = (
        window_axis(source.shape[1 + i], sides[i], strides[i], dilations[i], options.padding)
        for i in (0, 1)
    )
    expected = (source.shape[0], height.output, width.output, channels)
    if result.shape != expected:
        view.fail(
            f"the output has shape {shape(result)}, not {'x'.join(map(str, expected))}",
            CONVERT_AGAIN,
        )
    return height, width


def checked_window(
    view: OperatorView,
    options: ConvolutionOptions | Pool2DOptions,
    sides: tuple[int, int],
    channels: int,
) -> Window:
    """Check and return a window of `sides` (height, width) with `channels` output channels."""
    source, result = view.activation(0), view.result()
    height, width = window_axes(view, (source, result), options, sides, channels)
    clamp = view.clamp(options.fused_activation_function, result)
    return Window(source, result, height, width, clamp)


def dims(name: str, *sizes: int) -> Struct:
    """Return a `cmsis_nn_dims`: n, height, width, channels."""
    return Struct("cmsis_nn_dims", name, tuple(map(str, sizes)))


def notes(window: Window) -> tuple[str, ...]:
    """Describe a window layer for a person."""
    h, w = window.height, window.width
    dilation = f", dilation {h.dilation}x{w.dilation}" if h.dilation * w.dilation > 1 else ""
    return (
        f"{shape(window.source)} -> {shape(window.result)}, window {h.size}x{w.size}, "
        f"stride {h.stride}x{w.stride}, padding {h.before}x{w.before}{dilation}",
        f"input {quantization(window.source)}",
        f"output {quantization(window.result)}, clamped to {window.clamp[0]}..{window.clamp[1]}",
    )
