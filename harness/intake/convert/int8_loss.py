"""What int8 costs a network: its quality, and the error of each layer, against the float one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.model.graph import Graph, Tensor
from harness.model.metric import BETTER, SHOWN, Labelled

_HIDDEN = 18  # the input of an LSTM that is its hidden state
_POINTS = 0.01
_PART = 0.05  # of an error

WHAT_HELPS = (
    "what usually helps: more calibration data of all kinds that the device will see, "
    "quantization-aware training, or 16-bit activations (docs/models.md)"
)

_SHOWN = 3
_LEAST = 0.001  # an error that a layer adds; less is rounding that nobody notices


@dataclass(frozen=True)
class LayerLoss:
    """The error of a layer's int8 output, relative to its float values (RMS).

    The layer itself adds the part `added` to what comes with its inputs.
    """

    index: int
    kind: str
    name: str
    error: float
    added: float


def worst_layers(graph: Graph, errors: Mapping[str, float]) -> list[LayerLoss]:
    """Return the layers of `graph` that add most to the `errors` of its tensors by name."""
    losses = []
    for operator in graph.operators:
        name = graph.tensors[operator.outputs[0]].name
        if name not in errors:
            continue
        given = [
            errors[graph.tensors[index].name]
            for index in operator.inputs
            if index >= 0
            and graph.tensors[index].data is None
            and graph.tensors[index].name in errors
        ]
        error = errors[name]
        added = math.sqrt(max(0.0, error**2 - max(given, default=0.0) ** 2))
        losses.append(LayerLoss(operator.index, operator.kind, _short(name), error, added))
    losses.sort(key=lambda loss: -loss.added)
    return [loss for loss in losses[:_SHOWN] if loss.added >= _LEAST]


def loses_scale(graph: Graph) -> bool:
    """Tell whether an LSTM of `graph` has another scale at its output than in its hidden state.

    It is computed with the scale of the state, and read with that of the output.
    """
    return any(
        _quantization(graph.tensors[operator.inputs[_HIDDEN]])
        != _quantization(graph.tensors[operator.outputs[0]])
        for operator in graph.all_operators
        if operator.kind == "UNIDIRECTIONAL_SEQUENCE_LSTM"
    )


def _quantization(tensor: Tensor) -> tuple[float, int] | None:
    if tensor.scale is None or tensor.zero_point is None:
        return None
    return float(tensor.scale[0]), int(tensor.zero_point[0])


def cost(metric: Labelled, floats: float, int8: float) -> float:
    """Return what int8 costs: a difference of shares, or the part by which an error grows."""
    if BETTER[metric] == "higher":
        return floats - int8
    return (int8 - floats) / floats if floats else float(int8 > 0)


def is_high(metric: Labelled, value: float) -> bool:
    """Tell whether a `cost` deserves a warning: above one point, or 5 % of an error."""
    # A difference of two shares is not exact: 0.74 - 0.73 exceeds 0.01.
    return round(value, 9) > (_POINTS if BETTER[metric] == "higher" else _PART)


def shown_cost(metric: Labelled, value: float) -> str:
    """Return a `cost` for people: "int8 costs 1.2 points of accuracy"."""
    verb = "costs" if value >= 0 else "gains"
    if BETTER[metric] == "higher":
        return f"int8 {verb} {abs(value) * 100:.1f} points of {SHOWN[metric]}"
    way = "larger" if value >= 0 else "smaller"
    return f"with int8, the {SHOWN[metric]} is {abs(value):.1%} {way}"


def _short(name: str) -> str:
    """Return the name of the layer in what the converter calls a tensor: "conv1d/Relu"."""
    first = name.partition(";")[0]
    return "/".join(first.split("/")[-2:])[:40]
