"""Random graphs of SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM, which keep a state."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tests.support.graphs import NONE, RELU, SIGN_BIT, TANH, TENSOR_TYPES, Builder, Pick, from_rng
from tests.support.operator_parts import activation, near, zero_point

# A graph, built: its inputs and its outputs.
Ends = tuple[list[int], list[int]]


def build(kind: str, pick: Pick) -> bytes:
    """Return the model that `MAKERS[kind]` makes of what `pick` chooses."""
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    return b.build(*MAKERS[kind](b, pick))


def svdf(b: Builder, pick: Pick) -> Ends:
    """One or two layers; the state is int8 or int16."""
    source = now = activation(b, (pick(1, 3), pick(1, 9)), pick)
    for _ in range(pick(1, 2)):
        now = svdf_layer(b, now, pick)
    return [source], [now]


class Svdf(NamedTuple):
    """The sizes of a layer."""

    units: int
    rank: int
    memory: int


def svdf_layer(
    b: Builder, source: int, pick: Pick, kind: Any = None, sizes: Svdf | None = None
) -> int:
    """Add a layer; its state has type `kind`, or any."""
    batches, inputs = b.shape(source)
    units, rank, memory = sizes or (pick(1, 6), pick(1, 3), pick(1, 8))
    filters = b.weights((units * rank, inputs), None)
    kind = kind or (np.int8, np.int16)[pick(0, 1)]
    spread = b.suitable(source, filters, inputs)
    unit = near(spread, pick) if kind is np.int8 else near(spread / 256, pick)
    point = zero_point(pick) if kind is np.int8 or pick(0, 3) == 0 else 0
    state = b.variable((batches, units * rank * memory), unit, point, kind)
    # TFLM compares the scale of the bias with the product of those of state and weights.
    over_time = constant(b, (units * rank, memory), kind, 0.001 * pick(1, 9) / max(unit, 1))
    product = float(np.float32(b.tensors[over_time].scale[0]) * np.float32(unit))
    bias = b.tensor(
        (units,),
        scale=product,
        zero_point=0,
        data=b.rng.integers(-30000, 30000, units).astype(np.int32),
    )
    most = float(np.iinfo(kind).max)
    scale = near(product * most**2 / 250 * np.sqrt(rank * memory), pick)
    result = b.activation((batches, units), scale, zero_point(pick))
    b.operator(
        "SVDF",
        [source, filters, over_time, bias, state],
        [result],
        "SVDFOptions",
        Rank=rank,
        FusedActivationFunction=(NONE, RELU)[pick(0, 1)],
    )
    return result


def constant(b: Builder, sizes: Sequence[int], kind: Any, scale: float) -> int:
    """Add symmetric constant weights of type `kind`."""
    most = np.iinfo(kind).max
    data = b.rng.integers(-most, most, sizes, kind, endpoint=True)
    return b.tensor(sizes, scale=float(np.float32(scale)), zero_point=0, data=data)


def lstm(b: Builder, pick: Pick, dtype: Any = np.int8) -> Ends:
    """One or two layers over several steps, batch or time first."""
    source = now = activation(b, (pick(1, 3), pick(1, 4), pick(1, 6)), pick)
    b.tensors[source].scale = [0.002 * pick(1, 30)]
    if dtype == np.int16:
        point = pick(-9000, 9000) if pick(0, 3) == 0 else 0
        now = b.tensor(b.shape(source), scale=1e-5 * pick(1, 30), zero_point=point, dtype=dtype)
        source = now
    for _ in range(pick(1, 2)):
        now = lstm_layer(b, now, pick(1, 6), pick, time_major=bool(pick(0, 1)))
    return [source], [now]


def lstm_layer(b: Builder, source: int, units: int, pick: Pick, *, time_major: bool) -> int:
    first, second, inputs = b.shape(source)
    batches = second if time_major else first
    dtype = np.int16 if b.tensors[source].dtype == TENSOR_TYPES[np.dtype(np.int16)] else np.int8
    unit, point = near(1 / 128, pick), zero_point(pick)
    unit = unit / 256 if dtype == np.int16 else unit
    hidden = b.variable((batches, units), unit, point, dtype)
    cell_scale = 2.0 ** -pick(8, 16) * (1, 1, 1.3, 0.8)[pick(0, 3)]
    cell = b.variable((batches, units), float(np.float32(cell_scale)), 0, np.int16)
    of_input = [gate(b, (units, inputs), source, pick) for _ in range(4)]
    of_hidden = [gate(b, (units, units), hidden, pick) for _ in range(4)]
    biases = [b.bias(units, source, weights) for weights in of_input]
    if dtype == np.int16:
        for index in biases:
            widen(b, index)
    tensor = b.tensors[hidden]
    result = b.tensor(
        (first, second, units), scale=tensor.scale, zero_point=tensor.zero_point, dtype=dtype
    )
    b.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        lstm_inputs(source, of_input, of_hidden, biases, (hidden, cell)),
        [result],
        "UnidirectionalSequenceLSTMOptions",
        FusedActivationFunction=TANH,
        CellClip=(0.0, 0.0, 0.1 * pick(1, 40))[pick(0, 2)],
        TimeMajor=time_major,
    )
    return result


def widen(b: Builder, index: int) -> None:
    """Make a bias of int32 one of int64, 256 times as large."""
    tensor = b.tensors[index]
    values = np.frombuffer(b.buffers[tensor.buffer], np.int32).astype(np.int64) * 256
    b.buffers[tensor.buffer] = values.tobytes()
    tensor.dtype = TENSOR_TYPES[np.dtype(np.int64)]


def gate(b: Builder, sizes: tuple[int, int], weighs: int, pick: Pick) -> int:
    """Add the weights of a gate; their scale lets the gate's sums go through the whole range."""
    result = 2.0**-12
    of_int16 = b.tensors[weighs].dtype == TENSOR_TYPES[np.dtype(np.int16)]
    most = 5000 * (256 if of_int16 else 1)
    sums = b.tensors[weighs].scale[0] * most * np.sqrt(sizes[1])
    return constant(b, sizes, np.int8, near(result * 32768 / sums / 2 ** pick(0, 4), pick))


