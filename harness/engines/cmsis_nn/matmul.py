"""BATCH_MATMUL, and FULLY_CONNECTED with weights that are not constant or not symmetric."""

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.int16.sums_s16 import wide_factor
from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Struct,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct, merge, strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import BatchMatMulOptions
from harness.model.quantized_multiplier import (
    INT8_MAX,
    INT8_MIN,
    INT16_MAX,
    INT16_MIN,
    product_multiplier,
)

# 255 * 255 * depth, the greatest sum of products, fits into int32_t.
MAX_DEPTH = 33025


def batch_matmul(view: OperatorView) -> Layer:
    """Lower BATCH_MATMUL: products of the matrices in the last two axes; the others broadcast."""
    view.check_arity(2, 2)
    options = cast("BatchMatMulOptions", view.operator.options)
    first = view.check_type(view.check_dimensions(0), "input 0", ("int8", "int16"))
    second = view.check_type(view.check_dimensions(1), "input 1", (str(first.dtype),))
    matrices = matrices_of(view, options, first, second)
    return _layer(
        view,
        matrices.sizes,
        (INT8_MIN, INT8_MAX) if first.dtype == np.int8 else (INT16_MIN, INT16_MAX),
        pairs=matrices.pairs,
        count=matrices.number,
    )


class Matrices(NamedTuple):
    """Rows, columns, depth and steps of the matrices, the loops over their pairs, their number."""

    sizes: tuple[int, ...]
    pairs: Struct
    number: int


def matrices_of(
    view: OperatorView, options: BatchMatMulOptions, first: Tensor, second: Tensor
) -> Matrices:
    """Return the matrices of BATCH_MATMUL, checked against each other and the output."""
    rows, depth = _matrix(first, transposed=options.adj_x)
    second_depth, columns = _matrix(second, transposed=options.adj_y)
    if depth[0] != second_depth[0]:
        view.fail(f"{shape(first)} and {shape(second)} cannot be multiplied", CONVERT_AGAIN)
    pairs, batch = _pairs(view, first, second)
    view.check_result_shape((*batch, rows[0], columns[0]))
    steps = (rows[1], depth[1], columns[1], second_depth[1])
    return Matrices((rows[0], columns[0], depth[0], *steps), pairs, math.prod(batch))


def dense(view: OperatorView, clamp: tuple[int, int]) -> Layer:
    """Lower FULLY_CONNECTED as a product with a transposed matrix of any weights."""
    source, weights = view.activation(0), view.check_int8(view.tensor(1), "the weights")
    outputs, inputs = weights.shape[-2:]
    rows = source.elements // inputs
    sizes = (rows, outputs, inputs, inputs, 1, inputs, 1)
    pairs = loops_struct(view, "loops", (LoopAxis(1, 0, 0),))
    return _layer(view, sizes, clamp, pairs=pairs, count=1)


def _matrix(tensor: Tensor, *, transposed: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return size and step of the rows and of the columns."""
    rows, columns = tensor.shape[-2:]
    pair = ((rows, columns), (columns, 1))
    return (pair[1], pair[0]) if transposed else pair


def _pairs(view: OperatorView, first: Tensor, second: Tensor) -> tuple[Struct, tuple[int, ...]]:
    """Return the loops over pairs of matrices, and the output's shape without the matrices'."""
    rank = max(len(first.shape), len(second.shape)) - 2
    one, two = (
        (1,) * (rank + 2 - len(tensor.shape)) + tensor.shape[:-2] for tensor in (first, second)
    )
    batch = tuple(max(pair) for pair in zip(one, two, strict=True))
    for pair in zip(one, two, batch, strict=True):
        if {*pair[:2]} - {1, pair[2]}:
            view.fail(f"{shape(first)} and {shape(second)} do not broadcast", CONVERT_AGAIN)
    axes = zip(batch, _steps(one, first), _steps(two, second), strict=True)
    return loops_struct(view, "loops", merge([LoopAxis(*axis) for axis in axes])), batch


def _steps(sizes: Sequence[int], tensor: Tensor) -> list[int]:
    """Return the distance between neighbouring matrices along each axis; 0 repeats them."""
    strides = strides_of(sizes, math.prod(tensor.shape[-2:]))
    return [0 if size == 1 else stride for size, stride in zip(sizes, strides, strict=True)]


def _layer(
    view: OperatorView,
    sizes: tuple[int, ...],
    clamp: tuple[int, int],
    *,
    pairs: Struct,
    count: int,
) -> Layer:
    """Return the layer for `count` pairs; `sizes` are rows, columns, depth, and the steps."""
    first, second = view.tensor(0), view.tensor(1)
    wide = first.dtype == np.int16
    result = s16.result(view) if wide else view.result()
    rows, columns, depth = sizes[:3]
    if depth > MAX_DEPTH:
        view.fail(f"it adds {depth} products; {MAX_DEPTH} are supported", "make the layer smaller")
    factor = product_multiplier(scale(first), scale(second), scale(result))
    view.check_shifts([factor])
    if wide:
        s16.check_symmetric(view, first, second, result)
        factor = wide_factor(view, factor)
    fields = (
        *sizes,
        -zero_point(first),
        -zero_point(second),
        factor.value,
        factor.shift,
        zero_point(result),
        *clamp,
    )
    params = Struct("nn_matmul_params_t", view.names.of("params"), tuple(map(str, fields)))
    one, first_array = view.typed_operand(0)
    two, second_array = view.typed_operand(1)
    arrays = [*first_array, *second_array]
    bias = view.bias(2, columns)
    if bias is not None:
        arrays.append(Array(view.names.of("bias"), bias))
    pointer = "NULL" if bias is None else view.names.of("bias")
    before = (f"&{params.name}", f"&{pairs.name}", one, two)
    arguments = (*before, *(() if wide else (pointer,)), view.typed_address(result))
    return Layer(
        view.operator,
        notes=(
            f"{shape(first)} and {shape(second)} -> {shape(result)}",
            f"inputs {quantization(first)}; {quantization(second)}",
            f"output {quantization(result)}",
        ),
        macs=count * rows * columns * depth,
        arrays=tuple(arrays),
        structs=(params, pairs),
        call=Call("nn_matmul_s16" if wide else "nn_matmul_s8", arguments),
        status=False,
        kernels=frozenset({"nn_matmul_s16.c", "nn_sums.c"} if wide else {"nn_matmul_s8.c"}),
    )
