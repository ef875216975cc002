"""Golden outputs without tflite-micro: LiteRT's reference kernels, and what they do otherwise.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says.
"""

import os
import platform
import resource
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engines.cmsis_nn import fixed_point, lookup_tables, window
from harness.errors import DefectError, InfrastructureError, InputError
from harness.golden import (
    interpreters,
    litert_kernels,
    oracle,
    oracle_process,
    rounding,
    tflm_arithmetic,
    tflm_kernels,
)
from harness.golden.interpreters import LITERT
from harness.golden.one_operator import SingleOperators
from harness.golden.proven_operators import EQUAL, unproven
from harness.golden.tflm_arithmetic import FAMILIES
from harness.model import quantized_multiplier
from harness.model.folder import load_model
from harness.model.graph import Graph
from harness.model.tflite_file import parse
from harness.model.tflite_options import schema_name
from harness.support.uncaught import explain
from tests.support import operators
from tests.support.engine_host import samples
from tests.support.graphs import RELU, TANH, Builder, from_rng, random_graph
from tests.support.interpreters import needs_litert, needs_tflm
from tests.support.models import ROOT, few_digits

SHARED = ROOT.parent / "shared" / "mlperf-tiny"
BUNDLED = ("anomaly", "digits", "faces", "gesture", "vowels")
GRAPHS = int(os.environ.get("FUZZ", "5"))
# Only operators and types that LiteRT, or the harness in its place, computes as TFLM does.
KNOWN = EQUAL.keys() | FAMILIES.keys() | {"mixed"}
MAKERS = (
    *(kind for kind in operators.MAKERS if kind in KNOWN),
    "HARD_SWISH, close to a tie",
    "any",
)
Array = np.ndarray[Any, Any]

# Kinds of graphs that LiteRT may compute otherwise, or that were not compared.
UNPROVEN = {
    "BROADCAST_TO",  # LiteRT has no version 1 of it
    "SPACE_TO_BATCH_ND",  # TFLM fills borders with 0, LiteRT with the zero point
    "any weights",
    "batch CONV_2D",  # some with weights that are computed
    "batch DEPTHWISE_CONV_2D",
    "batch TRANSPOSE_CONV",
}

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
    monkeypatch.setattr(oracle, "interpreter_of", lambda _: LITERT)


@needs_tflm
@needs_litert
@pytest.mark.timeout(30 * GRAPHS + 300)
@pytest.mark.parametrize("kind", MAKERS)
def test_every_tensor_of_any_graph_has_tflms_bytes(kind: str) -> None:
    for seed in range(GRAPHS):
        model = build(kind, seed)
        graph = parse(model, where="test.tflite")
        if kind in UNPROVEN and unproven(graph):
            continue
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
    proven = [graph for graph in graphs if not unproven(graph)]
    kinds = {operator.kind for graph in proven for operator in graph.operators}
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


def quantize(b: Builder, source: int, result: int) -> tuple[int, int]:
    b.operator("QUANTIZE", [source], [result], "QuantizeOptions")
    return source, result


def quantize_to_no_scale(b: Builder) -> tuple[int, int]:
    return quantize(b, b.tensor((1, 4), dtype=np.float32), b.tensor((1, 4), dtype=np.int16))


def quantize_integers_to_no_scale(b: Builder) -> tuple[int, int]:
    return quantize(b, b.activation((1, 4), 0.1, 0), b.tensor((1, 4), dtype=np.int32))


def quantize_to_float(b: Builder) -> tuple[int, int]:
    return quantize(b, b.activation((1, 4), 0.1, 0), b.tensor((1, 4), dtype=np.float32))


def quantize_far_apart(b: Builder) -> tuple[int, int]:
    return quantize(b, b.activation((1, 4), 1.0, 0), b.activation((1, 4), 2.0**-32, 0))


def far_apart(kind: str, options: str | None, **values: float) -> Any:
    def make(b: Builder) -> tuple[int, int]:
        source, result = b.activation((1, 4), 1.0, 0), b.activation((1, 4), 2.0**-31, 0)
        inputs = [source] * (2 if kind == "MUL" else 1)
        b.operator(kind, inputs, [result], options, **values)
        return source, result

    return make


