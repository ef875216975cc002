"""GATHER, GATHER_ND and EMBEDDING_LOOKUP: they take positions that indices name."""

import math
from typing import cast

from harness.engines.cmsis_nn.layer import Array, Call, Layer, Struct, c_float, scale, shape
from harness.engines.cmsis_nn.loops import strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import GatherOptions

MAX_INDICES = 5  # NN_INDICES


def gather(view: OperatorView) -> Layer:
    """Lower GATHER: indices along an axis, the same for all batches or of each batch its own."""
    view.check_arity(2, 2)
    options = cast("GatherOptions", view.operator.options)
    source, result = view.source_and_result(0)
    indices = _indices(view, 1)
    axis = view.normalized_axis(options.axis, len(source.shape))
    batch_dims = options.batch_dims
    if batch_dims < 0:
        batch_dims += len(indices.shape)
    batch = source.shape[:batch_dims]
    if not 0 <= batch_dims <= axis or indices.shape[:batch_dims] != batch:
        view.fail(
            f"indices of shape {shape(indices)} do not suit {batch_dims} batch dimensions of "
            f"{shape(source)}",
            CONVERT_AGAIN,
        )
    kept = indices.shape[batch_dims:]
    view.check_result_shape((*source.shape[:axis], *kept, *source.shape[axis + 1 :]))
    _check_range(view, indices, source.shape[axis])
    return _gather_layer(
        view,
        source,
        (
            math.prod(batch),
            math.prod(source.shape[batch_dims:axis]),
            source.shape[axis],
            math.prod(kept),
            math.prod(source.shape[axis + 1 :]) * result.dtype.itemsize,
        ),
        (1, 0),
    )


def embedding_lookup(view: OperatorView) -> Layer:
    """Lower EMBEDDING_LOOKUP: rows of a table; those of an int8 table may become real values."""
    view.check_arity(2, 2)
    indices = _indices(view, 0)
    table = view.check_moved(1)
    if len(indices.shape) != 1:
        view.fail(
            f"the indices have shape {shape(indices)}; TFLM's kernel takes a vector",
            "flatten the indices before this layer",
        )
    result = view.check_result_shape((*indices.shape, *table.shape[1:]))
    _check_range(view, indices, table.shape[0])
    row = math.prod(table.shape[1:])
    sizes = (1, 1, table.shape[0], indices.elements, row * table.dtype.itemsize)
    if result.dtype == table.dtype:
        return _gather_layer(view, table, sizes, (0, 1))
    if (table.dtype.name, result.dtype.name) != ("int8", "float32"):
        view.fail(
            f"TFLM's kernel does not look up {result.dtype} in a table of {table.dtype}",
            "use a table of int8 or float32",
        )
    return _dequantized(view, table, sizes)


def gather_nd(view: OperatorView) -> Layer:
    """Lower GATHER_ND: each row of indices names a slice."""
    view.check_arity(2, 2)
    source, _ = view.source_and_result(0)
    indices = _indices(view, 1)
    depth = indices.shape[-1] if indices.shape else 0
    if not 1 <= depth <= min(len(source.shape), MAX_INDICES):
        view.fail(
            f"each slice has {depth} indices; TFLM's kernel takes 1 to {MAX_INDICES}, and at most "
            f"one for each of the {len(source.shape)} axes",
            CONVERT_AGAIN,
        )
    view.check_result_shape((*indices.shape[:-1], *source.shape[depth:]))
    width = source.dtype.itemsize
    steps = strides_of(source.shape, width)[:depth]
    slice_bytes = math.prod(source.shape[depth:]) * width
    if indices.data is not None:
        places = indices.data.reshape(-1, depth) @ steps
        if places.min() < 0 or places.max() + slice_bytes > source.nbytes:
            view.fail(f"an index is outside {shape(source)}", CONVERT_AGAIN)
    params = Struct(
        "nn_gather_nd_params_t",
        view.names.of("params"),
        (
            f".slices = {math.prod(indices.shape[:-1])}",
            f".depth = {depth}",
            f".step = {{{', '.join(map(str, steps))}}}",
            f".width = {slice_bytes}",
            f".size = {source.nbytes}",
        ),
    )
    return _layer(view, "nn_gather_nd", params, source, (1, 0))


def _indices(view: OperatorView, position: int) -> Tensor:
    tensor = view.tensor(position)
    if tensor.dtype.name != "int32":
        view.fail(
            f"the indices have type {tensor.dtype}; TFLM's {view.operator.kind} takes int32",
            "cast the indices to int32 before this layer",
        )
    if tensor.elements == 0:
        view.fail("there are no indices", "remove the layer")
    return tensor


def _check_range(view: OperatorView, indices: Tensor, size: int) -> None:
    """Check constant indices; others are checked while the layer runs."""
    if indices.data is not None and not 0 <= indices.data.min() <= indices.data.max() < size:
        view.fail(f"an index is not one of 0 to {size - 1}", CONVERT_AGAIN)


def _gather_layer(
    view: OperatorView, source: Tensor, sizes: tuple[int, ...], positions: tuple[int, int]
) -> Layer:
    params = Struct("nn_gather_params_t", view.names.of("params"), tuple(map(str, sizes)))
    return _layer(view, "nn_gather", params, source, positions)


def _layer(
    view: OperatorView, function: str, params: Struct, source: Tensor, positions: tuple[int, int]
) -> Layer:
    """Return the layer with the indices and the data at these `positions` of the inputs."""
    arguments, arrays = _operands(view, positions)
    result = view.graph.tensors[view.operator.outputs[0]]
    return Layer(
        view.operator,
        notes=(f"of {shape(source)} -> {shape(result)}",),
        arrays=arrays,
        structs=(params,),
        call=Call(function, (f"&{params.name}", *arguments, view.address(result))),
        kernels=frozenset({f"{function}.c"}),
    )


def _operands(
    view: OperatorView, positions: tuple[int, int]
) -> tuple[tuple[str, str], tuple[Array, ...]]:
    indices, data = positions
    names, first = view.operand(indices)
    if not first:
        names = view.typed_address(view.tensor(indices))
    source, second = view.operand(data)
    return (names, source), (*first, *second)


def _dequantized(view: OperatorView, table: Tensor, sizes: tuple[int, ...]) -> Layer:
    """Return the layer that copies int8 rows to scratch memory and makes them real values."""
    view.check_int8(table, "the table")
    if table.zero_point is not None and table.zero_point.any():
        view.fail(
            "the table has a zero point; TFLM's kernel takes symmetric tables",
            "quantize the table with zero point 0",
        )
    result = view.graph.tensors[view.operator.outputs[0]]
    params = Struct("nn_gather_params_t", view.names.of("params"), tuple(map(str, sizes)))
    arguments, arrays = _operands(view, (0, 1))
    rows = f"arena + {view.names.scratch}"
    call = ", ".join((f"&{params.name}", *arguments, rows))
    count = str(result.elements)
    return Layer(
        view.operator,
        notes=(f"of {shape(table)} -> {shape(result)}",),
        arrays=arrays,
        structs=(params,),
        before=(f"if (nn_gather({call}) != 0) {{", "        return 1;", "    }"),
        call=Call(
            "nn_dequantize_s8_f32",
            (c_float(scale(table)), "0", count, rows, view.typed_address(result)),
        ),
        status=False,
        scratch=result.elements,
        kernels=frozenset({"nn_gather.c", "nn_dequantize_s8_f32.c"}),
    )
