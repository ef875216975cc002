"""SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM, in the engine's C on this machine, against TFLM.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engines.refusal import NetworkRefusedError
from harness.engines.registry import find_engine
from harness.golden import tflm_kernels
from harness.model.tflite_file import parse
from tests.support import campaign, operators_recurrent
from tests.support.engine_host import Host, infer, samples
from tests.support.graphs import RELU, Builder, from_rng

EXACT = (0.0, 0.0)


@pytest.mark.timeout(campaign.TIMEOUT)
@pytest.mark.parametrize("kind", operators_recurrent.MAKERS)
def test_any_recurrent_graph_equals_tflm(host: Host, kind: str) -> None:
    tolerance = operators_recurrent.TOLERANCES.get(kind, EXACT)
    campaign.check(host, kind, operators_recurrent.build, tolerance)


STARTS = (True, False, True, True, False, False)


@pytest.mark.parametrize("kind", operators_recurrent.MAKERS)
def test_a_sequence_with_resets_equals_tflm(host: Host, kind: str) -> None:
    model = operators_recurrent.build(kind, from_rng(np.random.default_rng(4)))
    inputs = samples(parse(model, where="recurrent"))
    library, rows = host.load(model), []
    for values, begins in zip(inputs, STARTS, strict=True):
        assert not begins or library.nn_reset() == 0
        rows.append(infer(library, values[None], start=False))
    (wanted,) = tflm_kernels.compute(model, [inputs], [], STARTS)
    found = np.concatenate(rows)
    relative, absolute = operators_recurrent.TOLERANCES.get(kind, EXACT)
    if relative or absolute:
        numbers = found.view(wanted.dtype).reshape(wanted.shape)
        np.testing.assert_allclose(numbers, wanted, rtol=relative, atol=absolute)
    else:
        assert found.tobytes() == wanted.tobytes()
    (kept,) = tflm_kernels.compute(model, [inputs], [])
    assert kept.tobytes() != wanted.tobytes(), "a reset should make a difference"


# What TFLM does not take. A change gets the file's tensors, and the operator's inputs and options.
Change = Callable[[Builder, list[int], dict[str, Any]], None]
FLOAT, INT8, INT16 = 0, 9, 7  # TensorType


def tensor(position: int, **fields: Any) -> Change:
    """Change the fields of the tensor that is input `position`."""

    def change(b: Builder, inputs: list[int], _: dict[str, Any]) -> None:
        b.tensors[inputs[position]] = replace(b.tensors[inputs[position]], **fields)

    return change


def given(position: int, other: int) -> Change:
    """Give what is input `other` as input `position`, too; -1 for nothing."""

    def change(_: Builder, inputs: list[int], __: dict[str, Any]) -> None:
        inputs[position] = -1 if other < 0 else inputs[other]

    return change


def constant(position: int, *sizes: int, dtype: Any = np.int8) -> Change:
    """Give another constant as input `position`."""

    def change(b: Builder, inputs: list[int], _: dict[str, Any]) -> None:
        quantized: dict[str, Any] = {"scale": 0.1, "zero_point": 0} if dtype is np.int8 else {}
        inputs[position] = b.tensor(sizes, data=np.ones(sizes, dtype), **quantized)

    return change


def options(**values: Any) -> Change:
    return lambda _, __, own: own.update(values)


def one_input_less(_: Builder, inputs: list[int], __: dict[str, Any]) -> None:
    inputs.pop()


LSTM: dict[str, Change] = {
    "has 23 inputs": one_input_less,
    "has a peephole, which TFLM does not compute": given(10, 1),
    "has a projection, which TFLM does not compute": given(16, 1),
    "has layer norm, which TFLM does not compute": given(22, 1),
    "has no input gate (CIFG)": given(1, -1),
    "has the activation RELU; TFLM computes TANH": options(FusedActivationFunction=RELU),
    "there is no bias of the cell gate": given(14, -1),
    "the hidden state is not a variable tensor": given(18, 0),
    "the cell state: type int8; TFLM's kernel takes int16": tensor(19, dtype=INT8),
    "the cell state has shape 1x3": tensor(19, shape=(1, 3)),
    "the hidden state has shape 1x3, not 1x4": tensor(18, shape=(1, 3)),
    "the weights of the input gate have a zero point": tensor(1, zero_point=[3]),
    "the weights of the output gate: TFLM's kernel takes one scale": tensor(
        4, scale=[0.01] * 4, zero_point=[0] * 4
    ),
    "the weights' tensor of the cell gate has shape 3x4, not 4x3": tensor(3, shape=(3, 4)),
    "the weights of the forget gate are not constant": given(6, 0),
    "the output has type int8, but the layer computes with float32": tensor(0, dtype=FLOAT),
    "the cell's scale 16 is too large": tensor(19, scale=[16.0]),
}
SVDF: dict[str, Change] = {
    "has 4 inputs": one_input_less,
    "there is no bias; TFLM's kernel needs one": given(3, -1),
    "has 6 filters of rank 4": options(Rank=4),
    "has 6 filters of rank 0": options(Rank=0),
    "the state is not a variable tensor": given(4, 0),
    "the state: type int16; TFLM's kernel takes int8": tensor(4, dtype=INT16),
    "the filters have a zero point": tensor(1, zero_point=[1]),
    "the bias has scale 3, but state and weights give": tensor(3, scale=[3.0]),
    "the state has shape 1x6, not 1x12": tensor(4, shape=(1, 6)),
}


# Of float32, with the types that the converter gives to dynamic range first.
LSTM_F32: dict[str, Change] = {
    "the weights of the input gate: type int8; TFLM's kernel takes float32": constant(1, 4, 3),
    "the bias has 3 values for 4 channels": constant(12, 3, dtype=np.float32),
    "there is no bias of the cell gate": given(14, -1),
    "the hidden state: type int8; TFLM's kernel takes float32": tensor(18, dtype=INT8),
}
SVDF_F32: dict[str, Change] = {
    "the filters: type int8; TFLM's kernel takes float32": constant(1, 1, 1),
    "the bias has type int8, but the layer computes with float32": constant(3, 1),
    "the bias is not constant": given(3, 0),
    "the state is not a variable tensor": given(4, 0),
}


@pytest.mark.parametrize(
    ("kind", "what", "change"),
    [
        *(("lstm", *item) for item in LSTM.items()),
        *(("svdf", *item) for item in SVDF.items()),
        *(("lstm, float32", *item) for item in LSTM_F32.items()),
        *(("svdf, float32", *item) for item in SVDF_F32.items()),
    ],
)
def test_what_tflm_refuses_is_refused_with_the_reason(
    kind: str, what: str, change: Change, tmp_path: Path
) -> None:
    b = Builder()
    fixed = from_rng(np.random.default_rng(1))
    if kind == "lstm":
        source = b.activation((1, 2, 3), 0.05, 3)
        result = operators_recurrent.lstm_layer(b, source, 4, fixed, time_major=False)
    elif kind == "lstm, float32":
        source = b.tensor((2, 2, 3), dtype=np.float32)
        result = operators_recurrent.lstm_layer_f32(b, source, 4, fixed)
    elif kind == "svdf, float32":
        source = b.tensor((1, 1), dtype=np.float32)
        result = operators_recurrent.svdf_layer_f32(b, source, lambda low, _: low, RELU)
    else:
        source = b.activation((1, 3), 0.05, 3)
        sizes = operators_recurrent.Svdf(units=3, rank=2, memory=2)
        result = operators_recurrent.svdf_layer(b, source, fixed, np.int8, sizes)
    name, before, *_, values = b.operators[0]
    inputs = list(before)
    b.operators[0] = (name, inputs, *b.operators[0][2:])
    change(b, inputs, values)
    graph = parse(b.build([source], [result]), where="models/bad.tflite")
    with pytest.raises(NetworkRefusedError) as caught:
        find_engine("cmsis-nn").generate(graph, tmp_path, core="cortex-m4f")
    assert what in caught.value.layers[0]
    assert caught.value.remedy