def dense_far_apart(b: Builder) -> tuple[int, int]:
    source = b.activation((1, 4), 1e6, 0)
    result = b.dense(source, 3)
    b.tensors[result].scale = [1e-6]
    return source, result


def sum_far_apart(kind: str) -> Any:
    def make(b: Builder) -> tuple[int, int]:
        source, result = b.activation((1, 4), 1000.0, 0), b.activation((1, 4), 1e-6, 0)
        b.operator(kind, [source, source], [result], f"{kind.title()}Options")
        return source, result

    return make


def wide_weights(b: Builder) -> tuple[int, int]:
    source, result = b.activation((1, 4), 0.1, 0), b.activation((1, 4), 0.1, 0)
    weights = b.tensor((4, 4), dtype=np.int16, scale=0.1, zero_point=0, data=np.ones((4, 4), "i2"))
    b.operator("FULLY_CONNECTED", [source, weights, -1], [result], "FullyConnectedOptions")
    return source, result


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (quantize_to_no_scale, r"\(QUANTIZE\) has a tensor without a scale"),
        (quantize_integers_to_no_scale, r"\(QUANTIZE\) has a tensor without a scale"),
        (quantize_to_float, "writes float32, which TFLM refuses"),
        (quantize_far_apart, r"\(QUANTIZE\) has scales that are too far apart"),
        (far_apart("MUL", "MulOptions"), r"\(MUL\) has scales that are too far apart"),
        (far_apart("RELU", None), r"\(RELU\) has scales that are too far apart"),
        (
            far_apart("LEAKY_RELU", "LeakyReluOptions", Alpha=0.5),
            r"\(LEAKY_RELU\) has scales that are too far apart",
        ),
        (dense_far_apart, r"\(FULLY_CONNECTED\) has scales that are too far apart"),
        (sum_far_apart("ADD"), r"\(ADD\) ends TFLM: scales 1000.0, 1000.0 and .* too far apart"),
        (sum_far_apart("SUB"), r"\(SUB\) ends TFLM: scales 1000.0, 1000.0 and .* too far apart"),
        (wide_weights, "for weights other than int8"),
        (real_addition, r"operator 0 \(ADD\) was not compared with TFLM for float32"),
        (unknown_operator, r"operator 0 \(ELU\) was not compared with TFLM"),
        (fused_tanh, "for the fused activation TANH"),
        (no_scale, "has a tensor without a scale"),
        (pool_with_a_scale, "an output with a scale of its own, which TFLM refuses"),
        (computed_weights, "for weights that are computed"),
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
    assert oracle.source(build("TANH", 0)).endswith(" reference kernels, TANH by cmsis-nn's table")
    assert oracle.source(build("ADD", 0)).endswith(" reference kernels")


def test_with_neither_package_the_error_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="neither tflite-micro nor ai-edge-litert") as caught:
        oracle.source(build("ADD", 0))
    assert "pip install 'tinyml-harness[golden]'" in caught.value.remedy


def test_without_a_wheel_of_litert_the_error_does_not_name_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(InputError) as caught:
        interpreters.find_interpreter()
    assert caught.value.remedy == interpreters.STORE_GOLDEN


def no_tflm(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: name == "ai_edge_litert" or None)
    monkeypatch.setattr(interpreters, "version", lambda name: version)


def test_litert_is_taken_if_there_is_no_tflm(monkeypatch: pytest.MonkeyPatch) -> None:
    no_tflm(monkeypatch, "2.3.0")
    assert interpreters.find_interpreter() is LITERT


