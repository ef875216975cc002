"""How much working memory CMSIS-NN's kernels want, for any release from 4 to 7.

The numbers follow the `*_get_buffer_size` functions and are the largest of any release,
which differ by a few bytes. The generated `nn_init` asks the library that is really
linked and refuses to run if it wants more than was planned.
"""

from typing import Protocol

from harness.engines.cmsis_nn.target import Extension

_HELIUM_BLOCK = 124  # CH_IN_BLOCK_MVE
_HELIUM_COLUMNS = 4


class _Side(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def dilation(self) -> int: ...
    @property
    def before(self) -> int: ...
    @property
    def output(self) -> int: ...


class _Place(Protocol):
    @property
    def height(self) -> _Side: ...
    @property
    def width(self) -> _Side: ...


def convolution(extension: Extension, place: _Place, depth: int) -> int:
    """Return the bytes that `arm_convolve_wrapper_s8` wants for `depth` input channels."""
    column = place.height.size * place.width.size * depth
    if extension is not Extension.MVE:
        return 2 * 2 * _up(column, 4)  # two columns of int16_t
    return max(_HELIUM_COLUMNS * _up(column, 16), _one_by_n(place.width, depth))


def _one_by_n(width: _Side, depth: int) -> int:
    """Return the padded row of `arm_convolve_1_x_n_s8` on Helium, at most."""
    right = width.before + 1
    return (width.size + max(width.before, right * max(1, right))) * depth


def depthwise(extension: Extension, place: _Place, depth: int, channels: int) -> tuple[str, int]:
    """Return the best kernel for a depthwise convolution, and the bytes it wants.

    The wrapper would choose the same, but links every kernel and, in release 4.0.0, asks
    for memory that the 3x3 kernel does not use. On Helium the wrapper stays, because its
    choice depends on the release.
    """
    window = place.height.size * place.width.size
    plain = depth == channels and place.height.dilation == place.width.dilation == 1
    if extension is Extension.MVE:
        want = _HELIUM_COLUMNS * _HELIUM_BLOCK * window if plain else 0
        if depth == 1:
            # Newer releases turn it into a convolution and transpose the weights here.
            want = max(want, convolution(extension, place, 1) + window * channels)
        return "arm_depthwise_conv_wrapper_s8", want
    if not plain:
        return "arm_depthwise_conv_s8", 0
    sides = (place.height.size, place.width.size)
    if sides == (3, 3) and max(place.height.before, place.width.before) <= 1:
        return "arm_depthwise_conv_3x3_s8", 0
    if extension is Extension.DSP:
        return "arm_depthwise_conv_s8_opt", 2 * window * depth
    return "arm_depthwise_conv_s8", 0


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
