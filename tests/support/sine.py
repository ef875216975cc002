"""TensorFlow's first example, a sine: one int8 number in, one out, three dense layers.

Its weights are computed, not trained: each unit of the first layer bends the line once.
"""

from typing import Any

import numpy as np

from tests.support.graphs import NONE, RELU, Builder

Array = np.ndarray[Any, Any]

UNITS = 16
PERIOD = 2 * np.pi


def sine() -> bytes:
    """Return the network; it takes 0 to 2π and answers about -1 to 1."""
    bends = np.linspace(0, PERIOD, UNITS, endpoint=False)
    ends = np.sin(np.append(bends, PERIOD))
    slopes = np.diff(ends) / (PERIOD / UNITS)
    b = Builder()
    source = b.activation((1, 1), PERIOD / 255, -128)
    now = _dense(b, source, np.ones((UNITS, 1)), -bends, RELU, PERIOD)
    now = _dense(b, now, np.eye(UNITS), np.zeros(UNITS), RELU, PERIOD)
    bend = np.diff(slopes, prepend=0)[np.newaxis]
    result = _dense(b, now, bend, np.zeros(1), NONE, 2.2)
    return b.build([source], [result])


def angles(count: int) -> Array:
    """Return `count` inputs, float32 [N, 1]."""
    return np.linspace(0, PERIOD, count, dtype=np.float32)[:, np.newaxis]


def _dense(
    b: Builder, source: int, weights: Array, bias: Array, activation: int, span: float
) -> int:
    """Add a layer of real `weights`, whose outputs have a range of `span`; return its output."""
    scale = float(np.abs(weights).max() / 127)
    product = scale * b.tensors[source].scale[0]
    stored = np.round(weights / scale).astype(np.int8)
    operands = [
        source,
        b.tensor(weights.shape, scale=scale, zero_point=0, data=stored),
        b.tensor(
            bias.shape,
            scale=product,
            zero_point=0,
            data=np.round(bias / product).astype(np.int32),
        ),
    ]
    result = b.activation((1, len(weights)), span / 255, -128 if activation == RELU else 0)
    b.operator(
        "FULLY_CONNECTED",
        operands,
        [result],
        "FullyConnectedOptions",
        FusedActivationFunction=activation,
    )
    return result
