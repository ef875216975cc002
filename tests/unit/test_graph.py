"""Reading .tflite files: what is in them, and that nothing in them can break the reader."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.model.graph import Graph
from harness.model.operator_options import (
    Activation,
    Conv2DOptions,
    Padding,
)
from harness.model.tflite_file import parse
from tests.support import graphs
from tests.support.graphs import Builder

SHARED = Path(__file__).parents[3] / "shared" / "mlperf-tiny" / "models"


def small() -> bytes:
    """Return a model with a convolution, pooling, a reshape, a dense layer and softmax."""
    b = Builder()
    source = b.activation((1, 6, 5, 3), 0.02, -4)
    now = b.conv_2d(source, 4, (3, 3), stride=(2, 1), activation=graphs.RELU6)
    now = b.pool("MAX_POOL_2D", now, (2, 2))
    now = b.reshape(now, (1, int(np.prod(b.shape(now)))))
    now = b.softmax(b.dense(now, 3))
    return b.build([source], [now])


def test_a_graph_holds_what_the_file_says() -> None:
    graph = parse(small(), where="models/small/model.tflite")
    assert [operator.kind for operator in graph.operators] == [
        "CONV_2D",
        "MAX_POOL_2D",
        "RESHAPE",
        "FULLY_CONNECTED",
        "SOFTMAX",
    ]
    conv = graph.operators[0]
    assert conv.options == Conv2DOptions(Padding.SAME, 1, 2, Activation.RELU6, 1, 1, 0)
    source = graph.tensors[graph.inputs[0]]
    assert source.shape == (1, 6, 5, 3)
    assert source.dtype == np.int8
    assert source.data is None
    assert source.scale is not None
    assert source.zero_point is not None
    assert source.scale.tolist() == [np.float32(0.02)]
    assert source.zero_point.tolist() == [-4]
    weights = graph.tensors[conv.inputs[1]]
    assert weights.shape == (4, 3, 3, 3)
    assert weights.data is not None
    assert weights.data.shape == weights.shape
    assert weights.scale is not None
    assert (weights.scale.size, weights.quantized_axis) == (4, 0)
    assert graph.tensors[graph.outputs[0]].nbytes == 3


@pytest.mark.parametrize(
    ("where", "own", "name"),
    [
        ("models/kws/model.tflite", "main", "kws"),
        ("/somewhere/kws.tflite", "", "kws"),
        ("model.tflite", "main", "model"),
        ("model.tflite", "keyword_spotting", "keyword_spotting"),
    ],
)
def test_a_graph_is_named_after_itself_or_its_file(where: str, own: str, name: str) -> None:
    b = Builder(name=own)
    source = b.activation((1, 4), 0.1, 0)
    assert parse(b.build([source], [b.dense(source, 2)]), where=where).name == name


def test_a_graph_cannot_be_changed() -> None:
    graph = parse(small(), where="small.tflite")
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.name = "other"  # type: ignore[misc]
    weights = graph.tensors[graph.operators[0].inputs[1]].data
    assert weights is not None
    with pytest.raises(ValueError, match="read-only"):
        weights[0] = 0


def test_a_dynamic_batch_counts_as_one() -> None:
    b = Builder()
    source = b.tensor((7, 4), scale=0.1, zero_point=0, signature=(-1, 4))
    graph = parse(b.build([source], [b.dense(source, 2, keep=True)]), where="m.tflite")
    assert graph.tensors[source].shape == (1, 4)


def test_an_absent_optional_input_is_minus_one() -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    graph = parse(b.build([source], [b.dense(source, 2, bias=False)]), where="m.tflite")
    assert graph.operators[0].inputs[2] == -1


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is absent")
@pytest.mark.parametrize(
    ("file", "operators", "shape"),
    [
        ("kws_ref_model.tflite", 13, (1, 49, 10, 1)),
        ("ad01_int8.tflite", 10, (1, 640)),
        ("str_ww_ref_model.tflite", 11, (1, 30, 1, 40)),
    ],
)
def test_published_models_are_read(file: str, operators: int, shape: tuple[int, ...]) -> None:
    graph = parse((SHARED / file).read_bytes(), where=file)
    assert len(graph.operators) == operators
    assert graph.tensors[graph.inputs[0]].shape == shape


def refused(data: bytes) -> str:
    """Return the message with which `data` is refused."""
    with pytest.raises(InputError) as caught:
        parse(data, where="folder/bad.tflite")
    assert caught.value.where == "folder/bad.tflite"
    assert caught.value.remedy
    return caught.value.what


def chain(change: Callable[[Builder], None]) -> bytes:
    """Return two dense layers after `change`: tensors 0 -> 2 -> 5, weights 1, 4, bias 3, 6."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    now = b.dense(b.dense(source, 4), 4)
    change(b)
    return b.build([source], [now])


def rewire(index: int, inputs: list[int], outputs: list[int]) -> Callable[[Builder], None]:
    """Return a change of the inputs and outputs of operator `index`."""

    def change(b: Builder) -> None:
        kind, _, _, options, values = b.operators[index]
        b.operators[index] = (kind, inputs, outputs, options, values)

    return change


