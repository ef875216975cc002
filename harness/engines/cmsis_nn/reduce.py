"""MEAN, SUM, REDUCE_MAX, REDUCE_MIN, ARG_MAX and ARG_MIN: operators that remove axes."""

import math
from dataclasses import dataclass

import numpy as np

from harness.engines.cmsis_nn.elementwise import result_term
from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.layer import (
    Call,
    Layer,
    Struct,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct, merge, strides_of
from harness.engines.cmsis_nn.operator_view import CONVERT_AGAIN, OperatorView
from harness.model.graph import Tensor
from harness.model.quantized_multiplier import Multiplier, mean_multiplier, multiplier


@dataclass(frozen=True)
class _Reduction:
    """Input and output, the number of values per result, and the loops.

    `loops` are those over the kept axes and over the reduced axes.
    """

    source: Tensor
    result: Tensor
    count: int
    loops: tuple[Struct, Struct]

    def layer(
        self, view: OperatorView, function: str, *arguments: str, structs: tuple[Struct, ...] = ()
    ) -> Layer:
        """Return the layer that calls `function` with `arguments`, the loops and the addresses."""
        loops = (f"&{each.name}" for each in self.loops)
        addresses = (view.typed_address(self.source), view.typed_address(self.result))
        return Layer(
            view.operator,
            notes=(
                f"{shape(self.source)} -> {shape(self.result)}, each of {self.count}",
                f"input {quantization(self.source)}",
                f"output {quantization(self.result)}",
            ),
            structs=(*structs, *self.loops),
            call=Call(function, (*arguments, *loops, *addresses)),
            status=False,
            kernels=frozenset({f"{function}.c"}),
        )


def _reduction(view: OperatorView, tensors: tuple[Tensor, Tensor]) -> _Reduction:
    """Check an operator that reduces axes; the output may keep them with size 1 or omit them."""
    view.check_arity(2, 2)
    source, result = tensors
    rank = len(source.shape)
    axes = {view.normalized_axis(axis, rank) for axis in view.constant_integers(1, "the axes")}
    _check_shape(view, source, result, axes)
    strides = strides_of(source.shape)
    kept, reduced = (
        [LoopAxis(source.shape[i], strides[i], 0) for i in range(rank) if (i in axes) is is_reduced]
        for is_reduced in (False, True)
    )
    loops = (loops_struct(view, "kept", merge(kept)), loops_struct(view, "reduced", merge(reduced)))
    return _Reduction(source, result, math.prod(source.shape[axis] for axis in axes), loops)


def mean(view: OperatorView) -> Layer:
    """Lower MEAN."""
    parts = _reduction(view, _int8_or_int16(view))
    factor = mean_multiplier(scale(parts.source), scale(parts.result), parts.count)
    return _scaled(view, parts, factor)


def total(view: OperatorView) -> Layer:
    """Lower SUM."""
    parts = _reduction(view, _int8_or_int16(view))
    return _scaled(view, parts, multiplier(scale(parts.source) / scale(parts.result)))


def _scaled(view: OperatorView, parts: _Reduction, factor: Multiplier) -> Layer:
    view.check_shifts([factor])
    fields = (
        f".input_sum = {zero_point(parts.source) * parts.count}",
        f".output = {result_term(factor, zero_point(parts.result))}",
    )
    params = Struct("nn_mean_params_t", view.names.of("params"), fields)
    function = "nn_mean_s16" if parts.source.dtype == np.int16 else "nn_mean_s8"
    return parts.layer(view, function, f"&{params.name}", structs=(params,))


def _int8_or_int16(view: OperatorView) -> tuple[Tensor, Tensor]:
    """Return the input and the output of MEAN or SUM."""
    if view.tensor(0).dtype == np.int16:
        return s16.activation(view, 0), s16.result(view)
    return view.activation(0), view.result()


def reduce_max(view: OperatorView) -> Layer:
    """Lower REDUCE_MAX."""
    return _reduce_extreme(view, 1)


def reduce_min(view: OperatorView) -> Layer:
    """Lower REDUCE_MIN."""
    return _reduce_extreme(view, -1)


def _reduce_extreme(view: OperatorView, sign: int) -> Layer:
    """Return the layer for the greatest (`sign` 1) or least (-1) value."""
    parts = _reduction(view, (view.activation(0), view.result()))
    if quantization(parts.source) != quantization(parts.result):
        view.fail("input and output have different quantization, which TFLM rejects")
    return parts.layer(view, "nn_reduce_max_s8", str(sign))


def _check_shape(view: OperatorView, source: Tensor, result: Tensor, axes: set[int]) -> None:
    sizes = list(enumerate(source.shape))
    kept = tuple(1 if axis in axes else size for axis, size in sizes)
    removed = tuple(size for axis, size in sizes if axis not in axes)
    if result.shape not in {kept, removed}:
        view.fail(
            f"{shape(source)} without axes {sorted(axes)} is not {shape(result)}", CONVERT_AGAIN
        )


def arg_max(view: OperatorView) -> Layer:
    """Lower ARG_MAX."""
    return _arg_extreme(view, 1)


def arg_min(view: OperatorView) -> Layer:
    """Lower ARG_MIN."""
    return _arg_extreme(view, -1)


def _arg_extreme(view: OperatorView, sign: int) -> Layer:
    """Return the layer for the index, int32, of the greatest (`sign` 1) or least (-1) value."""
    view.check_arity(2, 2)
    source = view.activation(0)
    axes = view.constant_integers(1, "the axis")
    if len(axes) != 1 or not source.shape:
        view.fail(f"{len(axes)} axes of {shape(source)}; one is supported", CONVERT_AGAIN)
    axis = view.normalized_axis(axes[0], len(source.shape))
    result = view.check_result_shape((*source.shape[:axis], *source.shape[axis + 1 :]))
    if result.dtype != np.int32:
        view.fail(
            f"the output has type {result.dtype}; int32 is supported",
            "convert the model with output_type = tf.int32",
        )
    sizes = (
        math.prod(source.shape[:axis]),
        source.shape[axis],
        math.prod(source.shape[axis + 1 :]),
    )
    arguments = (str(sign), *map(str, sizes), view.address(source), view.typed_address(result))
    return Layer(
        view.operator,
        notes=(f"{shape(source)} -> {shape(result)}, along axis {axis}",),
        call=Call("nn_arg_max_s8", arguments),
        status=False,
        kernels=frozenset({"nn_arg_max_s8.c"}),
    )
