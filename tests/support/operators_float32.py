"""Random graphs around one layer of a network that computes with float32."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.support.graphs import NONE, SAME, Builder, Pick, extent, from_rng
from tests.support.operator_parts import Ends, Make, shape


def real(b: Builder, sizes: Sequence[int]) -> int:
    """Add a float32 activation."""
    return b.tensor(sizes, dtype=np.float32)


def reals(b: Builder, sizes: Sequence[int], pick: Pick) -> int:
    """Add a constant: of one size, of all sizes, or with zeros and numbers below 2^-126."""
    data = b.rng.normal(0, 1, sizes)
    kind = pick(0, 5)
    if kind == 0:
        data = data * 10 ** b.rng.uniform(-44, 38, sizes)
    elif kind == 1:
        data = data * 10.0 ** pick(-42, 36)
    elif kind == 2:
        data = np.where(b.rng.random(sizes) < 0.5, np.copysign(0.0, data), data * 1e-40)
    with np.errstate(over="ignore"):
        return b.tensor(sizes, data=np.asarray(data, np.float32))


def add_layer(
    b: Builder, kind: str, inputs: Sequence[int], sizes: Sequence[int], pick: Pick, **values: Any
) -> int:
    """Add the layer, with some fused activation; return its output."""
    options = {"CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D"}.get(kind)
    options = options or {"FULLY_CONNECTED": "FullyConnected"}.get(kind, "Pool2D")
    result = real(b, sizes)
    activation = pick(NONE, 3)
    b.operator(
        kind, inputs, [result], f"{options}Options", FusedActivationFunction=activation, **values
    )
    return result


def _bias(b: Builder, channels: int, pick: Pick) -> list[int]:
    return [reals(b, (channels,), pick)] if pick(0, 2) else []


def _windows(
    sizes: Sequence[int], padding: int, pick: Pick, *, dilated: bool
) -> list[tuple[int, int, int]]:
    """Return window, stride and dilation for height and width."""
    sides = []
    for size in sizes[1:3]:
        dilation = pick(2, 3) if dilated and pick(0, 3) == 0 else 1
        most = 5 if padding == SAME else min(5, (size - 1) // dilation + 1)
        sides.append((pick(1, most), pick(1, 3), dilation))
    return sides


def _steps(sides: Sequence[tuple[int, int, int]], *, dilated: bool = True) -> dict[str, int]:
    (_, down, gap_down), (_, right, gap_right) = sides
    steps = {"StrideH": down, "StrideW": right}
    gaps = {"DilationHFactor": gap_down, "DilationWFactor": gap_right}
    return steps | (gaps if dilated else {})


def _image(pick: Pick, depth: int) -> list[int]:
    images = pick(2, 3) if pick(0, 4) == 0 else 1
    return [images, pick(1, 9), pick(1, 9), depth]


def _moved(sizes: Sequence[int], sides: Sequence[tuple[int, int, int]], padding: int) -> list[int]:
    return [
        extent(size, window, stride, dilation, padding)
        for size, (window, stride, dilation) in zip(sizes[1:3], sides, strict=True)
    ]


def convolution(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        groups = pick(2, 3) if kind == "CONV_2D" and pick(0, 4) == 0 else 1
        depth = pick(100, 300) if pick(0, 15) == 0 else pick(1, 9)
        sizes = _image(pick, depth * groups)
        padding = pick(0, 1)
        sides = _windows(sizes, padding, pick, dilated=True)
        window = [side[0] for side in sides]
        source, values = real(b, sizes), _steps(sides)
        if kind == "CONV_2D":
            channels = groups * pick(1, 9)
            weights = reals(b, (channels, *window, depth), pick)
        else:
            values["DepthMultiplier"] = pick(2, 3) if pick(0, 2) == 0 else 1
            channels = sizes[3] * values["DepthMultiplier"]
            weights = reals(b, (1, *window, channels), pick)
        inputs = [source, weights, *_bias(b, channels, pick)]
        wanted = [sizes[0], *_moved(sizes, sides, padding), channels]
        return source, add_layer(b, kind, inputs, wanted, pick, Padding=padding, **values)

    return make


def computed_weights(b: Builder, pick: Pick) -> Ends:
    """Return a layer whose weights are computed from its own input."""
    image = pick(0, 1)
    sizes = [1, pick(1, 4), pick(1, 4), pick(1, 5)] if image else [pick(1, 6), pick(1, 9)]
    source, weights = real(b, sizes), real(b, sizes)
    b.operator("NEG", [source], [weights])
    bias = _bias(b, sizes[0], pick)
    if not image:
        inputs = [source, weights, *(bias or [-1])]
        return source, add_layer(b, "FULLY_CONNECTED", inputs, (sizes[0], sizes[0]), pick)
    values = {"Padding": SAME, "StrideH": 1, "StrideW": 1}
    gaps = {"DilationHFactor": 1, "DilationWFactor": 1}
    inputs = [source, weights, *bias]
    return source, add_layer(b, "CONV_2D", inputs, (*sizes[:3], 1), pick, **values, **gaps)


def fully_connected(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 4)
    if pick(0, 9) == 0:
        sizes[-1] = pick(250, 1100)
    outputs, keep = pick(1, 13), bool(pick(0, 1))
    inputs = sizes[-1] if keep else int(np.prod(sizes[1:] or sizes))
    rows = int(np.prod(sizes)) // inputs
    source = real(b, sizes)
    operands = [source, reals(b, (outputs, inputs), pick), *(_bias(b, outputs, pick) or [-1])]
    wanted = (*sizes[:-1], outputs) if keep else (rows, outputs)
    return source, add_layer(b, "FULLY_CONNECTED", operands, wanted, pick, KeepNumDims=keep)


def pool(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        sizes, padding = _image(pick, pick(1, 9)), pick(0, 1)
        sides = _windows(sizes, padding, pick, dilated=False)
        source, wanted = real(b, sizes), _moved(sizes, sides, padding)
        values = _steps(sides, dilated=False)
        values |= {"FilterHeight": sides[0][0], "FilterWidth": sides[1][0], "Padding": padding}
        return source, add_layer(b, kind, [source], (sizes[0], *wanted, sizes[3]), pick, **values)

    return make


MAKERS: Mapping[str, Make] = {
    "AVERAGE_POOL_2D": pool("AVERAGE_POOL_2D"),
    "CONV_2D": convolution("CONV_2D"),
    "DEPTHWISE_CONV_2D": convolution("DEPTHWISE_CONV_2D"),
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": pool("MAX_POOL_2D"),
    "computed weights": computed_weights,
}


def every_operator() -> bytes:
    """Return a model of float32 that runs each kernel of this module, for a real core.

    Numbers that are small at its input are below 2^-126 from its first convolution on. Before it
    they are averaged: clang's library for cores without an FPU truncates smaller quotients.
    """
    b = Builder()
    source = now = real(b, (1, 16, 12, 4))
    pick = from_rng(np.random.default_rng(1))
    strides: dict[str, Any] = {"StrideH": 1, "StrideW": 1}
    gaps = {"DilationHFactor": 1, "DilationWFactor": 1}

    def constant(size: float, *sizes: int) -> int:
        return b.tensor(sizes, data=np.asarray(b.rng.normal(0, size, sizes), np.float32))

    def on(kind: str, more: Sequence[int], sizes: Sequence[int], **values: Any) -> int:
        return add_layer(b, kind, [now, *more], sizes, pick, **values)

    window = {"FilterHeight": 3, "FilterWidth": 3, "StrideH": 2, "StrideW": 2}
    now = on("AVERAGE_POOL_2D", [], (1, 8, 6, 4), **window)
    more, sizes = [constant(1e-6, 6, 3, 3, 4), constant(1e-40, 6)], (1, 8, 6, 6)
    now = on("CONV_2D", more, sizes, **strides, **gaps)
    more = [constant(1, 1, 3, 3, 6), constant(1e-40, 6)]
    now = on("DEPTHWISE_CONV_2D", more, sizes, DepthMultiplier=1, **strides, **gaps)
    now = on("MAX_POOL_2D", [], (1, 4, 3, 6), **window)
    now = on("FULLY_CONNECTED", [constant(1, 5, 72), constant(1e-40, 5)], (1, 5))
    return b.build([source], [now])
