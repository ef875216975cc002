"""Scratch memory of CMSIS-NN's kernels, for all releases from 4 to 7.

The sizes follow the `*_get_buffer_size` functions, which differ by a few bytes between releases;
the largest counts. The generated `nn_init` asks the linked library and fails if it needs more
than planned.
"""

from typing import Protocol

from harness.engines.cmsis_nn.core_features import Extension

_HELIUM_BLOCK = 124  # CH_IN_BLOCK_MVE
_HELIUM_COLUMNS = 4


class _WindowAxis(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def dilation(self) -> int: ...
    @property
    def before(self) -> int: ...


class _Window(Protocol):
    @property
    def height(self) -> _WindowAxis: ...
    @property
    def width(self) -> _WindowAxis: ...


def convolution(extension: Extension, window: _Window, depth: int) -> int:
    """Return the scratch bytes of `arm_convolve_wrapper_s8` for `depth` input channels."""
    column = window.height.size * window.width.size * depth
    if extension is Extension.MVE:
        return _HELIUM_COLUMNS * _round_up(column, 16)
    return 2 * 2 * _round_up(column, 4)  # two columns of int16_t


def depthwise(extension: Extension, window: _Window, depth: int, channels: int) -> tuple[str, int]:
    """Return the best kernel for a depthwise convolution, and its scratch bytes.

    CMSIS-NN's wrapper chooses nearly the same kernels. It has three disadvantages: it links every
    kernel; release 4.0.0 requests memory that the 3x3 kernel does not use; newer releases on
    Helium turn a layer with one input channel into a convolution, which is wrong for some layers.
    """
    window_size = window.height.size * window.width.size
    sides = (window.height.size, window.width.size)
    plain = depth == channels and window.height.dilation == window.width.dilation == 1
    if plain and extension is Extension.MVE:
        return "arm_depthwise_conv_s8_opt", _HELIUM_COLUMNS * _HELIUM_BLOCK * window_size
    if plain and sides == (3, 3) and max(window.height.before, window.width.before) <= 1:
        return "arm_depthwise_conv_3x3_s8", 0
    if plain and extension is Extension.DSP:
        return "arm_depthwise_conv_s8_opt", 2 * window_size * depth
    return "arm_depthwise_conv_s8", 0


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