def retensor(index: int, **values: object) -> Callable[[Builder], None]:
    """Return a change of the fields of tensor `index`."""

    def change(b: Builder) -> None:
        b.tensors[index] = dataclasses.replace(b.tensors[index], **values)  # type: ignore[arg-type]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rewire(0, [0, 1, 99], [2]), "reads tensor 99 of 7"),
        (rewire(0, [0, 1, -2], [2]), "reads tensor -2 of 7"),
        (rewire(0, [0, 1, 3], [99]), "writes tensor 99 of 7"),
        (rewire(0, [0, 1, 3], [-1]), "writes tensor -1 of 7"),
        (rewire(0, [5, 1, 3], [2]), "reads tensor 5 before it is written"),
        (rewire(0, [2, 1, 3], [2]), "reads tensor 2 before it is written"),
        (rewire(1, [2, 4, 6], [2]), "writes tensor 2, which already has a value"),
        (rewire(1, [2, 4, 6], [0]), "writes tensor 0, which already has a value"),
        (rewire(1, [2, 4, 6], []), "nothing computes the graph's output, tensor 5"),
        (retensor(0, shape=(1, -4)), "a dimension that is not fixed"),
        (retensor(0, signature=(1, -1)), "has shape 1x?: a size other than the batch is not fixed"),
        (retensor(0, shape=(1 << 30, 1 << 30)), "too large for any target"),
        (retensor(0, shape=(1,) * 9), "has 9 dimensions"),
        (retensor(1, shape=(4, 5), scale=[1.0]), "needs 20 bytes of data but has 16"),
        (retensor(1, buffer=99), "refers to buffer 99 of 5"),
        (retensor(1, scale=[0.1] * 2, zero_point=[0] * 3), "2 scales but 3 zero points"),
        (retensor(1, scale=[0.1] * 3, zero_point=[0] * 3), "3 scales for axis 0 of shape"),
        (retensor(1, scale=[0.1] * 4, zero_point=[0] * 4, axis=7), "4 scales for axis 7"),
        (retensor(0, zero_point=[]), "1 scale but 0 zero points"),
        (retensor(0, zero_point=[300]), "has zero point 300, which int8 cannot hold"),
        (retensor(0, dtype=3, zero_point=[256]), "has zero point 256, which uint8 cannot hold"),
        (retensor(3, zero_point=[1 << 32]), "zero point 4294967296, which int32 cannot hold"),
        (retensor(0, scale=[float("nan")]), "negative or not finite"),
        (retensor(0, scale=[-1.0]), "negative or not finite"),
        (retensor(0, dtype=5), "processes text: FULLY_CONNECTED has tensor 't0'"),
        (retensor(0, dtype=17), "unsupported type INT4"),
        (retensor(0, dtype=77), "unsupported type 77"),
    ],
)
def test_a_wrong_graph_is_refused(change: Callable[[Builder], None], message: str) -> None:
    assert message in refused(chain(change))


def test_a_vector_has_its_scales_along_itself_whatever_the_file_says() -> None:
    """Some converters give a bias the axis of its filter, as in TFLM's person detection."""
    change = retensor(3, scale=[0.1] * 4, zero_point=[0] * 4, axis=3)
    bias = parse(chain(change), where="m.tflite").tensors[3]
    assert bias.shape == (4,)
    assert bias.quantized_axis == 0
    assert bias.scale is not None
    assert len(bias.scale) == 4


def test_options_of_another_operator_are_refused() -> None:
    def change(b: Builder) -> None:
        _, inputs, outputs, _, _ = b.operators[0]
        b.operators[0] = ("FULLY_CONNECTED", inputs, outputs, "AddOptions", {})

    assert "has the options of another operator: AddOptions" in refused(chain(change))


def test_absent_options_are_refused_where_they_matter() -> None:
    def change(b: Builder) -> None:
        _, inputs, outputs, _, _ = b.operators[0]
        b.operators[0] = ("FULLY_CONNECTED", inputs, outputs, None, {})

    assert "has no options" in refused(chain(change))


def test_an_unknown_size_within_the_network_is_the_one_that_is_written() -> None:
    """As in TFLM: a converter writes 1 for what it does not know, such as a batch on axis 1."""
    graph = parse(chain(retensor(2, signature=(1, -1))), where="small")
    assert graph.tensors[2].shape == (1, 4)


def test_of_several_signatures_the_first_is_taken() -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    _, other = b.part()
    other.name = "other"
    elsewhere = other.activation((1, 5), 0.1, 0)
    other.ends = ([elsewhere], [other.softmax(elsewhere)])
    graph = parse(b.build([source], [b.softmax(source)]), where="two")
    assert graph.input_tensors[0].shape == (1, 4)
    assert (graph.subgraphs, graph.others) == ((), ("other",))


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0\0\0\0TFL3", b"not a model, but text"])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    refused(data)


def survives(data: bytes) -> Graph | None:
    """Parse `data`: it must be refused properly or be a graph, in a moment."""
    begin = time.monotonic()
    try:
        return parse(data, where="hostile.tflite")
    except InputError:
        return None
    finally:
        assert time.monotonic() - begin < 2


def test_a_truncated_file_is_refused() -> None:
    data = small()
    for end in range(0, len(data), 7):
        assert survives(data[:end]) is None


def test_random_bytes_are_refused() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        noise = rng.bytes(int(rng.integers(0, 600)))
        assert survives(noise) is None
        assert survives(noise[:4] + b"TFL3" + noise[4:]) is None


def test_a_mutated_file_is_refused_or_read() -> None:
    rng = np.random.default_rng(2)
    original = small()
    for _ in range(600):
        data = bytearray(original)
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(0, len(data)))
            if rng.integers(0, 2):
                data[at] = int(rng.integers(0, 256))
            else:  # a number of 32 bits: an offset, a length, an index
                word = int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, len(data)]))
                data[at & ~3 : (at & ~3) + 4] = word.to_bytes(4, "little")
        survives(bytes(data[: len(original)]))


def test_a_small_file_cannot_ask_for_endless_work() -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    now = b.dense(source, 4)
    kind, inputs, outputs, options, values = b.operators[0]
    b.operators = [(kind, [*inputs] * 30_000, outputs, options, values)]
    assert survives(b.build([source], [now], repeat=20_000)) is None
    assert survives(b.build([source], [now], repeat=1_000_000)) is None
