"""Edge Impulse's exports: what is read of one, what is refused, and that one runs."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError, InputError, Verdict
from harness.golden import edge_impulse_golden, oracle
from harness.golden.edge_impulse_rounding import AMPLITUDE, COPIES, moved_copies, rounding
from harness.image.build import build_image
from harness.image.toolchain import find_toolchain
from harness.measure.agreement import (
    FLOAT_ROUNDING,
    classes,
    score_differences,
    score_excesses,
    score_limits,
)
from harness.model.edge_impulse_export import METADATA, STAGES, Export, read_export
from harness.model.edge_impulse_features import load_features
from harness.model.folder import Model, load_model
from harness.results.record_file import read_record
from harness.results.recording import record_run
from harness.runs.link_run import Run
from harness.target.find_target import find_target
from harness.workspace import Workspace
from tests.support.cxx import has_gxx
from tests.support.devices import opened

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "tests" / "data" / "export"
VARIABLES = "model-parameters/model_variables.h"
REAL = "HARNESS_EDGE_IMPULSE_EXPORT"  # a folder that holds a real one, with samples in `features`

needs_compilers = pytest.mark.skipif(
    not has_gxx() or shutil.which("c++") is None,
    reason="arm-none-eabi-g++ with its C++ library and c++ are needed: see `make system-cxx`",
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STAND_IN, tmp_path / "loudness"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def edit_all(file: Path, *edits: tuple[str, str]) -> None:
    for old, new in edits:
        edit(file, old, new)


def message(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        action()
    return str(caught.value)


# Reading


def test_an_export_says_what_it_is(export: Path) -> None:
    found = read_export(export)
    assert (found.project, found.deployment) == ("loudness // of a thing", 7)
    assert found.labels == ("low", "high")
    assert (found.samples, found.axes, found.features) == (2, 3, 6)
    assert (found.frequency, found.threshold, found.anomaly) == (62.5, 0.6, True)
    assert found.description == "Edge Impulse: loudness // of a thing, deployment 7 (EON)"


def test_its_graph_is_its_stages(export: Path) -> None:
    graph = read_export(export).graph
    assert tuple(operator.kind for operator in graph.operators) == STAGES
    assert [(t.name, t.shape) for t in graph.input_tensors] == [("features", (1, 6))]
    assert [(t.name, t.shape) for t in graph.output_tensors] == [
        ("scores", (1, 2)),
        ("anomaly", (1, 1)),
    ]


def test_without_anomalies_there_are_scores_alone(export: Path) -> None:
    edit(export / METADATA, "HAS_ANOMALY EI_ANOMALY_TYPE_KMEANS", "HAS_ANOMALY 0")
    assert [tensor.name for tensor in read_export(export).graph.output_tensors] == ["scores"]


def test_the_digest_is_of_the_sources_and_of_no_path(export: Path, tmp_path: Path) -> None:
    first = read_export(export).digest
    again = Path(shutil.copytree(export, tmp_path / "elsewhere"))
    (again / "tflite-model" / "kept.o").write_bytes(b"built beside it")
    assert read_export(again).digest == first
    edit(again / "tflite-model" / "trained_model_compiled.cpp", "1.0f -", "2.0f -")
    assert read_export(again).digest != first


def test_labels_are_read_as_c_writes_them(export: Path) -> None:
    edit(export / VARIABLES, '{"low", "high"}', '{ "a \\"b\\", c}" ,\n  "high", }')
    edit(export / METADATA, '"loudness //', '"\\"loudness\\" //')
    found = read_export(export)
    assert (found.project, found.labels) == ('"loudness" // of a thing', ('a "b", c}', "high"))


def test_an_export_is_a_model_without_any_toml(export: Path) -> None:
    model = load_model(export)
    assert (model.name, model.classes, model.quality_target) == ("loudness", ("low", "high"), 0.0)
    assert model.vectors.class_labels.tolist() == [1, 1, 0]
    assert model.vectors.inputs[0].tolist() == [1.5, 2, 3, 1.5, 2, 3.25]
    model.check(model.graph)


def test_models_show_tells_what_an_export_is(
    export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "show", str(export)]) == 0
    out = capsys.readouterr().out
    assert "input   6 raw features: 2 samples of 3 values, 62.5 per second" in out
    assert "  lacks   CMSIS/DSP/Source/CommonTables/arm_common_tables.c" in out
    assert "output  low, high and an anomaly score\n  class   score of at least 0.6" in out


DESCRIPTION = """\
description = "How loud a thing is"
task = "{task}"
metric = "accuracy"
quality_target = 0.9
model = "loudness"
{more}
input = {{ preprocessing = "raw features" }}
provenance = {{ data = "made up", licence = "Apache-2.0" }}
"""


def describe(export: Path, more: str = "", task: str = "classification") -> Path:
    """Make a model folder around `export`, with its samples as an array."""
    folder = export.parent
    (folder / "model.toml").write_text(DESCRIPTION.format(more=more, task=task))
    inputs = np.array([[1, 2, 3, 1, 2, 3], [-1, -2, -3, -1, -2, -3]], np.float32)
    np.savez(folder / "vectors.npz", inputs=inputs, labels=[1, 0])
    return folder


def test_a_model_folder_may_name_an_export(export: Path) -> None:
    model = load_model(describe(export))
    assert (model.quality_target, model.classes) == (0.9, ("low", "high"))
    model.check(model.graph)


# Refusals


def without_network(export: Path) -> None:
    """Make it an export for an accelerator, which has its network elsewhere."""
    edit(export / METADATA, "ENGINE EI_CLASSIFIER_TFLITE", "ENGINE 14")
    shutil.rmtree(export / "tflite-model")


def without_sdk(export: Path) -> None:
    """Leave the empty folder of a submodule."""
    shutil.rmtree(export / "edge-impulse-sdk")
    (export / "edge-impulse-sdk").mkdir()


def for_ethos_u(export: Path, resolver: bool) -> None:
    """Make its network one for an Ethos-U, with an interpreter or without; the SDK is elsewhere."""
    shutil.rmtree(export / "edge-impulse-sdk")
    network = export / "tflite-model"
    if resolver:
        (network / "tflite-resolver.h").write_text("resolver.AddEthosU();")
    else:
        (network / "learned.cpp").write_text("registrations[0] = *Register_ETHOSU();")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "not an export": (lambda at: (at / METADATA).unlink(), "is not a model"),
    "no SDK": (
        lambda at: shutil.rmtree(at / "edge-impulse-sdk"),
        "the export has no edge-impulse-sdk",
    ),
    "no classifier": (
        lambda at: (at / "edge-impulse-sdk/classifier/ei_run_classifier.h").unlink(),
        "the export has no classifier/ei_run_classifier.h",
    ),
    "an SDK that is not fetched": (without_sdk, "the export has no classifier/ei_run_classifier.h"),
    "an SDK elsewhere": (without_sdk, "github.com/edgeimpulse/inferencing-sdk-cpp has the SDK"),
    "an Ethos-U": (lambda at: for_ethos_u(at, False), "the network is compiled for an Ethos-U"),
    "its interpreter": (lambda at: for_ethos_u(at, True), "the network is compiled for an Ethos-U"),
    "a chip of Syntiant": (
        lambda at: (at / "model-parameters/dsp_blocks.h").write_text(
            "&extract_audio_syntiant_features,"
        ),
        "the network runs on Syntiant's NDP chip, not on a Cortex-M",
    ),
    "no source of the network": (
        lambda at: edit(
            at / VARIABLES, "const char", '#include "tflite-model/tflite_learn_5.h"\nconst char'
        ),
        "the export has no tflite_learn_5.cpp, the network itself",
    ),
    "no network": (lambda at: shutil.rmtree(at / "tflite-model"), "the export has no tflite-model"),
    "no count": (
        lambda at: edit(at / METADATA, "EI_CLASSIFIER_RAW_SAMPLE_COUNT 2", "NOTHING 2"),
        "EI_CLASSIFIER_RAW_SAMPLE_COUNT: is missing",
    ),
    "no number": (
        lambda at: edit(at / METADATA, "FREQUENCY 62.5", "FREQUENCY fast"),
        "EI_CLASSIFIER_FREQUENCY: 'fast' is not a number",
    ),
    "no whole number": (
        lambda at: edit(at / METADATA, "DEPLOY_VERSION 7", "DEPLOY_VERSION 7.5"),
        "EI_CLASSIFIER_PROJECT_DEPLOY_VERSION: 7.5 is not an integer",
    ),
    "nothing to take": (
        lambda at: edit(at / METADATA, "RAW_SAMPLES_PER_FRAME 3", "RAW_SAMPLES_PER_FRAME 0"),
        "EI_CLASSIFIER_RAW_SAMPLES_PER_FRAME: 0 is out of range",
    ),
    "names in a circle": (
        lambda at: edit(at / METADATA, "KMEANS 1", "KMEANS EI_ANOMALY_TYPE_KMEANS"),
        "EI_CLASSIFIER_HAS_ANOMALY: 'EI_ANOMALY_TYPE_KMEANS' is not a number",
    ),
    "free-form outputs": (
        lambda at: edit(at / METADATA, "OBJECT_DETECTION 0", "FREEFORM_OUTPUT 1"),
        "EI_CLASSIFIER_FREEFORM_OUTPUT: the impulse has free-form outputs",
    ),
    "another engine": (
        lambda at: edit_all(
            at / METADATA,
            ("#define EI_CLASSIFIER_TFLITE 2", "#define EI_CLASSIFIER_AKIDA 9"),
            ("ENGINE EI_CLASSIFIER_TFLITE", "ENGINE EI_CLASSIFIER_AKIDA"),
        ),
        "EI_CLASSIFIER_INFERENCING_ENGINE: the network runs on AKIDA, not on a Cortex-M",
    ),
    "another engine, without a network": (
        without_network,
        "EI_CLASSIFIER_INFERENCING_ENGINE: the network runs on 14, not on a Cortex-M",
    ),
    "nothing to answer": (
        lambda at: edit_all(
            at / METADATA,
            ("LABEL_COUNT 2", "LABEL_COUNT 0"),
            ("HAS_ANOMALY EI_ANOMALY_TYPE_KMEANS", "HAS_ANOMALY 0"),
        ),
        "the impulse has neither labels nor an anomaly score",
    ),
    "labels of another count": (
        lambda at: edit(at / VARIABLES, '"high"', '"high", "higher"'),
        f"has the labels low, high, higher, but {METADATA} has 2",
    ),
    "no labels": (
        lambda at: edit(at / VARIABLES, "inferencing_categories", "categories"),
        "has no ei_classifier_inferencing_categories",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_usable_export_is_refused(export: Path, case: str) -> None:
    spoil, expected = WRONG[case]
    spoil(export)
    assert expected in message(lambda: load_model(export))


def test_labels_of_the_toml_must_be_the_export_s(export: Path) -> None:
    folder = describe(export, more='classes = ["quiet", "loud"]')
    assert "are quiet, loud, but the export's labels are low, high" in message(
        lambda: load_model(folder)
    )


def test_an_export_is_no_autoencoder(export: Path) -> None:
    folder = describe(export, task="anomaly-detection")
    edit(folder / "model.toml", '"accuracy"', '"auc"')
    assert (
        "task: the export is a model of classification, not of anomaly-detection\n"
        "  -> write task = 'classification' or 'agreement'"
    ) in message(lambda: load_model(folder))


# Other kinds of impulses

DETECTS = (
    ("OBJECT_DETECTION 0", "OBJECT_DETECTION 1\n#define EI_CLASSIFIER_OBJECT_DETECTION_COUNT 3"),
)
ONE_VALUE = (
    ("LABEL_COUNT 2", "LABEL_COUNT 1"),
    ("HAS_ANOMALY EI_ANOMALY_TYPE_KMEANS", "HAS_ANOMALY 0"),
)
KINDS: dict[str, tuple[tuple[tuple[str, str], ...], list[tuple[str, int]], str]] = {
    "detection": (DETECTS, [("boxes", 18), ("anomaly", 1)], "at most 3 boxes around low, high"),
    "regression": (ONE_VALUE, [("scores", 1)], "output  a value"),
    "anomaly": (
        (("LABEL_COUNT 2", "LABEL_COUNT 0"),),
        [("anomaly", 1)],
        "output  an anomaly score",
    ),
    "visual-anomaly": (
        (("OBJECT_DETECTION 0", "HAS_VISUAL_ANOMALY 1"),),
        [("visual anomaly", 2)],
        "mean and largest anomaly of an image",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_impulses_of_other_kinds_are_compared_with_golden_alone(export: Path, kind: str) -> None:
    edits, outputs, fact = KINDS[kind]
    edit_all(export / METADATA, *edits)
    if kind == "regression":
        edit(export / VARIABLES, '{"low", "high"}', '{"value"}')
    (export / "features" / "any name.txt").write_text("1, 2, 3, 4, 5, 6")
    model = load_model(export)
    assert model.export is not None
    assert (model.export.kind, model.task, model.classes) == (kind, "agreement", ())
    assert [(t.name, t.elements) for t in model.graph.output_tensors] == outputs
    assert fact in "\n".join(model.export.facts())
    assert len(model.vectors) == 4
    model.check(model.graph)


def test_an_old_export_has_its_labels_in_the_metadata(export: Path) -> None:
    labels = (export / VARIABLES).read_text()
    (export / VARIABLES).unlink()
    (export / METADATA).write_text((export / METADATA).read_text() + labels)
    assert read_export(export).labels == ("low", "high")


def test_an_export_from_before_2021_does_not_name_its_project(export: Path) -> None:
    edit(export / METADATA, "EI_CLASSIFIER_PROJECT_NAME", "NOTHING")
    edit(export / METADATA, "EI_CLASSIFIER_PROJECT_DEPLOY_VERSION", "NONE")
    found = read_export(export)
    assert found.description == "Edge Impulse: unnamed project, deployment 0 (EON)"


# Two impulses, whose macros describe the second; the first is the default one.
SEVERAL = """\
const char *ei_classifier_inferencing_categories_far[] = {"face"};
const char *ei_classifier_inferencing_categories_near[] = {"low", "high"};
const ei_impulse_t impulse_near = {
    .project_name = "near",
    .deploy_version = 3,
    .raw_sample_count = 1,
    .raw_samples_per_frame = 3,
    .frequency = 100,
    .has_anomaly = 0,
    .label_count = 2,
    .categories = ei_classifier_inferencing_categories_near,
};
const ei_impulse_t impulse_far = {
    .label_count = 1,
};
ei_impulse_handle_t handle_far = ei_impulse_handle_t( &impulse_far );
ei_impulse_handle_t handle_near = ei_impulse_handle_t( &impulse_near );
ei_impulse_handle_t& ei_default_impulse = handle_near;
"""


def several(export: Path, *, detects: str) -> Export:
    """Make it an export of `SEVERAL` impulses; `detects` says that the default one does not."""
    edit_all(export / METADATA, *DETECTS, ("LABEL_COUNT 2", "LABEL_COUNT 1"))
    text = SEVERAL.replace("    .has_anomaly = 0,", f"    .has_anomaly = 0,\n    {detects},")
    (export / VARIABLES).write_text(text)
    return read_export(export)


@pytest.mark.parametrize(
    "detects",
    [
        ".object_detection = 0",
        ".object_detection_count = 0",
        ".results_type = EI_CLASSIFIER_TYPE_CLASSIFICATION",
    ],
)
def test_of_several_impulses_the_default_one_runs(export: Path, detects: str) -> None:
    found = several(export, detects=detects)
    assert found.description == "Edge Impulse: near, deployment 3 (EON)"
    assert (found.kind, found.labels, found.features) == ("classification", ("low", "high"), 3)
    assert (found.frequency, found.outputs) == (100, (("scores", 2),))
    assert "  impulse the default one of 2, which run_classifier() runs" in found.facts()


def test_an_impulse_may_answer_an_anomaly_score_alone(export: Path) -> None:
    edit(export / METADATA, "LABEL_COUNT 2", "LABEL_COUNT 0")
    alone = SEVERAL.replace('{"low", "high"}', "{ }").replace("label_count = 2", "label_count = 1")
    alone = alone.replace("has_anomaly = 0", "has_anomaly = EI_ANOMALY_TYPE_KMEANS")
    far = alone.index("const ei_impulse_t impulse_far")
    single = alone[:far] + alone[alone.index("ei_impulse_handle_t handle_near") :]
    for text, impulses in ((single, 1), (alone, 2)):
        (export / VARIABLES).write_text(text)
        found = read_export(export)
        assert (found.kind, found.impulses) == ("anomaly", impulses)


def test_an_export_since_2025_tells_what_it_answers(export: Path) -> None:
    found = several(export, detects=".results_type = EI_CLASSIFIER_TYPE_OBJECT_DETECTION")
    assert (found.kind, found.outputs) == ("detection", (("boxes", 18),))
    edit(export / VARIABLES, "TYPE_OBJECT_DETECTION", "TYPE_REGRESSION")
    assert read_export(export).kind == "regression"


def test_a_folder_that_is_no_export_is_no_network(export: Path) -> None:
    folder = describe(export)
    edit(folder / "model.toml", '"loudness"', '"loudness/features"')
    assert "is not an export of Edge Impulse" in message(lambda: load_model(folder))


FEATURES: dict[str, tuple[str, str, str]] = {
    "too few": ("high.2.txt", "1, 2, 3", "holds 3 numbers, but high.1.txt holds 6"),
    "no number": ("low.2.txt", "1, 2, x, 4, 5, 6", "'x', value 2, is not a number"),
    "empty": ("low.2.txt", " \n", "holds no numbers"),
    "label": ("lwo.2.txt", "1, 2, 3, 4, 5, 6", "'lwo', the name up to its first dot"),
}


@pytest.mark.parametrize("case", FEATURES)
def test_samples_that_do_not_fit_are_refused(export: Path, case: str) -> None:
    name, text, expected = FEATURES[case]
    (export / "features" / name).write_text(text)
    assert expected in message(lambda: load_model(export).vectors)


def test_a_folder_without_samples_is_refused(export: Path) -> None:
    shutil.rmtree(export / "features")
    assert "there is no such folder\n  -> paste raw features" in message(
        lambda: load_model(export).vectors
    )
    (export / "features").mkdir()
    assert "holds no samples\n  -> paste raw features" in message(
        lambda: load_model(export).vectors
    )


def test_pixels_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "dog.txt").write_text("0xff0000, 0x00ff01\n")
    assert load_features(tmp_path, ["cat", "dog"]).inputs.tolist() == [[0xFF0000, 0x00FF01]]


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_features_that_are_no_numbers_are_refused(export: Path, value: str) -> None:
    (export / "features" / "low.2.txt").write_text(f"1, 2, 3, 4, 5, {value}")
    model = load_model(export)
    assert "vector 3 holds a value that is not finite" in message(lambda: model.check(model.graph))


def test_another_number_of_features_than_the_impulse_takes_is_refused(export: Path) -> None:
    edit(export / METADATA, "RAW_SAMPLE_COUNT 2", "RAW_SAMPLE_COUNT 4")
    model = load_model(export)
    assert "has shape [3, 6], but the model's input has [1, 12]" in message(
        lambda: model.check(model.graph)
    )


@needs_compilers
def test_engines_are_not_confused(export: Path, tmp_path: Path) -> None:
    network = load_model(ROOT / "models" / "faces").graph
    engine = find_engine("edge-impulse")
    assert "builds exports of Edge Impulse, not networks" in message(
        lambda: engine.generate(network, tmp_path, core="cortex-m4f")
    )
    assert "  -> build it with --engine=edge-impulse" in message(
        lambda: build_image(
            find_target("virtual-stm32", [ROOT / "targets"]),
            load_model(export),
            find_engine("cmsis-nn"),
            tmp_path / "images",
            toolchain=find_toolchain("gcc"),
        )
    )


# Agreement


def test_scores_are_compared_as_numbers() -> None:
    golden = np.array([[0.5, 0.5], [100.0, 0.0]], np.float32)
    ours = golden + np.array([[0.001, 0.0], [1.0, 0.0]], np.float32)
    assert score_differences([golden], [golden]).tolist() == [0, 0]
    assert score_differences([ours], [golden]) == pytest.approx([0.001, 0.01], rel=1e-4)
    assert score_differences([golden * np.nan], [golden]).tolist() == [np.inf, np.inf]


def test_scores_may_differ_by_what_rounding_moves_them() -> None:
    golden = [np.array([[0.25, 40.0], [0.5, 0.5]], np.float32)]
    moved = [np.array([[0.0, 0.0], [1 / 256, 0.0]])]
    limits = score_limits(golden, moved)
    assert limits[0][0].tolist() == [FLOAT_ROUNDING, 40 * FLOAT_ROUNDING]
    assert limits[0][1].tolist() == [FLOAT_ROUNDING + 2 / 256, FLOAT_ROUNDING]
    step = [golden[0] + np.array([[1 / 256, 0.004], [1 / 256, np.nan]], np.float32)]
    excess = score_excesses(step, golden, limits)[0]
    assert excess[0, 0] > 0  # a step of an int8 network that rounding does not explain
    assert excess[0, 1] == 0
    assert excess[1].tolist() == [0, np.inf]
    assert (
        score_limits(golden, None)[0].tolist() == score_limits(golden, [moved[0] * 0])[0].tolist()
    )


def test_copies_are_moved_by_a_share_of_their_axis() -> None:
    samples = np.array([[[1000.0, 0.5], [-10.0, 0.0]]], np.float32)
    copies = moved_copies(samples)
    assert copies.shape == (COPIES, 1, 2, 2)
    distance = np.abs(copies - samples).max(axis=0)[0]
    assert (distance > 0).all()
    assert (distance <= np.array([1000.0, 0.5]) * AMPLITUDE * 1.01 + 1e-4 * distance).all()


def test_a_class_counts_from_the_threshold_on() -> None:
    scores = np.array([[0.55, 0.45], [0.3, 0.7]], np.float32)
    assert classes(scores, 0.6).tolist() == [-1, 1]
    assert classes(scores, 0.0).tolist() == [0, 1]


# Running


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("exports"))


def run(model: Model, workspace: Workspace, *, profile: bool = False) -> Run:
    """Run `model` on the default target, and read its Record."""
    target = find_target("virtual-stm32", [ROOT / "targets"])
    engine, gcc = find_engine("edge-impulse"), find_toolchain("gcc")
    image = build_image(target, model, engine, workspace.images, toolchain=gcc)
    with opened(target, model, image, workspace.root, profile=profile) as dut:
        result = dut.run()
    record = read_record(record_run(result, workspace))
    assert record.numbers["classes_differing"].value == len(result.classes_differing)
    assert record.numbers["ram"].value == result.image.ram
    return result


@needs_compilers
def test_the_stand_in_answers_as_its_host_build(workspace: Workspace) -> None:
    result = run(load_model(STAND_IN), workspace, profile=True)
    assert "warning" not in (result.image.directory / "build.log").read_text()
    result.check()
    assert result.golden_source == edge_impulse_golden.version()
    assert result.score_differences.max() < 1e-6
    raw = result.vectors.inputs
    expected = 1 / (1 + np.exp(-raw.mean(axis=1)))
    assert result.outputs[:, 1] == pytest.approx(expected, abs=1e-6)
    assert result.all_outputs[1].ravel() == pytest.approx(abs(raw).max(axis=1) / 4)
    assert result.quality == 1
    assert result.profile_unavailable == ""
    assert result.profile is not None
    assert [layer.operator for layer in result.profile.layers] == list(STAGES)
    assert all(layer.ticks > 0 for layer in result.profile.layers)
    assert 0 < result.welcome.arena_size < 4096  # of the heap: 24 bytes, and what malloc adds
    assert result.memory.parts["heap"].ram == result.welcome.arena_size


@needs_compilers
def test_scores_that_are_not_golden_s_are_a_verdict(export: Path, workspace: Workspace) -> None:
    answers = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]], np.float32)
    inputs = load_model(STAND_IN).vectors.inputs
    np.savez(
        export / "vectors.npz",
        inputs=inputs,
        labels=[1, 1, 0],
        golden_0=answers,
        golden_1=abs(inputs).max(axis=1, keepdims=True) / 4,
        golden_source="a person",
    )
    result = run(load_model(export), workspace)
    with pytest.raises(Verdict) as caught:
        result.check()
    text = str(caught.value)
    assert "3 of 3 vectors differ from golden (a person) by more than rounding explains" in text
    assert "1 have a different class, first: vector 0, high 0.9010 instead of low" in text


@needs_compilers
def test_what_the_sdk_says_of_a_failure_is_told(export: Path, workspace: Workspace) -> None:
    (export / "features" / "high.loud.txt").write_text("2000, 0, 0, 0, 0, 0")
    model = load_model(export)
    with pytest.raises(
        InfrastructureError, match="layer 0 failed; the device logged: ERR: 2000 is too loud"
    ):
        edge_impulse_golden.answers(
            read_export(export), model.vectors.inputs, model.vectors.starts, workspace.golden
        )


@needs_compilers
def test_an_export_that_does_not_compile_is_told(export: Path, workspace: Workspace) -> None:
    edit(export / "tflite-model" / "trained_model_compiled.cpp", "1.0f -", "one -")
    found = read_export(export)
    with pytest.raises(InfrastructureError, match=r"(?s)for this computer:\n.*error: .one."):
        edge_impulse_golden.answers(
            found, np.zeros((1, 6), np.float32), np.ones(1, np.bool_), workspace.golden
        )


def running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@needs_compilers
def test_golden_s_program_is_built_while_the_image_is(export: Path, tmp_path: Path) -> None:
    golden = tmp_path / "golden"
    model = load_model(export)
    with oracle.prepared(model, golden):
        pass
    (program,) = golden.glob("host-*/program")
    built = program.stat().st_mtime_ns
    oracle.of_model(model, model.vectors, golden, lambda _: None)
    assert program.stat().st_mtime_ns == built
    program.unlink()
    with oracle.prepared(model, golden):  # the outputs are kept
        pass
    assert not program.exists()


@needs_compilers
def test_golden_s_program_is_not_built_on_if_the_image_fails(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden, compiler = tmp_path / "golden", tmp_path / "bin" / "cc"
    compiler.parent.mkdir()
    started = tmp_path / "started"
    compiler.write_text(
        f"#!/bin/sh\necho $$ >{started}.new\nmv {started}.new {started}\nsleep 60\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{compiler.parent}:{os.environ['PATH']}")

    def fail() -> None:
        with oracle.prepared(load_model(export), golden):
            deadline = time.monotonic() + 30
            while not started.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            raise InputError("the image is too large")

    assert message(fail) == "the image is too large"
    deadline = time.monotonic() + 10
    while running(int(started.read_text())):
        assert time.monotonic() < deadline, "the compiler runs on"
        time.sleep(0.05)
    assert list(golden.glob("host-*/program")) == []


def logs_in_c(sdk: Path) -> None:
    """Let `sdk` call DebugLog, a C function that its porting header does not declare."""
    header = sdk / "tensorflow" / "lite" / "micro" / "debug_log.h"
    header.parent.mkdir(parents=True)
    header.write_text('extern "C" void DebugLog(const char *text);\n')
    edit(sdk / "dsp" / "loudest.cpp", "    float most", '    DebugLog("loudest");\n    float most')
    edit(
        sdk / "dsp" / "loudest.cpp",
        "#include <math.h>",
        '#include "edge-impulse-sdk/tensorflow/lite/micro/debug_log.h"\n#include <math.h>',
    )


@needs_compilers
def test_boxes_and_times_of_an_sdk_of_2021(export: Path, workspace: Workspace) -> None:
    edit_all(export / METADATA, *DETECTS)
    edit(export / VARIABLES, '"low"', r'"l\"ow"')
    types = export / "edge-impulse-sdk" / "classifier" / "ei_classifier_types.h"
    for kind in ("dsp", "classification", "anomaly"):
        edit(types, f"int64_t {kind}_us;", f"int {kind};")
        edit(
            types.with_name("ei_run_classifier.h"),
            f"timing.{kind}_us = (int64_t)",
            f"timing.{kind} = (int)",
        )
    edit(types.with_name("ei_run_classifier.h"), "ei_read_timer_us", "ei_read_timer_ms")
    edit(types.with_name("ei_run_classifier.h"), "run_classifier_init", "of_no_sdk_of_2020")
    logs_in_c(export / "edge-impulse-sdk")
    edit(
        types,
        "    float anomaly;",
        "    struct { const char *label; uint32_t x, y, width, height; "
        "float value; } bounding_boxes[EI_CLASSIFIER_OBJECT_DETECTION_COUNT];\n    float anomaly;",
    )
    edit(
        types.with_name("ei_run_classifier.h"),
        "    result->anomaly =",
        '    result->bounding_boxes[1] = {"high", 1, 2, 3, 4, scores[1]};\n    result->anomaly =',
    )
    model = load_model(export)
    result = run(model, workspace, profile=True)
    result.check()
    assert result.outputs[0].ravel()[:6].tolist() == [0] * 6
    assert result.outputs[0].ravel()[6:11].tolist() == [1, 1, 2, 3, 4]
    assert result.profile is not None
    assert all(layer.ticks > 0 for layer in result.profile.layers)
    assert model.export is not None
    moved = rounding(model.export, result.vectors, result.all_golden, workspace.golden)
    assert [values.shape for values in moved] == [(3, 18), (3, 1)]
    assert 0 < max(values.max() for values in moved) < 1e-3


CONTINUOUS = """\

