"""MEAN, ARG_MAX and ARG_MIN: operators that make axes vanish."""

import math

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
from harness.engines.cmsis_nn.quantize import mean_multiplier
from harness.engines.cmsis_nn.site import AGAIN, Site
from harness.graph import Tensor


def mean(site: Site) -> Layer:
    """Lower MEAN over any axes; whether they are kept with size 1 is the output shape's matter."""
    site.arity(2, 2)
    source, result = site.activation(0), site.result()
    rank = len(source.shape)
    axes = {site.axis(axis, rank) for axis in site.integers(1, "the axes")}
    _check_shape(site, source, result, axes)
    count = math.prod(source.shape[axis] for axis in axes)
    factor = mean_multiplier(scale(source), scale(result), count)
    site.shifts([factor])
    walk = steps(source.shape)
    kept, summed = (
        [Axis(source.shape[i], walk[i], 0) for i in range(rank) if (i in axes) is reduced]
        for reduced in (False, True)
    )
    fields = (
        f".input_sum = {zero_point(source) * count}",
        f".output = {result_term(factor, zero_point(result))}",
    )
    structs = (
        Struct("nn_mean_params_t", site.names.of("params"), fields),
        struct(site, "kept", merge(kept)),
        struct(site, "summed", merge(summed)),
    )
    ends = (site.address(source), site.address(result))
    return Layer(
        site.operator,
        notes=(
            f"{shape(source)} -> {shape(result)}, each of {count}",
            f"input {quantization(source)}",
            f"output {quantization(result)}",
        ),
        structs=structs,
        call=Call("nn_mean_s8", (*(f"&{each.name}" for each in structs), *ends)),
        status=False,
        kernels=frozenset({"nn_mean_s8.c"}),
    )


def _check_shape(site: Site, source: Tensor, result: Tensor, axes: set[int]) -> None:
    sizes = list(enumerate(source.shape))
    kept = tuple(1 if axis in axes else size for axis, size in sizes)
    gone = tuple(size for axis, size in sizes if axis not in axes)
    if result.shape not in {kept, gone}:
        site.fail(
            f"the mean of {shape(source)} over axes {sorted(axes)} is not {shape(result)}", AGAIN
        )


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
