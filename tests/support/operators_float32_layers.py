"""Random graphs around layers of float32 that grow an image or multiply matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.support.graphs import TANH, Builder, Pick, extent, from_rng
from tests.support.operator_parts import Ends, Make, numbers
from tests.support.operators_recurrent import lstm_layer_f32, svdf_layer_f32

FLOAT = np.float32


def tensor(b: Builder, sizes: Sequence[int]) -> int:
    """Add an activation."""
    return b.tensor(sizes, dtype=FLOAT)


def constant(b: Builder, sizes: Sequence[int]) -> int:
    """Add a constant of random values, of very different sizes."""
    values = b.rng.normal(0, 1, sizes) * 2.0 ** b.rng.integers(-12, 12, sizes)
    values[b.rng.random(sizes) < 0.1] = b.rng.choice([0.0, -0.0, 1e-42])
    return b.tensor(sizes, data=values.astype(FLOAT))


def operand(b: Builder, sizes: Sequence[int], source: int, pick: Pick) -> int:
    """Add a constant, or one times the greatest value of `source`, which is computed."""
    factor = constant(b, sizes)
    if pick(0, 3):
        return factor
    greatest, product = tensor(b, ()), tensor(b, sizes)
    axes = numbers(b, range(len(b.shape(source))))
    b.operator("REDUCE_MAX", [source, axes], [greatest], "ReducerOptions")
    b.operator("MUL", [factor, greatest], [product], "MulOptions")
    return product


def transpose_conv(b: Builder, pick: Pick) -> Ends:
    images = pick(1, 2)
    sizes = [images, pick(1, 6), pick(1, 6), pick(1, 5)]
    window, stride = (pick(1, 4), pick(1, 4)), (pick(1, 3), pick(1, 3))
    padding, channels = pick(0, 1), pick(1, 5)
    source = now = tensor(b, sizes)
    sides = []
    for size, wide, step in zip(sizes[1:3], window, stride, strict=True):
        most = size * step if padding == 0 else (size - 1) * step + wide
        fits = [side for side in range(1, most + 1) if extent(side, wide, step, 1, padding) == size]
        sides.append(fits[pick(0, len(fits) - 1)] if fits else most)
    weights = operand(b, (channels, *window, sizes[3]), source, pick)
    if b.tensors[weights].buffer == 0 and pick(0, 1):
        now = constant(b, sizes)
    wanted = [images, *sides, channels]
    inputs = [numbers(b, wanted), weights, now]
    if pick(0, 2):
        inputs.append(operand(b, (channels,), source, pick))
    result = tensor(b, wanted)
    b.operator(
        "TRANSPOSE_CONV",
        inputs,
        [result],
        "TransposeConvOptions",
        Padding=padding,
        StrideH=stride[0],
        StrideW=stride[1],
        FusedActivationFunction=pick(0, 3),
    )
    return source, result


def batch_matmul(b: Builder, pick: Pick) -> Ends:
    rows, depth, columns = pick(1, 6), pick(1, 40), pick(1, 6)
    batch = [pick(1, 3) for _ in range(pick(0, 3))]
    adjoint = [bool(pick(0, 1)) for _ in range(2)]
    operands = []
    for side, transposed in zip(((rows, depth), (depth, columns)), adjoint, strict=True):
        own = [1 if pick(0, 3) == 0 else size for size in batch]
        operands.append([*own, *(side[::-1] if transposed else side)])
    while len(operands[1]) > 2 and operands[1][0] == 1 and pick(0, 1):
        operands[1].pop(0)
    of = [[1] * (len(batch) - len(each) + 2) + each[:-2] for each in operands]
    sizes = [max(pair) for pair in zip(*of, strict=True)]
    at = pick(0, 1)
    source = tensor(b, operands[at])
    both = operands[0] == operands[1] and pick(0, 1)
    given = [source, source if both else operand(b, operands[1 - at], source, pick)]
    result = tensor(b, [*sizes, rows, columns])
    options = dict(zip(("AdjX", "AdjY"), adjoint, strict=True))
    inputs = given[::-1] if at else given
    b.operator("BATCH_MATMUL", inputs, [result], "BatchMatMulOptions", **options)
    return source, result


def resize_bilinear(b: Builder, pick: Pick) -> Ends:
    sizes = [pick(1, 2), pick(1, 7), pick(1, 7), pick(1, 4)]
    wanted = [pick(1, 19), pick(1, 19)]
    source = tensor(b, sizes)
    kind: dict[str, Any] = ({}, {"AlignCorners": True}, {"HalfPixelCenters": True})[pick(0, 2)]
    result = tensor(b, [sizes[0], *wanted, sizes[3]])
    inputs = [source, numbers(b, wanted)]
    b.operator("RESIZE_BILINEAR", inputs, [result], "ResizeBilinearOptions", **kind)
    return source, result


MAKERS: dict[str, Make] = {
    "BATCH_MATMUL": batch_matmul,
    "RESIZE_BILINEAR": resize_bilinear,
    "TRANSPOSE_CONV": transpose_conv,
}


def every_operator() -> bytes:
    """Return a model that runs the kernel of each layer here, and of those with a state."""
    b = Builder()
    source = b.activation((1, 3, 4, 2), 0.02, 5)
    now = tensor(b, b.shape(source))
    b.operator("DEQUANTIZE", [source], [now], "DequantizeOptions")
    inputs = [numbers(b, (1, 6, 8, 3)), constant(b, (3, 3, 2, 2)), now, constant(b, (3,))]
    grown = tensor(b, (1, 6, 8, 3))
    stride = {"StrideH": 2, "StrideW": 2}
    b.operator("TRANSPOSE_CONV", inputs, [grown], "TransposeConvOptions", **stride)
    resized = tensor(b, (1, 7, 5, 3))
    sizes = [grown, numbers(b, (7, 5))]
    b.operator("RESIZE_BILINEAR", sizes, [resized], "ResizeBilinearOptions", HalfPixelCenters=True)
    product = tensor(b, (1, 7, 5, 2))
    b.operator("BATCH_MATMUL", [resized, constant(b, (3, 2))], [product], "BatchMatMulOptions")
    rows = tensor(b, (7, 10))
    b.operator("RESHAPE", [product], [rows], "ReshapeOptions")
    pick = from_rng(np.random.default_rng(1))
    filtered = svdf_layer_f32(b, rows, pick, TANH)
    ordered = tensor(b, (1, *b.shape(filtered)))
    b.operator("RESHAPE", [filtered], [ordered], "ReshapeOptions")
    remembered = lstm_layer_f32(b, ordered, 5, pick)
    result = b.activation(b.shape(remembered), 1 / 128, 0)
    b.operator("QUANTIZE", [remembered], [result], "QuantizeOptions")
    return b.build([source], [result])
