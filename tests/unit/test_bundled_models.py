"""The models that come with the harness: small, stratified, and golden to the byte."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.errors import ExitCode
from harness.golden import oracle
from harness.measure.quality import quality_of
from harness.model.folder import Model, find_model, list_models
from harness.model.model_file import DESCRIPTION

ROOT = Path(__file__).parents[2]
LIMIT = 300_000  # bytes of a model's folder

MODELS = list_models([ROOT / "models"])


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    return find_model(request.param, [ROOT / "models"])


def test_there_are_different_tasks() -> None:
    assert set(MODELS) == {"anomaly", "digits", "faces", "gesture", "vowels"}


def test_golden_is_what_the_installed_tflite_micro_computes(model: Model) -> None:
    outputs = oracle.outputs(model.tflite, model.vectors.inputs[:, None], where=model.name)[:, 0]
    assert model.vectors.golden is not None
    assert np.array_equal(outputs, model.vectors.golden)


def test_the_floor_is_a_little_below_what_golden_reaches(model: Model) -> None:
    graph = model.graph
    golden = model.vectors.all_golden
    assert golden is not None
    reached = quality_of(model.metric, model.vectors, golden, golden, graph)
    assert model.quality_target < reached < model.quality_target + 0.05


def test_the_floor_is_above_what_an_answer_that_is_always_the_same_reaches(model: Model) -> None:
    graph = model.graph
    shape = (len(model.vectors), *graph.tensors[graph.outputs[0]].shape[1:])
    for value in (-128, 0, 127):
        same = np.full(shape, value, np.int8)
        quality = quality_of(model.metric, model.vectors, (same,), (same,), graph)
        assert quality < model.quality_target


def test_every_label_has_as_many_vectors_and_the_first_are_one_of_each(model: Model) -> None:
    labels = model.vectors.class_labels
    classes, counts = np.unique(labels, return_counts=True)
    assert classes.tolist() == list(range(len(model.classes)))
    assert len(set(counts.tolist())) == 1
    assert sorted(labels[: len(classes)].tolist()) == classes.tolist()


def test_a_model_is_small_and_complete(model: Model) -> None:
    names = {path.name for path in model.path.iterdir() if path.is_file()}
    assert names == {
        DESCRIPTION,
        "README.md",
        "float.npz",
        "model.tflite",
        "train.py",
        "vectors.npz",
    }
    files = [model.path / name for name in names]
    assert sum(path.stat().st_size for path in files) <= LIMIT


def test_input_and_output_are_int8_with_a_batch_of_one(model: Model) -> None:
    graph = model.graph
    for index in (*graph.inputs, *graph.outputs):
        assert graph.tensors[index].dtype == np.int8
        assert graph.tensors[index].shape[0] == 1
    # What a batch that is left open leaves behind.
    assert not {operator.kind for operator in graph.operators} & {"SHAPE", "STRIDED_SLICE", "PACK"}


def test_the_command_in_its_readme_makes_the_same_model(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tinyml-harness").symlink_to(ROOT)
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    [command] = re.findall(
        r"^```\nharness (models add .*?)```$",
        (model.path / "README.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert main(shlex.split(command.replace("\\\n", ""))) == ExitCode.PASSED
    made = find_model(model.name, [tmp_path / "mine" / "models"])
    for fact in ("digest", "task", "metric", "quality_target", "classes"):
        assert getattr(made, fact) == getattr(model, fact)
    assert np.array_equal(made.vectors.inputs, model.vectors.inputs)
    assert np.array_equal(made.vectors.class_labels, model.vectors.class_labels)
    assert made.vectors.golden is not None
    assert model.vectors.golden is not None
    assert np.array_equal(made.vectors.golden, model.vectors.golden)
