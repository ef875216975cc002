"""Which layer goes wrong: engines that are wrong in one place, on emulators."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from harness.engines import registry
from harness.engines.cmsis_nn import CmsisNN
from harness.errors import ExitCode
from harness.golden import interpreters, oracle
from harness.golden.interpreters import LITERT
from harness.golden.rounding import recompute
from harness.image.build import Image, build_image
from harness.measure.layer_difference import LayerDifference
from harness.model.folder import load_model
from harness.model.tflite_file import parse
from harness.results.record import Record
from harness.target.find_target import load_target
from tests.support.graphs import Builder, from_rng, random_graph
from tests.support.interpreters import needs_litert
from tests.support.models import ROOT
from tests.support.repository import Repository
from tests.support.spoilt import Spoilt, off_by_one, rounding_once, traced_only, without_hook

TARGETS = ("qemu-stm32", "virtual-stm32")
LAYERS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "RESHAPE",
    "FULLY_CONNECTED",
    "RESHAPE",
    "SOFTMAX",
    "RESHAPE",
)
VALUE = 90
"""Of a layer's output, which value is wrong."""

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


def network() -> bytes:
    """Return a model of LAYERS whose output shows a small difference in any of them."""
    b = Builder(np.random.default_rng(5))
    source = b.activation((1, 9, 8, 3), 0.05, -4)
    now = b.conv_2d(source, 8, (3, 3), zero_point=3)
    now = b.depthwise(now, 1, (3, 3), stride=(2, 2))
    now = b.dense(b.reshape(now, (1, int(np.prod(b.shape(now))))), 128)
    # Pairs that are nearly equal, where the softmax is steepest.
    now = b.softmax(b.reshape(now, (64, 2)), beta=0.03 / b.tensors[now].scale[0])
    return b.build([source], [b.reshape(now, (1, 128))])


@pytest.fixture
def repository(repository: Repository) -> Repository:
    repository.network(network())
    vectors(repository)
    return repository


def vectors(repository: Repository, **more: Any) -> np.ndarray[Any, Any]:
    """Write three random vectors without golden, unless it is in `more`; return the inputs."""
    inputs = np.random.default_rng(1).integers(-128, 128, (3, 9, 8, 3)).astype(np.int8)
    path = repository.root / "models" / "small" / "vectors.npz"
    np.savez(path, inputs=inputs, labels=np.zeros(3, np.int64), **more)
    return inputs


def run(
    repository: Repository, engine: Spoilt, monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> Record:
    monkeypatch.setitem(registry.ENGINES, engine.name, engine)
    assert repository.run(engine.name, *arguments)[0] == ExitCode.FAILED
    (record,) = repository.records()
    assert record.reasons[0].startswith(tuple("123456789"))
    assert "output bytes differ from golden" in record.reasons[0]
    return record


def diverged(record: Record) -> LayerDifference:
    assert record.divergence is not None, record.reasons
    assert str(record.divergence) == record.reasons[1]
    return record.divergence


@pytest.mark.parametrize(
    ("target", "layer"),
    [*((TARGETS[0], layer) for layer in (0, 1, 3, 5)), (TARGETS[1], 0), (TARGETS[1], 5)],
)
def test_a_layer_that_is_off_by_one_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, target: str, layer: int
) -> None:
    record = run(repository, off_by_one(layer, VALUE), monkeypatch, "--target", target)
    found = diverged(record)
    assert (found.layer, found.operator) == (layer, LAYERS[layer])
    assert found.shape == list(_output(layer).shape)
    assert found.bytes == _output(layer).nbytes
    assert (found.bytes_differing, found.first, found.largest) == (1, VALUE, 1)
    assert found.ours is not None
    assert found.golden is not None
    assert abs(found.ours - found.golden) == 1
    assert found.equals == ""
    assert f"{layer} ({LAYERS[layer]}, {found.name!r}, " in record.reasons[1]


@needs_litert
def test_litert_names_the_layer_where_there_is_no_tflm(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oracle, "interpreter_of", lambda _: LITERT)
    record = run(repository, off_by_one(3, VALUE), monkeypatch, "--target", TARGETS[1])
    found = diverged(record)
    assert (found.layer, found.operator) == (3, LAYERS[3])
    assert (found.bytes_differing, found.first, found.largest) == (1, VALUE, 1)
    source = "reference kernels, FULLY_CONNECTED in TFLM's arithmetic"
    assert record.model.golden_source.endswith(source)
    assert source in record.reasons[0]


def _output(layer: int) -> Any:
    graph = parse(network(), where="small")
    return graph.tensors[graph.operators[layer].outputs[0]]


@pytest.mark.parametrize("input_via", ["serial", "debug"])
def test_a_rounding_of_another_family_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, input_via: str
) -> None:
    inputs = vectors(repository)
    record = run(repository, rounding_once(), monkeypatch, f"--input-via={input_via}")
    found = diverged(record)
    # Up to the first layer that differs, its inputs are golden's.
    graph = parse(network(), where="small")
    every = oracle.layers(network(), [inputs[found.vector][None, None]])
    values = {index: value[0] for index, value in every.items()}
    values[graph.inputs[0]] = inputs[found.vector][None]
    for operator in graph.operators[: found.layer + 1]:
        ways = recompute(graph, operator, values)
        for name, result in ways.items():
            same = np.array_equal(result, values[operator.outputs[0]])
            if name.startswith("double"):
                assert same
            elif name.startswith("single"):
                assert same == (operator.index < found.layer)
    assert "single rounding, as TFLite's reference kernels" in found.equals
    assert "double" not in found.equals
    assert "every byte equals single rounding" in record.reasons[1]
    assert found.largest == 1


