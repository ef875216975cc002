"""Random graphs around operators that compute value by value, and around sums and rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.support.graphs import SAME, Builder, Pick, extent
from tests.support.operator_parts import (
    Ends,
    Make,
    activation,
    bytes_of,
    like,
    near,
    numbers,
    of_axis,
    scale,
    shape,
    zero_point,
)

FLOAT, INT32, BOOL = np.float32, np.int32, np.bool_
# A kernel of TFLM calls the C library here, whose last bits differ; relative and absolute.
TOLERANCES: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(
        (f"{kind} float32" for kind in ("COS", "ELU", "EXP", "LOG", "LOGISTIC", "SIN", "TANH")),
        (2.5e-7, 0.0),
    ),
    **dict.fromkeys(("LOG_SOFTMAX float32", "SOFTMAX float32"), (1e-6, 1e-6)),
}


def constant(b: Builder, sizes: Sequence[int], dtype: Any, *, zeros: bool = True) -> int:
    """Add a constant of random values without a scale."""
    data: Any
    if dtype == FLOAT:
        exponents = b.rng.integers(-12, 12, sizes)
        data = (b.rng.normal(0, 1, sizes) * 2.0**exponents).astype(FLOAT)
        data[b.rng.random(sizes) < 0.1] = 0
    elif dtype == BOOL:
        data = b.rng.random(sizes) < 0.5
    else:
        data = b.rng.integers(-(2 ** b.rng.integers(1, 31)), 2 ** b.rng.integers(1, 31), sizes)
    data = np.asarray(data).astype(dtype)
    if not zeros:
        # -2^31 / -1 ends TFLM, too.
        data = np.where((data == 0) | (data == -1), np.array(1, dtype), data)
    return b.tensor(sizes, data=data)


def broadcast(pick: Pick, most: int = 5) -> tuple[list[int], list[int], list[int]]:
    """Return the shapes of two operands and of their result."""
    whole = shape(pick, 1, most)
    ones = [[1 if pick(0, 2) == 0 else size for size in whole] for _ in range(2)]
    if pick(0, 1):
        ones[0] = whole
    if pick(0, 2) == 0:
        ones[1] = ones[0]
    sizes = [max(pair) for pair in zip(*ones, strict=True)]
    second = list(ones[1])
    while len(second) > 1 and second[0] == 1 and pick(0, 1):
        second.pop(0)
    return ones[0], second, sizes


def pair_s8(kind: str, options: str | None = None) -> Make:
    """Two operands of int8."""

    def make(b: Builder, pick: Pick) -> Ends:
        first, second, sizes = broadcast(pick)
        source = activation(b, first, pick)
        own = b.tensors[source].scale[0]
        other = bytes_of(b, second, near(own, pick), zero_point(pick))
        factor = {"DIV": 0.02 / own, "SQUARED_DIFFERENCE": own * 50}.get(kind, 1.0)
        result = b.activation(sizes, near(own * factor, pick), zero_point(pick))
        if kind == "DIV":
            _avoid_zero(b, other)
        operands = [source, other]
        if pick(0, 2) == 0 and kind != "DIV":
            operands.reverse()
        values = {"FusedActivationFunction": pick(0, 3)} if options else {}
        b.operator(kind, operands, [result], options, **values)
        return source, result

    return make


def _avoid_zero(b: Builder, index: int) -> None:
    """Replace the zero point among the values of a constant of int8."""
    tensor = b.tensors[index]
    data = np.frombuffer(b.buffers[tensor.buffer], np.int8)
    zero = tensor.zero_point[0]
    b.buffers[tensor.buffer] = np.where(data == zero, zero ^ 1, data).astype(np.int8).tobytes()


def pair(kind: str, dtype: Any, options: str | None = None) -> Make:
    """Two operands of int32 or float32."""

    def make(b: Builder, pick: Pick) -> Ends:
        first, second, sizes = broadcast(pick)
        source = b.tensor(first, dtype=dtype)
        divides = kind in {"DIV", "FLOOR_DIV"}
        other = constant(b, second, dtype, zeros=not divides)
        result = b.tensor(sizes, dtype=dtype)
        operands = [source, other]
        if pick(0, 2) == 0 and not divides:
            operands.reverse()
        values = {"FusedActivationFunction": pick(0, 3)} if options else {}
        b.operator(kind, operands, [result], options, **values)
        return source, result

    return make


def comparison(kind: str, dtype: Any) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        first, second, sizes = broadcast(pick)
        if dtype == np.int8:
            unit = min(scale(pick), 0.9)
            source = b.activation(first, unit, zero_point(pick))
            # Equal scales, so that there are equal values.
            other = min(near(unit, pick), 0.9) if pick(0, 1) else unit
            against = bytes_of(b, second, other, zero_point(pick))
        else:
            source = b.tensor(first, dtype=dtype)
            against = constant(b, second, dtype)
        if pick(0, 9) == 0:
            against, sizes = source, first
        result = b.tensor(sizes, dtype=BOOL)
        operands = [source, against] if pick(0, 1) else [against, source]
        b.operator(kind, operands, [result])
        return source, result

    return make


def truth(b: Builder, source: int, pick: Pick) -> int:
    """Add truth values, which depend on a tensor of int8."""
    sizes = b.shape(source)
    against = bytes_of(b, sizes, b.tensors[source].scale[0], b.tensors[source].zero_point[0])
    result = b.tensor(sizes, dtype=BOOL)
    b.operator(("LESS", "GREATER_EQUAL")[pick(0, 1)], [source, against], [result])
    return result


def small(b: Builder, sizes: Sequence[int], pick: Pick) -> int:
    """Add an activation with a scale below 1, which TFLM can compare."""
    return b.activation(sizes, min(scale(pick), 0.9), zero_point(pick))


def logical(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        first, second, sizes = broadcast(pick)
        if kind == "LOGICAL_NOT":
            sizes = first
        source = small(b, first, pick)
        inputs = [truth(b, source, pick)]
        if kind != "LOGICAL_NOT":
            inputs.append(constant(b, second, BOOL))
        result = b.tensor(sizes, dtype=BOOL)
        b.operator(kind, inputs, [result])
        return source, result

    return make


def reduce_all(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick)
    axes = sorted({pick(0, len(sizes) - 1) for _ in range(pick(1, 3))})
    source = small(b, sizes, pick)
    keep = bool(pick(0, 1))
    left = [1 if i in axes else size for i, size in enumerate(sizes) if keep or i not in axes]
    result = b.tensor(left, dtype=BOOL)
    at = numbers(b, [of_axis(axis, len(sizes), pick) for axis in axes])
    condition = truth(b, source, pick)
    b.operator("REDUCE_ALL", [condition, at], [result], "ReducerOptions", KeepDims=keep)
    return source, result


def select(b: Builder, pick: Pick) -> Ends:
    whole = shape(pick, 1, 5)
    sizes = [[1 if pick(0, 3) == 0 else size for size in whole] for _ in range(3)]
    if pick(0, 1):
        sizes = [whole] * 3
    result_sizes = [max(each) for each in zip(*sizes, strict=True)]
    source = small(b, sizes[0], pick)
    condition = truth(b, source, pick)
    unit, point = b.tensors[source].scale[0], b.tensors[source].zero_point[0]
    values = []
    for size in sizes[1:]:
        trimmed = list(size)
        while len(trimmed) > 1 and trimmed[0] == 1 and pick(0, 1):
            trimmed.pop(0)
        values.append(bytes_of(b, trimmed, unit, point))
    if sizes[1] == sizes[0] and pick(0, 1):
        values[pick(0, 1) if sizes[2] == sizes[0] else 0] = source
    result = b.activation(result_sizes, unit, point)
    b.operator("SELECT_V2", [condition, *values], [result])
    return source, result


_CASTS = [
    (one, two)
    for one in ("int8", "int16", "int32", "float32", "bool")
    for two in ("int8", "int16", "int32", "uint32", "float32")
]


def cast(b: Builder, pick: Pick) -> Ends:
    first, second = _CASTS[pick(0, len(_CASTS) - 1)]
    if first == "bool":
        source = small(b, (3, 5), pick)
        now = truth(b, source, pick)
    else:
        scaled: dict[str, Any] = (
            {"scale": 0.5, "zero_point": 0} if first in {"int8", "int16"} else {}
        )
        source = now = b.tensor((3, 5), dtype=np.dtype(first), **scaled)
    result = b.tensor((3, 5), dtype=np.dtype(second))
    b.operator("CAST", [now], [result], "CastOptions")
    return source, result


def fill(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick)
    dtype = (np.int8, INT32, FLOAT)[pick(0, 2)]
    quantized: dict[str, Any] = {"scale": 0.1, "zero_point": 3} if dtype == np.int8 else {}
    source, filled, result = (b.tensor(sizes, dtype=dtype, **quantized) for _ in range(3))
    if dtype == INT32 or pick(0, 1):
        data = np.array(pick(-128, 127), dtype)
        value = b.tensor((), data=data, **quantized)
    else:
        value = b.tensor((), dtype=dtype, **quantized)
        axes = numbers(b, range(len(sizes)))
        b.operator("REDUCE_MAX", [source, axes], [value], "ReducerOptions")
    b.operator("FILL", [numbers(b, sizes), value], [filled], "FillOptions")
    b.operator("MINIMUM", [source, filled], [result], "MaximumMinimumOptions")
    return source, result


def zeros_like(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick)
    source = activation(b, sizes, pick)
    zeros = like(b, source, sizes)
    b.operator("ZEROS_LIKE", [source], [zeros], "ZerosLikeOptions")
    result = like(b, source, sizes)
    b.operator("MAXIMUM", [source, zeros], [result], "MaximumMinimumOptions")
    return source, result


def table(kind: str) -> Make:
    """One tensor of int8 with all values, into a table."""

    def make(b: Builder, pick: Pick) -> Ends:
        unit = scale(pick)
        point = -128 if kind == "RSQRT" else zero_point(pick)
        source = b.activation((2, 128), unit, point)
        wanted = 1 / np.sqrt(unit) / 60 if kind == "RSQRT" else unit
        result = b.activation((2, 128), near(float(wanted), pick), zero_point(pick))
        b.operator(kind, [source], [result])
        return source, result

    return make


def prelu(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 4)
    slopes = [1 if pick(0, 1) else size for size in sizes]
    while len(slopes) > 1 and slopes[0] == 1 and pick(0, 1):
        slopes.pop(0)
    source = activation(b, sizes, pick)
    own = b.tensors[source].scale[0]
    alpha = bytes_of(b, slopes, near(0.01, pick), zero_point(pick))
    result = b.activation(sizes, near(own, pick), zero_point(pick))
    b.operator("PRELU", [source, alpha], [result])
    return source, result


def prelu_f32(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick, 1, 4)
    source = b.tensor(sizes, dtype=FLOAT)
    alpha = constant(b, [1 if pick(0, 1) else size for size in sizes], FLOAT)
    result = b.tensor(sizes, dtype=FLOAT)
    b.operator("PRELU", [source, alpha], [result])
    return source, result


def function(kind: str) -> Make:
    """One tensor of float32."""

    def make(b: Builder, pick: Pick) -> Ends:
        source = b.tensor((2, 64), dtype=FLOAT)
        result = b.tensor((2, 64), dtype=FLOAT)
        values: dict[str, Any] = {}
        options = {"LEAKY_RELU": "LeakyReluOptions", "SOFTMAX": "SoftmaxOptions"}.get(kind)
        if kind == "LEAKY_RELU":
            values = {"Alpha": pick(-300, 300) / 200}
        if kind == "SOFTMAX":
            values = {"Beta": pick(1, 4) / 2}
        b.operator(kind, [source], [result], options, **values)
        return source, result

    return make


def add_n(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick)
    source = activation(b, sizes, pick)
    own = b.tensors[source]
    inputs = [
        bytes_of(b, sizes, own.scale[0], own.zero_point[0]) if pick(0, 2) else source
        for _ in range(pick(1, 5))
    ]
    inputs.insert(pick(0, len(inputs)), source)
    result = b.activation(sizes, near(own.scale[0] * 2, pick), zero_point(pick))
    b.operator("ADD_N", inputs, [result], "AddNOptions")
    return source, result


def add_n_f32(b: Builder, pick: Pick) -> Ends:
    sizes = shape(pick)
    source = b.tensor(sizes, dtype=FLOAT)
    inputs = [source, *(constant(b, sizes, FLOAT) for _ in range(pick(1, 4)))]
    result = b.tensor(sizes, dtype=FLOAT)
    b.operator("ADD_N", inputs, [result], "AddNOptions")
    return source, result


def cumsum(dtype: Any) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        sizes = shape(pick)
        axis = pick(0, len(sizes) - 1)
        if dtype == FLOAT:
            source, result = (b.tensor(sizes, dtype=FLOAT) for _ in range(2))
        else:
            source = activation(b, sizes, pick)
            own = b.tensors[source].scale[0]
            result = b.activation(sizes, near(own * 2, pick), zero_point(pick))
        at = b.tensor((), data=np.array(of_axis(axis, len(sizes), pick), np.int32))
        values = {"Exclusive": bool(pick(0, 1)), "Reverse": bool(pick(0, 1))}
        b.operator("CUMSUM", [source, at], [result], "CumsumOptions", **values)
        return source, result

    return make


def rows(kind: str) -> Make:
    """L2_NORMALIZATION and LOG_SOFTMAX of int8."""

    def make(b: Builder, pick: Pick) -> Ends:
        sizes = [*shape(pick, 0, 3), pick(1, 40)]
        if pick(0, 7) == 0:
            sizes = [pick(1, 3), pick(100, 4095)]
        source = activation(b, sizes, pick)
        normal = kind == "L2_NORMALIZATION"
        result = b.activation(sizes, 1 / 128 if normal else 1 / 16, 0 if normal else 127)
        b.operator(kind, [source], [result], "L2NormOptions" if normal else "LogSoftmaxOptions")
        return source, result

    return make


def reduction_f32(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        sizes = [pick(1, 8) for _ in range(pick(1, 4))]
        axes = sorted({pick(0, len(sizes) - 1) for _ in range(pick(1, 3))})
        keep = bool(pick(0, 1))
        left = [1 if i in axes else size for i, size in enumerate(sizes) if keep or i not in axes]
        source, result = b.tensor(sizes, dtype=FLOAT), b.tensor(left, dtype=FLOAT)
        at = numbers(b, [of_axis(axis, len(sizes), pick) for axis in axes])
        b.operator(kind, [source, at], [result], "ReducerOptions", KeepDims=keep)
        return source, result

    return make


def l2_pool(b: Builder, pick: Pick) -> Ends:
    sizes = [pick(1, 2), pick(1, 9), pick(1, 9), pick(1, 4)]
    padding = pick(0, 1)
    window = [pick(1, 4) if padding == SAME else pick(1, size) for size in sizes[1:3]]
    stride = [pick(1, 3), pick(1, 3)]
    sides = [extent(*side, 1, padding) for side in zip(sizes[1:3], window, stride, strict=True)]
    source = b.tensor(sizes, dtype=FLOAT)
    result = b.tensor([sizes[0], *sides, sizes[3]], dtype=FLOAT)
    b.operator(
        "L2_POOL_2D",
        [source],
        [result],
        "Pool2DOptions",
        Padding=padding,
        StrideH=stride[0],
        StrideW=stride[1],
        FilterHeight=window[0],
        FilterWidth=window[1],
        FusedActivationFunction=pick(0, 3),
    )
    return source, result


def arg_f32(kind: str) -> Make:
    def make(b: Builder, pick: Pick) -> Ends:
        sizes = shape(pick)
        axis = pick(0, len(sizes) - 1)
        source = b.tensor(sizes, dtype=FLOAT)
        result = b.tensor(sizes[:axis] + sizes[axis + 1 :], dtype=np.int32)
        at = b.tensor((), data=np.array(of_axis(axis, len(sizes), pick), np.int32))
        options = "ArgMaxOptions" if kind == "ARG_MAX" else "ArgMinOptions"
        b.operator(kind, [source, at], [result], options, OutputType=2)
        return source, result

    return make


_FUSED = {"ADD": "AddOptions", "DIV": "DivOptions", "MUL": "MulOptions", "SUB": "SubOptions"}
_FUNCTIONS = (
    *("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "L2_NORMALIZATION", "LEAKY_RELU"),
    *("LOG", "LOGISTIC", "LOG_SOFTMAX", "NEG", "RELU", "RELU6", "ROUND", "RSQRT", "SIN", "SOFTMAX"),
    *("SQRT", "SQUARE", "TANH"),
)
_PAIRS = ("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SQUARED_DIFFERENCE", "SUB")
_COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")

MAKERS: dict[str, Make] = {
    "DIV": pair_s8("DIV", "DivOptions"),
    "SQUARED_DIFFERENCE": pair_s8("SQUARED_DIFFERENCE"),
    **{kind: table(kind) for kind in ("ABS", "ELU", "RSQRT")},
    "PRELU": prelu,
    "ADD_N": add_n,
    "CUMSUM": cumsum(np.int8),
    "L2_NORMALIZATION": rows("L2_NORMALIZATION"),
    "LOG_SOFTMAX": rows("LOG_SOFTMAX"),
    **{kind: comparison(kind, np.int8) for kind in _COMPARISONS},
    **{kind: logical(kind) for kind in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT")},
    "REDUCE_ALL": reduce_all,
    "SELECT_V2": select,
    "CAST": cast,
    "FILL": fill,
    "ZEROS_LIKE": zeros_like,
    **{f"{kind} int32": pair(kind, INT32, _FUSED.get(kind)) for kind in _PAIRS},
    **{
        f"{kind} float32": pair(kind, FLOAT, _FUSED.get(kind))
        for kind in (*_PAIRS, "FLOOR_DIV", "FLOOR_MOD")
    },
    **{f"{kind} int32": comparison(kind, INT32) for kind in _COMPARISONS},
    **{f"{kind} float32": comparison(kind, FLOAT) for kind in _COMPARISONS},
    **{f"{kind} float32": function(kind) for kind in _FUNCTIONS},
    **{
        f"{kind} float32": reduction_f32(kind)
        for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
    },
    **{f"{kind} float32": arg_f32(kind) for kind in ("ARG_MAX", "ARG_MIN")},
    "L2_POOL_2D float32": l2_pool,
    "ADD_N float32": add_n_f32,
    "CUMSUM float32": cumsum(FLOAT),
    "PRELU float32": prelu_f32,
}


def gelu(b: Builder, pick: Pick) -> Ends:
    source = activation(b, (2, 128), pick)
    own = b.tensors[source].scale[0]
    result = b.activation((2, 128), near(own, pick), zero_point(pick))
    b.operator("GELU", [source], [result], "GeluOptions", Approximate=bool(pick(0, 1)))
    return source, result


# TFLM has no kernel for it.
AGAINST_LITERT: dict[str, Make] = {"GELU": gelu}


def chain(b: Builder, source: int) -> int:
    """Add layers that call every kernel of these operators, and return a tensor like `source`."""
    sizes = b.shape(source)
    unit, point = b.tensors[source].scale[0], b.tensors[source].zero_point[0]

    def on(kind: str, *inputs: int, options: str = "", like_: int = source, **values: Any) -> int:
        result = like(b, like_, sizes)
        b.operator(kind, inputs, [result], options or None, **values)
        return result

    def of(dtype: Any, kind: str, *inputs: int, options: str = "", **values: Any) -> int:
        result = b.tensor(sizes, dtype=dtype)
        b.operator(kind, inputs, [result], options or None, **values)
        return result

    def bytes_like() -> int:
        return bytes_of(b, sizes, unit, point)

    now = on("ADD_N", source, bytes_like(), bytes_like(), options="AddNOptions")
    now = on("PRELU", now, bytes_of(b, sizes, 0.01, 0))
    last = b.tensor((), data=np.array(-1, np.int32))
    now = on("CUMSUM", now, last, options="CumsumOptions", Reverse=True)
    divisor = bytes_like()
    _avoid_zero(b, divisor)
    now = on("DIV", now, divisor, options="DivOptions")
    positive = b.activation(sizes, 0.02, 0)
    now = on("SQUARED_DIFFERENCE", now, bytes_like())
    now = on("RSQRT", on("RELU", now, like_=positive), like_=positive)
    row = b.activation(sizes, 1 / 128, 0)
    now = on("L2_NORMALIZATION", now, options="L2NormOptions", like_=row)
    logarithms = b.activation(sizes, 1 / 16, 127)
    now = on("LOG_SOFTMAX", now, options="LogSoftmaxOptions", like_=logarithms)
    condition = of(BOOL, "LESS", now, source)
    now = on("SELECT_V2", condition, now, source)
    whole = of(INT32, "CAST", now, options="CastOptions")
    total = of(INT32, "ADD", whole, constant(b, sizes, INT32), options="AddOptions")
    real = of(FLOAT, "CAST", of(INT32, "MINIMUM", total, whole), options="CastOptions")
    real = of(FLOAT, "ADD", of(FLOAT, "SIN", real), constant(b, sizes, FLOAT), options="AddOptions")
    real = of(FLOAT, "SOFTMAX", real, options="SoftmaxOptions", Beta=1.0)
    real = of(FLOAT, "CUMSUM", real, last, options="CumsumOptions")
    both = of(BOOL, "EQUAL", total, whole), of(BOOL, "GREATER", real, constant(b, sizes, FLOAT))
    now = on("QUANTIZE", real, options="QuantizeOptions")
    return on("SELECT_V2", of(BOOL, "LOGICAL_OR", *both), now, source)
