"""Golden outputs without tflite-micro: LiteRT's reference kernels, and what they do otherwise.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says.
"""

import os
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import InputError
from harness.golden import interpreters, litert_kernels, oracle, oracle_process, tflm_kernels
from harness.golden.interpreters import LITERT
from harness.golden.tflm_arithmetic import EQUAL, FAMILIES, unproven
from harness.model.folder import load_model
from harness.model.graph import Graph
from harness.model.tflite_file import parse
from harness.model.tflite_options import OPTIONS
from tests.support import operators
from tests.support.engine_host import samples
from tests.support.graphs import RELU, TANH, Builder, from_rng, random_graph
from tests.support.interpreters import needs_litert, needs_tflm
from tests.support.models import ROOT

SHARED = ROOT.parent / "shared" / "mlperf-tiny"
BUNDLED = ("anomaly", "digits", "faces", "gesture", "vowels")
GRAPHS = int(os.environ.get("FUZZ", "5"))
MAKERS = (*operators.MAKERS, "HARD_SWISH, close to a tie", "any")
Array = np.ndarray[Any, Any]

# A seed of each family whose graph shows the difference.
DIFFERENT = {
    "FULLY_CONNECTED": ("SHAPE", 27),
    "HARD_SWISH": ("HARD_SWISH, close to a tie", 0),
    "LEAKY_RELU": ("LEAKY_RELU", 1),
    "LOGISTIC": ("LOGISTIC", 53),
    "MUL": ("MUL", 59),
    "RELU": ("RELU", 1),
    "RELU6": ("RELU6", 0),
    "SUM": ("SUM", 0),
    "TANH": ("TANH", 85),
}


def hard_swish_close_to_a_tie() -> bytes:
    """Return a HARD_SWISH whose factor has another 16th bit if it is computed in float32."""
    b = Builder()
    source = b.activation((2, 128), 0.8287407755851746, -13)
    result = b.activation((2, 128), 1.2604106664657593, -121)
    b.operator("HARD_SWISH", [source], [result])
    return b.build([source], [result])


def build(kind: str, seed: int) -> bytes:
    if kind == "HARD_SWISH, close to a tie":
        return hard_swish_close_to_a_tie()
    pick = from_rng(np.random.default_rng(seed))
    return random_graph(pick) if kind == "any" else operators.build(kind, pick)


def every_tensor(graph: Graph) -> list[int]:
    return [index for operator in graph.operators for index in operator.outputs]


@pytest.fixture
def litert_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "find_interpreter", lambda: LITERT)


@needs_tflm
@needs_litert
@pytest.mark.timeout(30 * GRAPHS + 300)
@pytest.mark.parametrize("kind", MAKERS)
def test_every_tensor_of_any_graph_has_tflms_bytes(kind: str) -> None:
    for seed in range(GRAPHS):
        model = build(kind, seed)
        graph = parse(model, where="test.tflite")
        assert unproven(graph) == ""
        tensors, inputs = every_tensor(graph), samples(graph)
        ours, theirs = (
            kernels.compute(model, [inputs], tensors) for kernels in (litert_kernels, tflm_kernels)
        )
        for index, mine, other in zip(tensors, ours, theirs, strict=True):
            assert mine.shape == other.shape == (len(inputs), *graph.tensors[index].shape)
            assert mine.dtype == other.dtype
            assert mine.tobytes() == other.tobytes(), f"{kind}, seed {seed}, tensor {index}"


def test_the_graphs_hold_every_operator_of_both_tables() -> None:
    graphs = [parse(build(kind, seed), where="test") for kind in MAKERS for seed in range(12)]
    kinds = {operator.kind for graph in graphs for operator in graph.operators}
    assert kinds == EQUAL.keys() | FAMILIES.keys()
    assert not EQUAL.keys() & FAMILIES.keys()


def test_the_page_has_both_tables() -> None:
    rows = [
        line.strip("|\n ").split(" | ")
        for line in (ROOT / "docs" / "golden.md").read_text().splitlines()
        if line.startswith("|") and line.count(" | ") == 1
    ]
    stated = {(kind, text) for kinds, text in rows for kind in kinds.split(", ")}
    assert {(kind, family.difference) for kind, family in FAMILIES.items()} <= stated
    assert {(kind, "gives the same bytes in every graph") for kind in EQUAL} <= stated