def test_rounding_alone_is_not_claimed_for_a_layer_that_is_wrong_besides(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, off = rounding_once(), off_by_one(0, 7)
    both = Spoilt("both", lambda code, cmake: once.change(*off.change(code, cmake)))
    found = diverged(run(repository, both, monkeypatch))
    assert found.layer == 0
    assert found.equals == ""


def test_the_device_answers_on_after_a_trace(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measured image takes its place again: the same bytes and ticks as before."""
    engine = off_by_one(5)
    monkeypatch.setitem(registry.ENGINES, engine.name, engine)
    with repository.dut(engine) as dut:
        first, second = dut.run(), dut.run()
        assert np.array_equal(dut.infer(first.vectors.inputs[0]), first.outputs[0])
    assert np.array_equal(first.outputs, second.outputs)
    assert np.array_equal(first.ticks, second.ticks)
    assert first.divergence == second.divergence
    assert first.divergence is not None
    assert first.divergence.layer == 5


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ('__asm volatile("udf #0");', "the device took a fault: "),
        ("return 3;", "the engine: layer 2 failed"),
        (
            "arena[OUTPUT_05 + 1] ^= 1;",
            "traced image gives different outputs than the measured image",
        ),
        ("not C at all", "the image does not compile"),
    ],
)
def test_a_trace_that_fails_leaves_the_mismatch_and_says_why(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    engine = traced_only(off_by_one(3), code)
    record = run(repository, Spoilt(f"{engine.name}-{len(code)}", engine.change), monkeypatch)
    assert record.divergence is None
    assert record.reasons[1].startswith("the layer cannot be named: ")
    assert why in record.reasons[1]
    assert repository.processes() == []


def test_a_golden_of_another_model_is_said_to_be_that(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {"golden": np.zeros((3, 128), np.int8), "golden_source": np.array("an old model")}
    vectors(repository, **old)
    plain = Spoilt("right", lambda code, cmake: (code, cmake))
    record = run(repository, plain, monkeypatch)
    assert record.divergence is None
    reason = record.reasons[1]
    current = oracle.source(network())
    assert f"vectors.npz: every layer agrees with the current results of {current}" in reason
    assert "does its `golden` belong to this model?" in reason
    assert "harness models golden small --replace" in reason


def test_stored_golden_judges_where_nothing_computes_it(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = {"golden": np.zeros((3, 128), np.int8), "golden_source": np.array("TFLM elsewhere")}
    vectors(repository, **stored)
    monkeypatch.setattr(interpreters, "find_spec", lambda name: None)
    plain = Spoilt("right", lambda code, cmake: (code, cmake))
    record = run(repository, plain, monkeypatch, "--target", TARGETS[1])
    assert record.model.golden_source == "TFLM elsewhere"
    assert "(TFLM elsewhere)" in record.reasons[0]
    assert "the layer cannot be named: " in record.reasons[1]
    assert "pip install 'tinyml-harness[golden]'" in record.reasons[1]


def sections(image: Image) -> dict[str, bytes]:
    """Return what is loaded of an image, but for its build ID."""
    with image.elf.path.open("rb") as file:
        elf = ELFFile(file)
        loaded = {s.name: s.data() for s in elf.iter_sections() if s["sh_flags"] & 2}
    own = bytes.fromhex(image.build_id)
    assert sum(data.count(own) for data in loaded.values()) == 1
    return {name: data.replace(own, bytes(16)) for name, data in loaded.items()}


def test_the_measured_image_holds_nothing_of_the_hook(tmp_path: Path) -> None:
    target = load_target(ROOT / "targets" / "qemu-stm32.toml")
    model = load_model(ROOT / "models" / "digits")
    hooked = build_image(target, model, CmsisNN(), tmp_path)
    plain = build_image(target, model, without_hook(), tmp_path)
    assert sections(hooked) == sections(plain)
    traced = build_image(target, model, CmsisNN(), tmp_path, variant="traced")
    assert traced.build_id != hooked.build_id
    assert traced.flash > hooked.flash


def test_double_rounding_is_golden_for_any_layer_of_sums() -> None:
    ways: dict[str, list[bool]] = {}
    for seed in range(14):
        rng = np.random.default_rng(seed)
        data = random_graph(from_rng(rng))
        graph = parse(data, where="random")
        shape = graph.tensors[graph.inputs[0]].shape
        inputs = rng.integers(-128, 128, (1, *shape)).astype(np.int8)
        every = oracle.layers(data, [inputs]) | {graph.inputs[0]: inputs}
        values = {index: value[0] for index, value in every.items()}
        for operator in graph.operators:
            for name, result in recompute(graph, operator, values).items():
                same = np.array_equal(result, values[operator.outputs[0]])
                ways.setdefault(name.split()[0], []).append(same)
    assert all(ways["double"])
    assert len(ways["double"]) > 20
    assert not all(ways["single"])
    assert not all(ways["rounding"])