extern "C" inline EI_IMPULSE_ERROR run_classifier_continuous(
    signal_t *signal, ei_impulse_result_t *result, bool debug = false) {
    EI_IMPULSE_ERROR status = run_classifier(signal, result, debug);
    result->classification[0].value = (float)(++slices);
    return status;
}
"""


@needs_compilers
def test_slices_follow_one_another_within_a_sample(export: Path, workspace: Workspace) -> None:
    edit_all(
        export / METADATA,
        ("FREQUENCY 62.5", "FREQUENCY 8000"),
        (
            "#define EI_CLASSIFIER_LABEL",
            "#define EI_CLASSIFIER_SLICES_PER_MODEL_WINDOW 2\n"
            "#define EI_CLASSIFIER_SLICE_SIZE 3\n#define EI_CLASSIFIER_LABEL",
        ),
    )
    edit_all(
        export / "edge-impulse-sdk" / "classifier" / "ei_run_classifier.h",
        (
            "inline void run_classifier_init() {",
            "static int slices;\n\ninline void run_classifier_init() {\n    slices = 0;",
        ),
        ("\n#endif", CONTINUOUS + "\n#endif"),
    )
    folder = describe(export, more='continuous = true\nvectors = "loudness/features"')
    model = load_model(folder)
    assert model.export is not None
    assert model.export.facts()[2] == (
        "  input   3 raw features: one of 2 slices of a window, 8000 per second"
    )
    assert model.vectors.recordings is not None
    assert model.vectors.recordings.tolist() == [0, 0, 1, 1, 2, 2]
    result = run(model, workspace)
    assert result.outputs[:, 0].tolist() == [1, 2] * 3
    assert result.bytes_differing == 0


def test_only_audio_has_slices(export: Path) -> None:
    folder = describe(export, more="continuous = true")
    assert "continuous: the export does not classify audio" in message(lambda: load_model(folder))
    edit(folder / "model.toml", 'model = "loudness"', 'model = "net.tflite"')
    assert "continuous: only an Edge Impulse export takes slices" in message(
        lambda: load_model(folder)
    )


@needs_compilers
def test_a_real_export_answers_as_its_host_build(workspace: Workspace) -> None:
    folder = os.environ.get(REAL)
    if folder is None:
        pytest.skip(f"no real export: {REAL} names none")
    run(load_model(Path(folder)), workspace, profile=True).check()