@needs_tflm
@needs_litert
@pytest.mark.parametrize("family", DIFFERENT)
def test_litert_itself_differs_in_a_family(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(*DIFFERENT[family])
    graph = parse(model, where="test.tflite")
    tensors, inputs = every_tensor(graph), samples(graph)
    wanted = tflm_kernels.compute(model, [inputs], tensors)
    monkeypatch.setattr(litert_kernels, "FAMILIES", {})
    found = litert_kernels.compute(model, [inputs], tensors)
    (wrong,) = (i for i, pair in enumerate(zip(found, wanted, strict=True)) if not same(*pair))
    assert graph.operators[wrong].kind == family


def same(ours: Array, theirs: Array) -> bool:
    return ours.tobytes() == theirs.tobytes()


@needs_litert
def test_litert_refuses_pairs_of_types_that_tflm_quantizes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    b = Builder()
    source = b.activation((2, 4), 0.1, 3)
    result = b.tensor((2, 4), dtype=np.int32, scale=0.1, zero_point=0)
    b.operator("QUANTIZE", [source], [result], "QuantizeOptions")
    model = b.build([source], [result])
    inputs = np.arange(8, dtype=np.int8).reshape(1, 2, 4)
    (outputs,) = litert_kernels.compute(model, [inputs], [])
    assert outputs.ravel().tolist() == list(range(-3, 5))
    monkeypatch.setattr(litert_kernels, "FAMILIES", {})
    with pytest.raises(RuntimeError, match="QUANTIZE"):
        litert_kernels.compute(model, [inputs], [])


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is absent")
@needs_tflm
@needs_litert
@pytest.mark.parametrize("name", ["kws_ref_model", "ad01_int8", "str_ww_ref_model"])
def test_published_models_have_tflms_bytes(name: str) -> None:
    model = (SHARED / "models" / f"{name}.tflite").read_bytes()
    graph = parse(model, where=name)
    inputs = samples(graph)[:3]
    (ours,), (theirs,) = (
        kernels.compute(model, [inputs], []) for kernels in (litert_kernels, tflm_kernels)
    )
    np.testing.assert_array_equal(ours, theirs)


@needs_litert
@pytest.mark.parametrize("name", BUNDLED)
def test_stored_golden_is_what_litert_computes(litert_only: None, name: str) -> None:
    model = load_model(ROOT / "models" / name)
    outputs = oracle.of_vectors(model.tflite, [model.vectors.inputs[:20]], where=name)[0]
    assert model.vectors.golden is not None
    np.testing.assert_array_equal(outputs, model.vectors.golden[:20])


@needs_tflm
@needs_litert
@pytest.mark.parametrize("per_channel", [False, True])
def test_weights_with_a_zero_point_have_tflms_bytes(per_channel: bool) -> None:
    b = Builder()
    source = b.activation((1, 6), 0.05, -20)
    result = b.dense(source, 5, per_channel=per_channel, activation=RELU)
    weights = b.tensors[b.operators[-1][1][1]]
    weights.zero_point = [9] * len(weights.zero_point)
    model = b.build([source], [result])
    inputs = np.random.default_rng(3).integers(-128, 128, (50, 1, 6)).astype(np.int8)
    ours, theirs = (
        kernels.compute(model, [inputs], []) for kernels in (litert_kernels, tflm_kernels)
    )
    np.testing.assert_array_equal(ours[0], theirs[0])


def real_addition(b: Builder) -> tuple[int, int]:
    source, result = (b.tensor((1, 4), dtype=np.float32) for _ in range(2))
    b.operator("ADD", [source, source], [result], "AddOptions")
    return source, result


def unknown_operator(b: Builder) -> tuple[int, int]:
    source, result = (b.activation((1, 4), 0.1, 0) for _ in range(2))
    b.operator("ELU", [source], [result])
    return source, result


def fused_tanh(b: Builder) -> tuple[int, int]:
    source = b.activation((1, 4), 0.1, 0)
    return source, b.dense(source, 3, activation=TANH)


def no_scale(b: Builder) -> tuple[int, int]:
    source, result = (b.tensor((1, 4)) for _ in range(2))
    b.operator("ADD", [source, source], [result], "AddOptions")
    return source, result


def computed_weights(b: Builder) -> tuple[int, int]:
    source = b.activation((3, 4), 0.1, 0)
    result = b.activation((3, 3), 0.1, 0)
    b.operator("FULLY_CONNECTED", [source, source, -1], [result], "FullyConnectedOptions")
    return source, result


def pool_with_a_scale(b: Builder) -> tuple[int, int]:
    source = b.activation((1, 4, 4, 1), 0.1, 0)
    result = b.pool("MAX_POOL_2D", source, (2, 2))
    b.tensors[result].scale = [0.2]
    return source, result


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (real_addition, r"operator 0 \(ADD\) was not compared with TFLM for float32"),
        (unknown_operator, r"operator 0 \(ELU\) was not compared with TFLM"),
        (fused_tanh, "for the fused activation TANH"),
        (no_scale, "has a tensor without a scale"),
        (pool_with_a_scale, "an output with a scale of its own, which TFLM refuses"),
        (computed_weights, "for weights that are not constant"),
    ],
)
def test_what_was_not_compared_with_tflm_has_no_golden(
    litert_only: None, make: Any, reason: str
) -> None:
    b = Builder()
    source, result = make(b)
    model = b.build([source], [result])
    graph = parse(model, where="mine.tflite")
    inputs = np.zeros((1, *graph.input_tensors[0].shape), graph.input_tensors[0].dtype)
    with pytest.raises(InputError, match=reason) as caught:
        oracle.answers(model, [inputs], where="mine.tflite")
    assert caught.value.where == "mine.tflite"
    assert "x86-64 Linux machine: harness models golden" in caught.value.remedy


