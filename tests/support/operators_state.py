"""Random graphs with a state between inferences, and with subgraphs."""

from collections.abc import Sequence

import numpy as np

from harness.model.graph import RESOURCE
from tests.support.graphs import Builder, Pick
from tests.support.operator_parts import activation, bytes_of, like, near, numbers, zero_point

# A graph, built: its inputs and its outputs.
Ends = tuple[list[int], list[int]]


def build(kind: str, pick: Pick) -> bytes:
    """Return the model that `MAKERS[kind]` makes of what `pick` chooses."""
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    return b.build(*MAKERS[kind](b, pick))


def variables(b: Builder, pick: Pick) -> Ends:
    """Variables that are a sliding window, a sum, a copy, and perhaps an output of the model."""
    rows, depth = pick(1, 4), pick(1, 6)
    source = activation(b, (1, rows, depth), pick)
    unit, point = b.tensors[source].scale[0], b.tensors[source].zero_point[0]
    kept = pick(1, 5)
    window = b.variable((1, kept, depth), unit, point)
    joined = like(b, source, (1, kept + rows, depth))
    b.operator("CONCATENATION", [window, source], [joined], "ConcatenationOptions", Axis=1)
    # A value of before: read now, while a later operator writes the variable.
    earlier = like(b, source, (1, depth, kept))
    b.operator("RESHAPE", [window, numbers(b, (1, depth, kept))], [earlier], "ReshapeOptions")
    newest(b, joined, rows, window)
    total = b.variable((1, rows, depth), near(unit, pick), zero_point(pick))
    b.operator("ADD", [total, source], [total], "AddOptions")
    ends = [window, total, joined, earlier]
    if pick(0, 1):
        copied = b.variable((1, rows * depth), unit, point)
        ends.append(copied)
        b.operator("RESHAPE", [source, numbers(b, b.shape(copied))], [copied], "ReshapeOptions")
    return [source], [headed(b, ends[pick(0, len(ends) - 1)], pick)]


def newest(b: Builder, joined: int, rows: int, target: int) -> None:
    """Write all but the first `rows` rows of `joined` to `target`."""
    _, total, depth = b.shape(joined)
    ends = [numbers(b, values) for values in ((0, rows, 0), (1, total, depth), (1, 1, 1))]
    b.operator("STRIDED_SLICE", [joined, *ends], [target], "StridedSliceOptions")


def headed(b: Builder, now: int, pick: Pick) -> int:
    """Return `now`, or a dense layer on it."""
    if pick(0, 1):
        return now
    return b.dense(b.reshape(now, (1, int(np.prod(b.shape(now))))), pick(1, 5))


# Resource variables


def handle(b: Builder, name: str) -> int:
    """Add VAR_HANDLE for the variable `name`."""
    tensor = b.tensor((), dtype=RESOURCE)
    b.operator("VAR_HANDLE", [], [tensor], "VarHandleOptions", Container="", SharedName=name)
    return tensor


def read(b: Builder, variable: int, sample: int, sizes: Sequence[int]) -> int:
    """Add READ_VARIABLE of a handle; its value has `sizes`, and is quantized as `sample`."""
    value = like(b, sample, sizes)
    b.operator("READ_VARIABLE", [variable], [value], "ReadVariableOptions")
    return value


def assign(b: Builder, variable: int, value: int) -> None:
    b.operator("ASSIGN_VARIABLE", [variable, value], [], "AssignVariableOptions")


def streaming(b: Builder, pick: Pick) -> Ends:
    """One to three streaming layers: each joins the input with the rows before it."""
    rows, depth = pick(1, 3), pick(1, 5)
    source = now = activation(b, (1, rows, depth), pick)
    layers = [(f"ring{index}", pick(1, 4)) for index in range(pick(1, 3))]
    number, once = b.part()
    initialized = pick(0, 3) > 0
    if initialized:
        b.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=number)
    handles = [handle(b, name) for name, _ in layers]
    for (name, kept), own in zip(layers, handles, strict=True):
        sizes = (1, kept, depth)
        before = read(b, own, source, sizes)
        if pick(0, 2) == 0:
            before = b.reshape(b.reshape(before, (kept, depth)), sizes)
        joined = like(b, source, (1, kept + rows, depth))
        b.operator("CONCATENATION", [before, now], [joined], "ConcatenationOptions", Axis=1)
        after = like(b, source, sizes)
        newest(b, joined, rows, after)
        assign(b, own, after)
        point, unit = b.tensors[source].zero_point[0], b.tensors[source].scale[0]
        values = bytes_of(once, sizes, unit, point)
        if pick(0, 1):
            once.buffers[once.tensors[values].buffer] = bytes([pick(0, 255)]) * (kept * depth)
        assign(once, handle(once, name), values)
        now = like(b, source, (1, rows, depth))
        kind = ("MAXIMUM", "MINIMUM")[pick(0, 1)]
        part = before if kept == rows and pick(0, 1) else bytes_of(b, (1, 1, depth), unit, point)
        sample = like(b, source, (1, rows, depth))
        ends = [numbers(b, values) for values in ((0, 0, 0), (1, rows, depth), (1, 1, 1))]
        b.operator("STRIDED_SLICE", [joined, *ends], [sample], "StridedSliceOptions")
        b.operator(kind, [sample, part], [now], "MaximumMinimumOptions")
    if not initialized:
        b.parts.remove(once)
    return [source], [headed(b, (now, joined, before)[pick(0, 2)], pick)]


