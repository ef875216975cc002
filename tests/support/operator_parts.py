"""Parts of random graphs around one operator: shapes, quantization and constants."""

from collections.abc import Callable, Sequence

import numpy as np

from harness.engines.cmsis_nn.tflm_limits import TYPES
from tests.support.graphs import TENSOR_TYPES, Builder, Pick

# A graph, built: its input and its output.
Ends = tuple[int, int]
Make = Callable[[Builder, Pick], Ends]


def scale(pick: Pick) -> float:
    """Return a scale, mostly one that occurs, sometimes one that is far off."""
    exponent = pick(-50, 30) if pick(0, 9) == 0 else pick(-25, 0)
    return float(np.float32(10 ** (exponent / 10) * (1 + pick(0, 999) / 1000)))


def near(value: float, pick: Pick) -> float:
    """Return a scale within a factor of 8 of `value`, or one that is a test for rounding.

    In the latter some whole number of `value` is close to half a unit of the result, where one
    other bit of a multiplier shows.
    """
    kind = pick(0, 9)
    if kind == 0:
        return value
    if kind < 5:
        return float(np.float32(value * 2 * pick(1, 255) / (2 * pick(0, 255) + 1)))
    return float(np.float32(value * 2 ** (pick(-300, 300) / 100)))


def zero_point(pick: Pick) -> int:
    return (-128, 127, 0, pick(-128, 127), pick(-128, 127))[pick(0, 4)]


def shape(pick: Pick, least: int = 1, most: int = 4) -> list[int]:
    return [pick(1, 6) for _ in range(pick(least, most))]


def activation(b: Builder, sizes: Sequence[int], pick: Pick) -> int:
    return b.activation(sizes, scale(pick), zero_point(pick))


def like(b: Builder, source: int, sizes: Sequence[int]) -> int:
    """Add a tensor that is quantized as `source` is."""
    tensor = b.tensors[source]
    return b.activation(sizes, tensor.scale[0], tensor.zero_point[0])


def numbers(b: Builder, values: Sequence[int]) -> int:
    """Add a constant vector of int32."""
    return b.tensor((len(values),), data=np.array(values, np.int32))


def bytes_of(b: Builder, sizes: Sequence[int], scale_: float, zero_point_: int) -> int:
    """Add a constant of random int8."""
    data = b.rng.integers(-128, 128, sizes).astype(np.int8)
    return b.tensor(sizes, scale=scale_, zero_point=zero_point_, data=data)


def of_axis(axis: int, rank: int, pick: Pick) -> int:
    """Return `axis`, or the negative number that means the same."""
    return axis - rank if pick(0, 1) else axis


def of_any_type(make: Make) -> Make:
    """Return a maker of the same graphs, some of another type that TFLM moves alike."""

    def made(b: Builder, pick: Pick) -> Ends:
        ends = make(b, pick)
        kinds = {operator[0] for operator in b.operators}
        known = [
            name
            for name in ("int16", "int32", "float32", "bool")
            if all(name in TYPES[kind] for kind in kinds)
        ]
        if known and pick(0, 1):
            _retype(b, np.dtype(known[pick(0, len(known) - 1)]))
        return ends

    return made


def _retype(b: Builder, dtype: np.dtype[np.generic]) -> None:
    """Give all int8 tensors another type, without a scale."""
    for tensor in b.tensors:
        if tensor.dtype != TENSOR_TYPES[np.dtype(np.int8)]:
            continue
        tensor.dtype, tensor.scale, tensor.zero_point = TENSOR_TYPES[dtype], [], []
        if tensor.buffer:
            values = np.frombuffer(b.buffers[tensor.buffer], np.int8)
            values = values & 1 if dtype == np.bool_ else values
            b.buffers[tensor.buffer] = values.astype(dtype).tobytes()


def any_bias(b: Builder, channels: int, source: int, weights: int, pick: Pick) -> int:
    """Add a bias; one of four has values at the ends of int32."""
    index = b.bias(channels, source, weights)
    if pick(0, 3) == 0:
        ends = [-(1 << 31), 1 - (1 << 31), (1 << 31) - 1]
        data = np.array([ends[pick(0, 2)] for _ in range(channels)], np.int32)
        b.buffers[b.tensors[index].buffer] = data.tobytes()
    return index
