"""Quantization that no converter writes: it is refused, or computed as TFLM does."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.golden import oracle
from harness.model.graph import Graph
from harness.model.tflite_file import parse
from tests.support.engine_host import Host, samples
from tests.support.graphs import RELU6, Builder

WHERE = "strange.tflite"
Layers = Callable[[Builder, int], int]

LAYERS: Mapping[str, Layers] = {
    "convolution": lambda b, s: b.conv_2d(s, 4, (3, 3)),
    "convolution, one scale": lambda b, s: b.conv_2d(s, 4, (3, 3), per_channel=False),
    "depthwise": lambda b, s: b.depthwise(s, 1, (3, 3)),
    "dense": lambda b, s: b.dense(b.reshape(s, (1, 60)), 4),
    "dense, a scale a row": lambda b, s: b.dense(b.reshape(s, (1, 60)), 4, per_channel=True),
    "dense, clamped": lambda b, s: b.dense(b.reshape(s, (1, 60)), 4, activation=RELU6),
    "pool": lambda b, s: b.pool("AVERAGE_POOL_2D", s, (2, 2)),
    "sum": lambda b, s: b.add(s, s),
    "softmax": lambda b, s: b.softmax(b.reshape(s, (1, 60))),
}


def times(factor: float) -> Callable[[Any], dict[str, Any]]:
    return lambda tensor: {"scale": [factor * scale for scale in tensor.scale]}


def scales(value: float) -> Callable[[Any], dict[str, Any]]:
    return lambda tensor: {"scale": [value] * len(tensor.scale)}


def first_scale(value: float) -> Callable[[Any], dict[str, Any]]:
    return lambda tensor: {"scale": [value, *tensor.scale[1:]]}


def points(value: int) -> Callable[[Any], dict[str, Any]]:
    return lambda tensor: {"zero_point": [value] * len(tensor.zero_point)}


def axis(value: int) -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"axis": value}


CHANGES: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "no scale": lambda t: {"scale": []},
    "no zero point": lambda t: {"zero_point": []},
    "one zero point more": lambda t: {"zero_point": [*t.zero_point, 0]},
    "one zero point": lambda t: {"zero_point": t.zero_point[:1]},
    "one scale": lambda t: {"scale": t.scale[:1], "zero_point": t.zero_point[:1]},
    "one scale less": lambda t: {"scale": t.scale[1:], "zero_point": t.zero_point[1:]},
    "one scale more": lambda t: {"scale": [*t.scale, 0.1], "zero_point": [*t.zero_point, 0]},
    **{f"scale {value}": scales(value) for value in (0.0, 1e-45, 1e-39, 1e-20, 1e10, 3e38)},
    **{f"first scale {value}": first_scale(value) for value in (0.0, 1e-42, 1e30)},
    **{f"scale times {factor}": times(factor) for factor in (0.001, 1.001, 2.0, 1000.0)},
    **{f"scale is {value}": scales(value) for value in (math.nan, math.inf, -0.1)},
    **{f"zero point {value}": points(value) for value in (1, -1, 127, 128, -129, 1 << 31, 1 << 32)},
    "zero point 2^32 + 5": points((1 << 32) + 5),  # TFLM cuts it to 5
    **{f"axis {value}": axis(value) for value in (1, 3, -1, 7)},
}


def changed(layers: Layers, index: int | None, change: Callable[[Any], dict[str, Any]]) -> bytes:
    """Return a model of `layers` with tensor `index` changed."""
    b = Builder()
    source = b.activation((1, 5, 4, 3), 0.05, -3)
    result = layers(b, source)
    if index is not None:
        b.tensors[index] = dataclasses.replace(b.tensors[index], **change(b.tensors[index]))
    return b.build([source], [result])


def tensors(layers: Layers) -> list[int]:
    """Return the tensors of `layers` that are quantized."""
    graph = parse(changed(layers, None, lambda _: {}), where=WHERE)
    return [tensor.index for tensor in graph.tensors if tensor.scale is not None]


def accepted(data: bytes, folder: Path) -> Graph | None:
    """Return the graph if the engine generates code for it; None if it is refused by name."""
    try:
        graph = parse(data, where=WHERE)
        find_engine("cmsis-nn").generate(graph, folder, core="host")
    except InputError as error:
        assert error.where == WHERE  # noqa: PT017
        return None
    return graph


@pytest.mark.parametrize("name", LAYERS)
def test_what_is_accepted_is_computed_as_tflm_does(name: str, host: Host, tmp_path: Path) -> None:
    layers = LAYERS[name]
    kept: dict[str, bytes] = {}
    for index in tensors(layers):
        for title, change in CHANGES.items():
            data = changed(layers, index, change)
            graph = accepted(data, tmp_path)
            if graph is None:
                continue
            kept[f"tensor {index}, {title}"] = data
    host.check_all(kept)
    assert len(kept) > 5


@pytest.mark.parametrize("name", LAYERS)
def test_scales_without_zero_points_are_refused(name: str) -> None:
    """TFLM ignores such scales, and computes with others than the file seems to state."""
    for index in tensors(LAYERS[name]):
        data = changed(LAYERS[name], index, CHANGES["no zero point"])
        with pytest.raises(InputError, match=r"has \d+ scales? but 0 zero points"):
            parse(data, where=WHERE)


@pytest.mark.parametrize("value", [128, -129, 1 << 31, 1 << 32, -(1 << 40)])
def test_a_zero_point_out_of_the_type_is_refused(value: int) -> None:
    for index in (0, 1):  # an activation, and weights
        data = changed(LAYERS["convolution"], index, points(value))
        with pytest.raises(InputError, match=f"zero point {value}, which int8 cannot hold"):
            parse(data, where=WHERE)


def test_a_bias_with_another_scale_than_the_sums_is_refused_as_by_tflm(tmp_path: Path) -> None:
    bias = 5  # the last tensor
    layers = LAYERS["dense"]
    data = changed(layers, bias, times(1000.0))
    graph = parse(data, where=WHERE)
    assert graph.tensors[bias].dtype == np.int32
    with pytest.raises(InputError, match="the bias has scale"):
        find_engine("cmsis-nn").generate(graph, tmp_path, core="host")
    with pytest.raises(InputError, match="cannot run it"):
        oracle.answers(data, [samples(graph)[:1]], where=WHERE)


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_a_scale_beyond_what_tflm_shifts_is_refused(kind: str, host: Host, tmp_path: Path) -> None:
    def layers(b: Builder, source: int, scale: float = 0.05) -> int:
        b.tensors[source] = dataclasses.replace(b.tensors[source], scale=[scale])
        result = b.activation((1, 5, 4, 3), 1 / 256 if kind == "LOGISTIC" else 1 / 128, 0)
        if kind == "LOGISTIC":
            b.tensors[result] = dataclasses.replace(b.tensors[result], zero_point=[-128])
        b.operator(kind, [source], [result])
        return result

    def model(scale: float) -> bytes:
        return changed(partial(layers, scale=scale), None, lambda _: {})

    host.check_all({f"{scale:g}": model(scale) for scale in (1e-3, 1.0, 1e6, 1e10)})
    graph = parse(model(3e38), where=WHERE)
    with pytest.raises(InputError, match=r"the input's scale 3e\+38 is too large"):
        find_engine("cmsis-nn").generate(graph, tmp_path, core="host")
