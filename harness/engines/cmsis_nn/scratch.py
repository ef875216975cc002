"""How much working memory CMSIS-NN's kernels want, for any release from 4 to 7.

The numbers follow the `*_get_buffer_size` functions and are the largest of any release,
which differ by a few bytes. The generated `nn_init` asks the library that is really
linked and refuses to run if it wants more than was planned.
"""

from typing import Protocol

from harness.engines.cmsis_nn.core_features import Extension

_HELIUM_BLOCK = 124  # CH_IN_BLOCK_MVE
_HELIUM_COLUMNS = 4


class _Side(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def dilation(self) -> int: ...
    @property
    def before(self) -> int: ...


class _Place(Protocol):
    @property
    def height(self) -> _Side: ...
    @property
    def width(self) -> _Side: ...


def convolution(extension: Extension, place: _Place, depth: int) -> int:
    """Return the bytes that `arm_convolve_wrapper_s8` wants for `depth` input channels."""
    column = place.height.size * place.width.size * depth
    if extension is Extension.MVE:
        return _HELIUM_COLUMNS * _up(column, 16)
    return 2 * 2 * _up(column, 4)  # two columns of int16_t


def depthwise(extension: Extension, place: _Place, depth: int, channels: int) -> tuple[str, int]:
    """Return the best kernel for a depthwise convolution, and the bytes it wants.

    The wrapper would choose nearly the same, but it links every kernel, asks in release
    4.0.0 for memory that the 3x3 kernel does not use, and turns a layer with one input
    channel into a convolution in newer releases on Helium, which is wrong for some.
    """
    window = place.height.size * place.width.size
    sides = (place.height.size, place.width.size)
    plain = depth == channels and place.height.dilation == place.width.dilation == 1
    if plain and extension is Extension.MVE:
        return "arm_depthwise_conv_s8_opt", _HELIUM_COLUMNS * _HELIUM_BLOCK * window
    if plain and sides == (3, 3) and max(place.height.before, place.width.before) <= 1:
        return "arm_depthwise_conv_3x3_s8", 0
    if plain and extension is Extension.DSP:
        return "arm_depthwise_conv_s8_opt", 2 * window * depth
    return "arm_depthwise_conv_s8", 0


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
