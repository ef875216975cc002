"""Random graphs that keep a state between inferences."""

import numpy as np

from tests.support.graphs import Builder, Pick
from tests.support.operators import Ends, Make, activation, like, near, numbers, zero_point


def build(kind: str, pick: Pick) -> bytes:
    """Return the model that `MAKERS[kind]` makes of what `pick` chooses."""
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    source, result = MAKERS[kind](b, pick)
    return b.build([source], [result])


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
    ends = [numbers(b, values) for values in ((0, rows, 0), (1, rows + kept, depth), (1, 1, 1))]
    b.operator("STRIDED_SLICE", [joined, *ends], [window], "StridedSliceOptions")
    total = b.variable((1, rows, depth), near(unit, pick), zero_point(pick))
    b.operator("ADD", [total, source], [total], "AddOptions")
    ends_of = [window, total, joined, earlier]
    if pick(0, 1):
        copied = b.variable((1, rows * depth), unit, point)
        ends_of.append(copied)
        b.operator("RESHAPE", [source, numbers(b, b.shape(copied))], [copied], "ReshapeOptions")
    result = ends_of[pick(0, len(ends_of) - 1)]
    if pick(0, 1):
        flat = b.reshape(result, (1, int(np.prod(b.shape(result)))))
        result = b.dense(flat, pick(1, 5))
    return source, result


MAKERS: dict[str, Make] = {"variables": variables}