@pytest.mark.parametrize("version", ["2.1.6", "2.30.0", "3.0"])
def test_another_version_of_litert_computes_no_golden(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    no_tflm(monkeypatch, version)
    with pytest.raises(InputError, match=f"ai-edge-litert {version} may give other") as caught:
        oracle.source(build("ADD", 0))
    assert "pip install 'ai-edge-litert==2.3.*'" in caught.value.remedy


def test_the_extra_installs_the_version_that_was_compared() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (requirement,) = extras["optional-dependencies"]["golden"]
    assert requirement.startswith(f"ai-edge-litert=={interpreters._PROVEN_LITERT}.*;")


@needs_litert
def test_golden_is_computed_again_after_a_change_of_our_arithmetic(
    litert_only: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "mine"
    few_digits(folder, 2)
    held = dict(np.load(folder / "vectors.npz"))
    np.savez(folder / "vectors.npz", inputs=held["inputs"], labels=held["labels"])
    model = load_model(folder)
    said: list[str] = []
    for _ in range(2):
        oracle.of_model(model, model.vectors, tmp_path, said.append)
    assert len(said) == 1
    monkeypatch.setattr(oracle, "_arithmetic", lambda: "another")
    oracle.of_model(model, model.vectors, tmp_path, said.append)
    assert len(said) == 2


def test_the_digest_of_our_arithmetic_covers_what_computes() -> None:
    folders = {ROOT / "harness" / folder for folder in oracle._ARITHMETIC}
    computing = (
        tflm_arithmetic,
        rounding,
        lookup_tables,
        fixed_point,
        window,
        quantized_multiplier,
    )
    assert {Path(module.__file__ or "").parent for module in computing} == folders


def shadow(monkeypatch: pytest.MonkeyPatch, folder: Path, **modules: str) -> None:
    """Let child processes load another `ai_edge_litert`, which consists of `modules`."""
    package = folder / "ai_edge_litert"
    package.mkdir()
    for name, text in ({"__init__": ""} | modules).items():
        (package / f"{name}.py").write_text(text)
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


@pytest.mark.parametrize("kind", [ImportError, OSError])
def test_an_interpreter_that_cannot_be_loaded_is_no_fault_of_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type[Exception]
) -> None:
    shadow(monkeypatch, tmp_path, interpreter=f"raise {kind.__name__}('GLIBC_2.38 not found')")
    model = build("ADD", 0)
    inputs = samples(parse(model, where="test"))[:1]
    with pytest.raises(InfrastructureError, match=r"be loaded: GLIBC_2\.38 not found") as caught:
        oracle_process.compute_in_child(LITERT, model, [inputs], [], "test")
    assert "pip install --force-reinstall ai-edge-litert; or store golden" in caught.value.remedy


def test_an_unexpected_exception_in_the_child_is_a_defect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shadow(monkeypatch, tmp_path, interpreter="", schema_py_generated="1 / 0")
    model = build("ADD", 0)
    inputs = samples(parse(model, where="test"))[:1]
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero") as caught:
        oracle_process.compute_in_child(LITERT, model, [inputs], [], "test")
    error = explain(caught.value, tmp_path)
    assert isinstance(error, DefectError)
    (report,) = tmp_path.glob("defect-*.txt")
    assert "schema_py_generated.py" in report.read_text()  # the child's own traceback


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
    b.operator(kind, [source] * inputs, [result], schema_name(kind))
    graph = parse(b.build([source], [result]), where="test.tflite")
    assert isinstance(unproven(graph), str)


@needs_litert
def test_a_model_that_litert_refuses_is_refused_with_its_reason(litert_only: None) -> None:
    b = Builder()
    source, result = b.activation((1, 4), 0.1, 0), b.activation((1, 5), 0.1, 0)
    b.operator("SOFTMAX", [source], [result], "SoftmaxOptions", Beta=1.0)
    with pytest.raises(InputError, match="LiteRT cannot run it: "):
        oracle.answers(b.build([source], [result]), [np.zeros((1, 1, 4), np.int8)])


@needs_litert
def test_a_file_that_the_interpreters_own_python_code_cannot_read_is_damaged() -> None:
    model = build("ADD", 0)
    with pytest.raises(ValueError, match="the file is damaged: unpack_from requires"):
        SingleOperators(model[: len(model) // 2], parse(model, where="test"))


def test_macos_has_no_limit_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("limited"))
    oracle_process._limit_memory(1 << 30)
