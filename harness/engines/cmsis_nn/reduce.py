"""MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ALL, ARG_MAX and ARG_MIN: they remove axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.engines.cmsis_nn.float_functions import REAL_FUNCTIONS
from harness.engines.cmsis_nn.layer import (
    Call,
    Layer,
    Struct,
    c_float,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct, merge, strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import result_term
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
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
        self,
        view: OperatorView,
        function: str,
        *arguments: str,
        structs: tuple[Struct, ...] = (),
        kernel: str = "",
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
            kernels=frozenset({f"{kernel or function}.c", *self._more}),
        )

    @property
    def _more(self) -> tuple[str, ...]:
        return (REAL_FUNCTIONS,) if self.is_float else ()

    @property
    def is_float(self) -> bool:
        """Whether the values are float32."""
        return self.source.dtype == np.float32


_SUMS_F32 = "nn_sums_f32"  # the file of all kernels for float32
_KERNELS_F32 = frozenset({f"{_SUMS_F32}.c", REAL_FUNCTIONS})


def _reduction(view: OperatorView, types: Sequence[str] = ("int8", "float32")) -> _Reduction:
    """Check an operator that reduces axes; the output may keep them with size 1 or omit them."""
    view.check_arity(2, 2)
    source, result = view.source_and_like(0, types)
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


_SUMMED = ("int8", "int16", "float32")


def mean(view: OperatorView) -> Layer:
    """Lower MEAN."""
    parts = _reduction(view, _SUMMED)
    if parts.is_float:
        return parts.layer(view, "nn_sum_f32", c_float(parts.count), kernel=_SUMS_F32)
    factor = mean_multiplier(scale(parts.source), scale(parts.result), parts.count)
    return _scaled(view, parts, factor)


def total(view: OperatorView) -> Layer:
    """Lower SUM."""
    parts = _reduction(view, _SUMMED)
    if parts.is_float:
        return parts.layer(view, "nn_sum_f32", c_float(1), kernel=_SUMS_F32)
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


def reduce_max(view: OperatorView) -> Layer:
    """Lower REDUCE_MAX."""
    return _reduce_extreme(view, 1)


def reduce_min(view: OperatorView) -> Layer:
    """Lower REDUCE_MIN."""
    return _reduce_extreme(view, -1)


def _reduce_extreme(view: OperatorView, sign: int) -> Layer:
    """Return the layer for the greatest (`sign` 1) or least (-1) value."""
    parts = _reduction(view)
    if parts.is_float:
        return parts.layer(view, f"nn_reduce_{'max' if sign > 0 else 'min'}_f32", kernel=_SUMS_F32)
    if quantization(parts.source) != quantization(parts.result):
        view.fail("input and output have different quantization, which TFLM rejects")
    return parts.layer(view, "nn_reduce_max_s8", str(sign))


def reduce_all(view: OperatorView) -> Layer:
    """Lower REDUCE_ALL: true is 1 and false 0, so all are true if the least is 1."""
    return _reduction(view, ("bool",)).layer(view, "nn_reduce_max_s8", "-1")


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
    source = view.check_type(view.tensor(0), "input 0", ("int8", "float32"))
    axes = view.constant_integers(1, "the axis")
    if len(axes) != 1 or not source.shape:
        view.fail(f"{len(axes)} axes of {shape(source)}; one is supported", CONVERT_AGAIN)
    axis = view.normalized_axis(axes[0], len(source.shape))
    result = view.check_result_shape((*source.shape[:axis], *source.shape[axis + 1 :]))
    if result.dtype != np.int32:
        view.fail_type(
            f"the output has type {result.dtype}; int32 is supported",
            "convert the model with output_type = tf.int32",
        )
    sizes = (
        math.prod(source.shape[:axis]),
        source.shape[axis],
        math.prod(source.shape[axis + 1 :]),
    )
    addresses = (view.typed_address(source), view.typed_address(result))
    is_float = source.dtype == np.float32
    return Layer(
        view.operator,
        notes=(f"{shape(source)} -> {shape(result)}, along axis {axis}",),
        call=Call(
            "nn_arg_max_f32" if is_float else "nn_arg_max_s8",
            (str(sign), *map(str, sizes), *addresses),
        ),
        status=False,
        kernels=_KERNELS_F32 if is_float else frozenset({"nn_arg_max_s8.c"}),
    )