def lstm_inputs(
    source: int,
    of_input: Sequence[int],
    of_hidden: Sequence[int],
    biases: Sequence[int],
    state: tuple[int, int],
) -> list[int]:
    """Return the inputs of the operator; no peephole, projection or layer norm."""
    no = [-1]
    return [source, *of_input, *of_hidden, *no * 3, *biases, *no * 2, *state, *no * 4]


def reals(b: Builder, sizes: Sequence[int], size: float) -> int:
    """Add constant weights of float32 of about `size`."""
    return b.tensor(sizes, data=(b.rng.normal(0, size, sizes)).astype(np.float32))


def kept(b: Builder, sizes: Sequence[int]) -> int:
    """Add a state of float32."""
    index = b.tensor(sizes, dtype=np.float32)
    b.tensors[index].variable = True
    return index


def svdf_f32(b: Builder, pick: Pick) -> Ends:
    """One or two layers."""
    source = now = b.tensor((pick(1, 3), pick(1, 9)), dtype=np.float32)
    for _ in range(pick(1, 2)):
        now = svdf_layer_f32(b, now, pick, (*range(4), SIGN_BIT)[pick(0, 4)])
    return [source], [now]


def svdf_layer_f32(b: Builder, source: int, pick: Pick, activation_: int) -> int:
    batches, inputs = b.shape(source)
    units, rank, memory = pick(1, 6), pick(1, 3), pick(1, 8)
    filters = units * rank
    given = [
        source,
        reals(b, (filters, inputs), 0.3),
        reals(b, (filters, memory), 0.3),
        reals(b, (units,), 1),
        kept(b, (batches, filters * memory)),
    ]
    result = b.tensor((batches, units), dtype=np.float32)
    values = {"Rank": rank, "FusedActivationFunction": activation_}
    b.operator("SVDF", given, [result], "SVDFOptions", **values)
    return result


def svdf_tanh(b: Builder, pick: Pick) -> Ends:
    """One layer with a fused TANH, of the C library."""
    source = b.tensor((pick(1, 3), pick(1, 9)), dtype=np.float32)
    return [source], [svdf_layer_f32(b, source, pick, TANH)]


def lstm_f32(b: Builder, pick: Pick) -> Ends:
    """One or two layers over several steps, batch or time first."""
    source = now = b.tensor((pick(1, 3), pick(1, 4), pick(1, 6)), dtype=np.float32)
    for _ in range(pick(1, 2)):
        now = lstm_layer_f32(b, now, pick(1, 6), pick)
    return [source], [now]


def lstm_layer_f32(b: Builder, source: int, units: int, pick: Pick) -> int:
    first, second, inputs = b.shape(source)
    time_major = bool(pick(0, 1))
    batches = second if time_major else first
    size = (0.05, 0.3, 1.0)[pick(0, 2)]
    of_input = [reals(b, (units, inputs), size) for _ in range(4)]
    of_hidden = [reals(b, (units, units), 0.5) for _ in range(4)]
    biases = [reals(b, (units,), 0.5) for _ in range(4)]
    state = (kept(b, (batches, units)), kept(b, (batches, units)))
    result = b.tensor((first, second, units), dtype=np.float32)
    b.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        lstm_inputs(source, of_input, of_hidden, biases, state),
        [result],
        "UnidirectionalSequenceLSTMOptions",
        FusedActivationFunction=TANH,
        CellClip=(0.0, 0.0, 0.1 * pick(1, 40))[pick(0, 2)],
        TimeMajor=time_major,
    )
    return result


def chain(b: Builder, source: int) -> int:
    """Add layers that run every kernel with a state, and an end of such networks, for a core."""
    pick = from_rng(np.random.default_rng(4))
    now = b.reshape(source, (1, 2, b.shape(source)[-1] // 2))
    now = lstm_layer(b, now, 5, pick, time_major=False)
    now = b.reshape(now, (1, 10))
    now = svdf_layer(b, svdf_layer(b, now, pick, np.int8), pick, np.int16)
    wide = b.tensor(b.shape(now), scale=1 / 65536, zero_point=-32768, dtype=np.int16)
    beta = 0.02 / b.tensors[now].scale[0]
    b.operator("SOFTMAX", [now], [wide], "SoftmaxOptions", Beta=beta)
    result = b.activation(b.shape(now), 1 / 256, -128)
    b.operator("QUANTIZE", [wide], [result], "QuantizeOptions")
    return result


MAKERS: dict[str, Callable[[Builder, Pick], Ends]] = {
    "SVDF": svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm,
    "UNIDIRECTIONAL_SEQUENCE_LSTM, int16": partial(lstm, dtype=np.int16),
    "SVDF, float32": svdf_f32,
    "SVDF with TANH, float32": svdf_tanh,
    "UNIDIRECTIONAL_SEQUENCE_LSTM, float32": lstm_f32,
}

# TFLM calls tanh and exp of the C library here, whose last bits differ; relative and absolute.
TOLERANCES: Mapping[str, tuple[float, float]] = {
    "SVDF with TANH, float32": (2.5e-7, 0.0),
    "UNIDIRECTIONAL_SEQUENCE_LSTM, float32": (0.0, 1e-6),
}