@needs_litert
def test_the_source_names_the_families_that_the_model_has(litert_only: None) -> None:
    source = oracle.source(build("MUL", 0))
    assert source.startswith("ai-edge-litert ")
    assert source.endswith(" reference kernels, MUL in TFLM's arithmetic")
    assert oracle.source(build("ADD", 0)).endswith(" reference kernels")


def test_with_neither_package_the_error_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="neither tflite-micro nor ai-edge-litert") as caught:
        oracle.source(build("ADD", 0))
    assert "pip install 'tinyml-harness[golden]'" in caught.value.remedy


def test_litert_is_taken_if_there_is_no_tflm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: name == "ai_edge_litert" or None)
    assert interpreters.find_interpreter() is LITERT


def test_stored_golden_needs_no_interpreter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: None)
    for name in BUNDLED:
        model = load_model(ROOT / "models" / name)
        golden, source = oracle.of_model(model, model.vectors, tmp_path, print)
        assert golden is model.vectors.all_golden
        assert source == model.vectors.golden_source
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", sorted(EQUAL.keys() | FAMILIES.keys()))
@pytest.mark.parametrize("inputs", [0, 1, 4])
def test_a_wrong_number_of_inputs_does_not_end_the_harness(kind: str, inputs: int) -> None:
    b = Builder()
    source, result = (b.activation((1, 4), 0.1, 0) for _ in range(2))
    b.operator(
        kind, [source] * inputs, [result], OPTIONS[kind].__name__ if kind in OPTIONS else None
    )
    graph = parse(b.build([source], [result]), where="test.tflite")
    assert isinstance(unproven(graph), str)


@needs_litert
def test_a_model_that_litert_refuses_is_refused_with_its_reason(litert_only: None) -> None:
    b = Builder()
    source, result = b.activation((1, 4), 0.1, 0), b.activation((1, 5), 0.1, 0)
    b.operator("SOFTMAX", [source], [result], "SoftmaxOptions", Beta=1.0)
    with pytest.raises(InputError, match="LiteRT cannot run it: "):
        oracle.answers(b.build([source], [result]), [np.zeros((1, 1, 4), np.int8)])


def test_macos_has_no_limit_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("limited"))
    oracle_process._limit_memory(1 << 30)