# Subgraphs


def flags(b: Builder, count: int) -> list[int]:
    return [b.tensor((1,), dtype=np.bool_) for _ in range(count)]


def layer(b: Builder, now: int, pick: Pick) -> int:
    """Add a layer with the shape and quantization of `now`, some of them in place."""
    sizes = b.shape(now)
    result = like(b, now, sizes)
    kind = pick(0, 3)
    tensor = b.tensors[now]
    if kind == 0:
        b.operator("RELU", [now], [result])
    elif kind == 1:
        other = bytes_of(b, sizes, tensor.scale[0], tensor.zero_point[0])
        b.operator("ADD", [now, other], [result], "AddOptions")
    elif kind == 2:
        turned = like(b, now, (sizes[0], sizes[2], sizes[1]))
        b.operator("TRANSPOSE", [now, numbers(b, (0, 2, 1))], [turned])
        return b.reshape(turned, sizes)
    else:
        other = bytes_of(b, (sizes[-1],), tensor.scale[0], tensor.zero_point[0])
        b.operator("SUB", [other, now], [result], "SubOptions")
    return result


def body(b: Builder, sample: int, pick: Pick, deep: int) -> int:
    """Add a subgraph of layers: inputs are some flags and data like `sample`, the output is data.

    `deep` more subgraphs may be within.
    """
    number, part = b.part()
    given = flags(part, FLAGS)
    source = now = like_other(b, sample, part)
    for _ in range(pick(0, 2)):
        now = layer(part, now, pick)
    if deep and pick(0, 1):
        now = (branches, loop)[pick(0, 1)](part, given, now, pick, deep - 1)
    if pick(0, 3) == 0:
        tensor = part.tensors[now]
        now = bytes_of(part, part.shape(now), tensor.scale[0], tensor.zero_point[0])
    part.ends = ([*given, source], [now])
    return number


def like_other(b: Builder, sample: int, part: Builder) -> int:
    """Add a tensor to `part` that is as `sample` of `b`."""
    tensor = b.tensors[sample]
    return part.activation(tensor.shape, tensor.scale[0], tensor.zero_point[0])


def branches(b: Builder, given: Sequence[int], now: int, pick: Pick, deep: int = 1) -> int:
    """Add IF on one of the flags `given`."""
    first = body(b, now, pick, deep)
    second = first if pick(0, 5) == 0 else body(b, now, pick, deep)
    result = like(b, now, b.shape(now))
    values = {"ThenSubgraphIndex": first, "ElseSubgraphIndex": second}
    b.operator("IF", [given[pick(0, FLAGS - 1)], *given, now], [result], "IfOptions", **values)
    return result


def loop(b: Builder, given: Sequence[int], now: int, pick: Pick, deep: int = 1) -> int:
    """Add WHILE with as many passes as there are leading flags."""
    inner = body(b, now, pick, deep)
    condition, part = b.part()
    inputs = [*flags(part, FLAGS), like_other(b, now, part)]
    part.ends = (inputs, inputs[:1])
    number, part = b.part()
    inputs = [*flags(part, FLAGS), like_other(b, now, part)]
    over = part.tensor((1,), data=np.array([False]))
    result = like(part, inputs[-1], part.shape(inputs[-1]))
    values = {"ThenSubgraphIndex": inner, "ElseSubgraphIndex": inner}
    part.operator("IF", [inputs[pick(0, 1)], *inputs], [result], "IfOptions", **values)
    part.ends = (inputs, [*inputs[1:FLAGS], over, result])
    outputs = [*flags(b, FLAGS), like(b, now, b.shape(now))]
    values = {"CondSubgraphIndex": condition, "BodySubgraphIndex": number}
    b.operator("WHILE", [*given, now], outputs, "WhileOptions", **values)
    return outputs[-1]


def control_flow(b: Builder, pick: Pick) -> Ends:
    """Layers, branches and loops, some in others; what is needed after them must survive them."""
    source = now = activation(b, (1, pick(1, 4), pick(1, 5)), pick)
    given = flags(b, FLAGS)
    made = [now]
    for _ in range(pick(1, 3)):
        now = (layer(b, now, pick), branches(b, given, now, pick), loop(b, given, now, pick))[
            pick(0, 2)
        ]
        made.append(now)
    kept = made[pick(0, len(made) - 1)]
    result = like(b, now, b.shape(now))
    b.operator("MAXIMUM", [kept, now], [result], "MaximumMinimumOptions")
    return [source, *given], [result]


FLAGS = 3
MAKERS = {"variables": variables, "streaming": streaming, "control flow": control_flow}
