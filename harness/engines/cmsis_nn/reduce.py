"""MEAN, SUM, REDUCE_MAX, REDUCE_MIN, ARG_MAX and ARG_MIN: operators that make axes vanish."""

import math
from dataclasses import dataclass

import numpy as np

from harness.engines.cmsis_nn.elementwise import result_term
from harness.engines.cmsis_nn.layer import (
    Call,
    Layer,
    Struct,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import Axis, merge, steps, struct
from harness.engines.cmsis_nn.operator_view import AGAIN, Site
from harness.model.graph import Tensor
from harness.model.quantized_multiplier import Multiplier, mean_multiplier, multiplier


@dataclass(frozen=True)
class _Reduction:
    """The ends, how many values make one, and how the kept and the reduced axes are walked."""

    source: Tensor
    result: Tensor
    count: int
    loops: tuple[Struct, Struct]

    def layer(
        self, site: Site, function: str, *arguments: str, structs: tuple[Struct, ...] = ()
    ) -> Layer:
        """Return the call of `function`, to which both walks and the ends are given, too."""
        walks = (f"&{each.name}" for each in self.loops)
        ends = (site.address(self.source), site.address(self.result))
        return Layer(
            site.operator,
            notes=(
                f"{shape(self.source)} -> {shape(self.result)}, each of {self.count}",
                f"input {quantization(self.source)}",
                f"output {quantization(self.result)}",
            ),
            structs=(*structs, *self.loops),
            call=Call(function, (*arguments, *walks, *ends)),
            status=False,
            kernels=frozenset({f"{function}.c"}),
        )


def _reduction(site: Site) -> _Reduction:
    """Check an operator over any axes; the output's shape tells whether they stay, with size 1."""
    site.arity(2, 2)
    source, result = site.activation(0), site.result()
    rank = len(source.shape)
    axes = {site.axis(axis, rank) for axis in site.integers(1, "the axes")}
    _check_shape(site, source, result, axes)
    walk = steps(source.shape)
    kept, reduced = (
        [Axis(source.shape[i], walk[i], 0) for i in range(rank) if (i in axes) is vanishes]
        for vanishes in (False, True)
    )
    loops = (struct(site, "kept", merge(kept)), struct(site, "reduced", merge(reduced)))
    return _Reduction(source, result, math.prod(source.shape[axis] for axis in axes), loops)


def mean(site: Site) -> Layer:
    """Lower MEAN."""
    parts = _reduction(site)
    factor = mean_multiplier(scale(parts.source), scale(parts.result), parts.count)
    return _scaled(site, parts, factor)


def total(site: Site) -> Layer:
    """Lower SUM."""
    parts = _reduction(site)
    return _scaled(site, parts, multiplier(scale(parts.source) / scale(parts.result)))


def _scaled(site: Site, parts: _Reduction, factor: Multiplier) -> Layer:
    site.shifts([factor])
    fields = (
        f".input_sum = {zero_point(parts.source) * parts.count}",
        f".output = {result_term(factor, zero_point(parts.result))}",
    )
    params = Struct("nn_mean_params_t", site.names.of("params"), fields)
    return parts.layer(site, "nn_mean_s8", f"&{params.name}", structs=(params,))


def reduce_max(site: Site) -> Layer:
    """Lower REDUCE_MAX."""
    return _greatest(site, 1)


def reduce_min(site: Site) -> Layer:
    """Lower REDUCE_MIN."""
    return _greatest(site, -1)


def _greatest(site: Site, sign: int) -> Layer:
    parts = _reduction(site)
    if quantization(parts.source) != quantization(parts.result):
        site.fail("input and output are quantized differently, which TFLM refuses")
    return parts.layer(site, "nn_reduce_max_s8", str(sign))


def _check_shape(site: Site, source: Tensor, result: Tensor, axes: set[int]) -> None:
    sizes = list(enumerate(source.shape))
    kept = tuple(1 if axis in axes else size for axis, size in sizes)
    gone = tuple(size for axis, size in sizes if axis not in axes)
    if result.shape not in {kept, gone}:
        site.fail(f"{shape(source)} without axes {sorted(axes)} is not {shape(result)}", AGAIN)


def arg_max(site: Site) -> Layer:
    """Lower ARG_MAX."""
    return _extreme(site, 1)


def arg_min(site: Site) -> Layer:
    """Lower ARG_MIN."""
    return _extreme(site, -1)


def _extreme(site: Site, sign: int) -> Layer:
    """Where the greatest (1) or least (-1) value is; the output is int32."""
    site.arity(2, 2)
    source = site.activation(0)
    axes = site.integers(1, "the axis")
    if len(axes) != 1 or not source.shape:
        site.fail(f"{len(axes)} axes of {shape(source)}; one is supported", AGAIN)
    axis = site.axis(axes[0], len(source.shape))
    result = site.result_shape((*source.shape[:axis], *source.shape[axis + 1 :]))
    if result.dtype != np.int32:
        site.fail(
            f"the output has type {result.dtype}; int32 is supported",
            "convert the model with output_type = tf.int32",
        )
    sizes = (
        math.prod(source.shape[:axis]),
        source.shape[axis],
        math.prod(source.shape[axis + 1 :]),
    )
    arguments = (str(sign), *map(str, sizes), site.address(source), site.typed(result))
    return Layer(
        site.operator,
        notes=(f"{shape(source)} -> {shape(result)}, along axis {axis}",),
        call=Call("nn_arg_max_s8", arguments),
        status=False,
        kernels=frozenset({"nn_arg_max_s8.c"}),
    )
