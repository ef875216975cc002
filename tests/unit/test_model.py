"""Model folders: what loads, and what a person reads when one is wrong.

Every `tests/data/models/invalid_<rule>.toml` differs from `valid.toml` in one thing.
"""

import hashlib
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import InputError
from harness.measure.agreement import Difference, bytes_differing, first_difference
from harness.measure.quality import accuracy, quality_of
from harness.model.folder import Model, find_model, list_models, load_model
from harness.model.graph import Graph, Operator, Tensor
from harness.model.vectors import Vectors, load_vectors
from harness.model.vectors_fit import check_vectors
from harness.results.record_file import read_record

ROOT = Path(__file__).parents[2]
DESCRIPTIONS = ROOT / "tests" / "data" / "models"
NETWORK = b"the bytes of a network; nothing here parses them"

# What `model.toml` may not say: the file's name -> the key, the message, the next step.
INVALID_DESCRIPTIONS = {
    "invalid_classes_repeated": (": classes", "names on more than once", "name every output once"),
    "invalid_classes_type": (": classes[", "Expected `str`, got `int`", ""),
    "invalid_data_missing": (": provenance", "`data`", ""),
    "invalid_description_empty": (": description", "length >= 1", ""),
    "invalid_description_missing": ("", "`description`", ""),
    "invalid_quality_target_above_one": (
        ": quality_target",
        "97.0 is not between 0 and 1",
        "for example 0.97",
    ),
    "invalid_quality_target_below_zero": (
        ": quality_target",
        "-0.1 is not between 0 and 1",
        "for example 0.97",
    ),
    "invalid_quality_target_missing": ("", "`quality_target`", ""),
    "invalid_quality_target_nan": (
        ": quality_target",
        "nan is not between 0 and 1",
        "for example 0.97",
    ),
    "invalid_quality_target_type": (": quality_target", "Expected `float`, got `str`", ""),
    "invalid_input_missing": ("", "`input`", ""),
    "invalid_key_unknown": ("", "`flor`", ""),
    "invalid_licence_empty": (": provenance.licence", "length >= 1", ""),
    "invalid_licence_missing": (": provenance", "`licence`", ""),
    "invalid_metric_of_other_task": (
        ": metric",
        "auc is not a metric of classification",
        'write metric = "accuracy"',
    ),
    "invalid_metric_unknown": (": metric", "'f1'", ""),
    "invalid_model_absent": (
        ": model",
        "absent.tflite cannot be read: No such file",
        "set `model`",
    ),
    "invalid_model_empty_name": (": model", "length >= 1", ""),
    "invalid_provenance_key_unknown": (": provenance", "`author`", ""),
    "invalid_provenance_missing": ("", "`provenance`", ""),
    "invalid_quality_target_negative_error": (
        ": quality_target",
        "-0.5 is not an error of 0 or more",
        "give the largest mean absolute error that passes",
    ),
    "invalid_quality_target_infinite_error": (": quality_target", "inf is not an error of 0", ""),
    "invalid_unit_of_classes": (": unit", "classification has no unit", "remove `unit`"),
    "invalid_unit_with_spaces": (": unit", "'beats per minute' is not a unit", "without spaces"),
    "invalid_unit_of_sizes": (": unit", "`byte` is the unit of sizes", 'write unit = "B"'),
    "invalid_unit_type": (": unit", "Expected `str`", ""),
    "invalid_classes_of_regression": (": classes", "a regression has no classes", "remove"),
    "invalid_syntax": ("", "is not valid TOML", ""),
    "invalid_task_unknown": (": task", "'ranking'", ""),
}


def arrays() -> dict[str, Any]:
    """Return valid vectors for `valid.toml`: four times three bytes, two classes."""
    return {
        "inputs": np.arange(12, dtype=np.int8).reshape(4, 3),
        "labels": np.array([0, 0, 1, 1]),
        "golden": np.array([[5, -5], [5, -5], [-5, 5], [5, -5]], dtype=np.int8),
        "golden_source": np.array("an interpreter 1.0"),
    }


def make(folder: Path, description: str = "valid") -> Path:
    folder.mkdir(parents=True)
    shutil.copy(DESCRIPTIONS / f"{description}.toml", folder / "model.toml")
    (folder / "model.tflite").write_bytes(NETWORK)
    np.savez_compressed(folder / "vectors.npz", **arrays())
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "switch")


def message(action: Callable[[], object]) -> str:
    """Return what a person reads when `action` refuses its input."""
    with pytest.raises(InputError) as caught:
        action()
    return str(caught.value)


# Loading


def test_a_valid_folder_loads(folder: Path) -> None:
    model = load_model(folder)
    assert model.name == "switch"
    assert model.task == "classification"
    assert model.metric == "accuracy"
    assert model.quality_target == 0.5
    assert model.classes == ("off", "on")
    assert model.provenance.licence == "Apache-2.0"
    assert model.tflite == NETWORK
    assert model.digest == hashlib.sha256(NETWORK).hexdigest()
    assert len(model.vectors) == 4
    assert model.vectors.golden_source == "an interpreter 1.0"
    model.check(network((1, 3), (1, 2)))


def test_the_name_is_the_folder_s_even_for_a_relative_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert load_model(Path()).name == "switch"


def test_a_model_without_vectors_loads_until_they_are_asked_for(folder: Path) -> None:
    (folder / "vectors.npz").unlink()
    model = load_model(folder)
    assert message(lambda: model.vectors) == (
        f"{folder / 'vectors.npz'}: cannot be read: No such file or directory\n"
        "  -> save vectors there with np.savez_compressed(path, inputs=..., labels=...)"
    )


def test_vectors_cannot_be_changed_under_their_digest(folder: Path) -> None:
    vectors = load_model(folder).vectors
    with pytest.raises(ValueError, match="read-only"):
        vectors.inputs[0, 0] = 1


def test_the_digest_of_vectors_is_of_inputs_and_labels_alone(tmp_path: Path) -> None:
    def digest(**changed: Any) -> str:
        path = tmp_path / "v.npz"
        np.savez(path, **{**arrays(), **changed})
        return load_vectors(path).digest

    same = digest()
    assert digest(golden=np.zeros((4, 2), np.int8)) == same
    assert digest(labels=np.array([0, 0, 1, 1], dtype=np.uint8)) == same
    assert digest(labels=np.array([0, 1, 1, 1])) != same
    assert digest(inputs=arrays()["inputs"].reshape(4, 3, 1)) != same
    assert digest(inputs=np.zeros((4, 3), np.int8)) != same


def test_golden_is_optional(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", inputs=arrays()["inputs"], labels=arrays()["labels"])
    assert load_vectors(tmp_path / "v.npz").golden is None


# Descriptions


def test_every_invalid_description_has_a_test() -> None:
    assert {path.stem for path in DESCRIPTIONS.glob("invalid_*.toml")} == set(INVALID_DESCRIPTIONS)


@pytest.mark.parametrize("rule", INVALID_DESCRIPTIONS)
def test_an_invalid_description_is_explained(tmp_path: Path, rule: str) -> None:
    key, what, remedy = INVALID_DESCRIPTIONS[rule]
    folder = make(tmp_path / "switch", rule)
    text = message(lambda: load_model(folder))
    assert text.startswith(f"{folder / 'model.toml'}{key}")
    assert what in text
    assert remedy in text


def test_a_missing_folder_and_one_without_a_description_are_explained(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert message(lambda: load_model(missing)) == (
        f"{missing}: no such model folder\n  -> give a folder that holds model.toml"
    )
    assert message(lambda: load_model(tmp_path)) == (
        f"{tmp_path}: is not a model: it has no model.toml\n"
        "  -> give a folder that holds model.toml"
    )


def test_a_file_in_place_of_a_folder_is_explained(folder: Path) -> None:
    network = folder / "model.tflite"
    assert message(lambda: find_model(str(network), [])) == (
        f"{network}: is a file, not a model folder\n  -> give a folder that holds model.toml"
    )


def test_an_empty_network_is_explained(folder: Path) -> None:
    (folder / "model.tflite").write_bytes(b"")
    text = message(lambda: load_model(folder))
    assert f"{folder / 'model.toml'}: model: {folder / 'model.tflite'} is empty" in text


# Labels of each task


def regression(folder: Path, labels: Any, **changed: Any) -> Model:
    """Make `folder` a model whose output is a value for each of three bytes."""
    shutil.copy(DESCRIPTIONS / "regression.toml", folder / "model.toml")
    held = {**arrays(), "golden": arrays()["inputs"], "labels": np.asarray(labels), **changed}
    np.savez(folder / "vectors.npz", **held)
    return load_model(folder)


def agreement(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Model:
    text = (folder / "model.toml").read_text()
    text = text.replace('"classification"', '"agreement"').replace('"accuracy"', '"agreement"')
    (folder / "model.toml").write_text(text)
    np.savez(folder / "vectors.npz", **change(arrays()))
    return load_model(folder)


def test_a_regression_has_real_labels_a_unit_and_an_upper_bound(folder: Path) -> None:
    model = regression(folder, [[1.5], [2], [3], [-4]])
    assert (model.task, model.metric, model.unit) == ("regression", "mae", "°C")
    assert model.vectors.real_labels.tolist() == [[1.5], [2], [3], [-4]]
    (folder / "model.toml").write_text(
        (folder / "model.toml").read_text().replace("quality_target = 0.5", "quality_target = 40")
    )
    assert load_model(folder).quality_target == 40


def test_a_model_without_a_unit_has_the_number_s_own(folder: Path) -> None:
    assert load_model(folder).unit == "1"


@pytest.mark.parametrize(
    ("labels", "output"),
    [
        (np.zeros(4), (1, 1)),
        (np.zeros((4, 1), np.float32), (1, 1)),
        (np.zeros((4, 1, 1)), (1, 1)),
        (np.arange(4), (1, 1)),  # whole numbers are real
        (np.zeros((4, 3)), (1, 3)),
        (np.zeros((4, 3)), (1, 1, 3)),
        (np.zeros((4, 6)), (1, 2, 3)),
        (np.zeros((4, 2, 3)), (1, 2, 3)),
    ],
)
def test_labels_have_a_value_for_each_value_of_the_output(
    folder: Path, labels: Any, output: tuple[int, ...]
) -> None:
    golden = np.zeros((4, *output[1:]), np.int8)
    regression(folder, labels, golden=golden).check(network((1, 3), output))


@pytest.mark.parametrize(
    ("labels", "output", "has", "stored"),
    [
        (np.zeros(4), (1, 3), "[4], but the model has an output of [1, 3]", "[4, 3]"),
        (np.zeros((4, 2)), (1, 3), "[4, 2], but the model has an output of [1, 3]", "[4, 3]"),
        (np.zeros((4, 2)), (1, 1), "[4, 2], but the model has an output of [1, 1]", "[4]"),
        (np.zeros((4, 0)), (1, 1), "[4, 0], but the model has an output of [1, 1]", "[4]"),
        (
            np.zeros((4, 3, 2)),
            (1, 2, 3),
            "[4, 3, 2], but the model has an output of [1, 2, 3]",
            "[4, 2, 3]",
        ),
    ],
)
def test_labels_of_another_shape_than_the_output_s_name_both(
    folder: Path, labels: Any, output: tuple[int, ...], has: str, stored: str
) -> None:
    model = regression(folder, labels, golden=np.zeros((4, *output[1:]), np.int8))
    assert message(lambda: model.check(network((1, 3), output))) == (
        f"{folder / 'vectors.npz'}: labels: has shape {has}\n"
        f"  -> store a real value for each value of the output: shape {stored}"
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_label_that_is_no_number_names_the_vector(folder: Path, wrong: float) -> None:
    model = regression(folder, [[1.0, 2.0], [3.0, 4.0], [5.0, wrong], [wrong, 6.0]])
    assert message(lambda: model.vectors) == (
        f"{folder / 'vectors.npz'}: labels: vector 2 has a label that is not finite\n"
        "  -> remove the vectors without a label"
    )


def test_classes_that_are_real_values_are_the_task_regression(folder: Path) -> None:
    np.savez(folder / "vectors.npz", **put(labels=np.zeros(4, np.float32))(arrays()))
    model = load_model(folder)
    text = message(lambda: model.check(network((1, 3), (1, 2))))
    assert text.startswith(
        f"{folder / 'vectors.npz'}: labels: has type float32, not an integer type"
    )
    assert "for real values, float32 or float64, give the task regression" in text


@pytest.mark.parametrize("kind", ["f2", ">f8", "c8", "?", "U1"])
def test_labels_of_another_type_are_refused(folder: Path, kind: str) -> None:
    model = regression(folder, np.zeros(4).astype(kind))
    text = message(lambda: model.vectors)
    assert text.startswith(f"{folder / 'vectors.npz'}: labels: has type")


def test_windows_of_a_recording_may_have_different_values_but_one_class(folder: Path) -> None:
    recordings = np.array([1, 1, 2, 2])
    assert regression(folder, [1.0, 2, 3, 4], recordings=recordings).vectors.recordings is not None
    np.savez(folder / "vectors.npz", **drop("labels")(put(recordings=recordings)(arrays())))
    assert load_vectors(folder / "vectors.npz").recordings is not None


def test_agreement_needs_no_labels_and_takes_none(folder: Path) -> None:
    model = agreement(folder, drop("labels"))
    model.check(network((1, 3), (1, 2)))
    assert model.vectors.labels is None
    assert len(model.vectors) == 4
    labelled = agreement(folder, put())
    assert message(lambda: labelled.check(network((1, 3), (1, 2)))) == (
        f"{folder / 'vectors.npz'}: labels: is in the file, but the task agreement uses no labels\n"
        "  -> remove them, or give the task that they are for: classification or regression"
    )


@pytest.mark.parametrize("description", ["valid", "regression"])
def test_a_task_with_labels_says_which_task_has_none(folder: Path, description: str) -> None:
    shutil.copy(DESCRIPTIONS / f"{description}.toml", folder / "model.toml")
    np.savez(folder / "vectors.npz", **drop("labels")(arrays()))
    model = load_model(folder)
    assert message(lambda: model.check(network((1, 3), (1, 2)))) == (
        f"{folder / 'vectors.npz'}: labels: is missing\n"
        "  -> save it as labels=..., or give the task agreement, which needs none"
    )


def test_the_digest_of_vectors_is_that_of_earlier_records(folder: Path) -> None:
    """Records are compared only if their vectors are the same."""
    for path in (ROOT / "tests" / "data" / "records").glob("*.json"):
        record = read_record(path)
        model = find_model(record.model.name, [ROOT / "models"])
        assert model.vectors.digest == record.model.vectors
    digests = {
        load_vectors(folder / "vectors.npz").digest,
        regression(folder, [1.0, 2, 3, 4]).vectors.digest,
        regression(folder, [1.0, 2, 3, 5]).vectors.digest,
        agreement(folder, drop("labels")).vectors.digest,
    }
    assert len(digests) == 4


# The models that come with the harness


@pytest.mark.parametrize("name", list_models([ROOT / "models"]))
def test_a_bundled_model_is_valid_and_its_golden_outputs_pass(name: str) -> None:
    model = find_model(name, [ROOT / "models"])
    graph = model.graph
    model.check(graph)
    golden = model.vectors.all_golden
    assert golden is not None
    quality = quality_of(model.metric, model.vectors, golden, golden, graph)
    assert quality >= model.quality_target


def network(source: tuple[int, ...], result: tuple[int, ...], dtype: Any = np.int8) -> Graph:
    """Return a network of these shapes that takes `dtype`."""
    made = (
        Tensor(0, "in", source, np.dtype(dtype)),
        Tensor(1, "out", result, np.dtype(np.int8)),
    )
    return Graph(made, (Operator(0, "SOFTMAX", (0,), (1,)),), (0,), (1,), "made up")


# Vectors

Change = Callable[[dict[str, Any]], dict[str, Any]]


def put(**changed: Any) -> Change:
    return lambda held: {**held, **changed}


def drop(name: str) -> Change:
    return lambda held: {key: value for key, value in held.items() if key != name}


A = np.zeros((4, 3), np.int8)
"""An array for four vectors."""

# What an .npz may not hold: rule -> how it differs, the array, the message, the next step.
INVALID_VECTORS: dict[str, tuple[Change, str, str, str]] = {
    "inputs missing": (
        drop("inputs"),
        "inputs",
        "is missing; the file holds golden, golden_source, labels",
        "save it as inputs=...",
    ),
    "inputs twice": (
        put(inputs_0=np.zeros((4, 3), np.int8)),
        "inputs",
        "is in the file together with inputs_0",
        "store inputs for one, or inputs_0, inputs_1 and so on for several",
    ),
    "an input missing": (
        lambda held: {**drop("inputs")(held), "inputs_0": A, "inputs_2": A},
        "inputs_1",
        "is missing; the file holds golden, golden_source, inputs_0, inputs_2, labels",
        "save it as inputs_1=...",
    ),
    "inputs counted from one": (
        lambda held: {**drop("inputs")(held), "inputs_1": A, "inputs_2": A},
        "inputs_0",
        "is missing",
        "save it as inputs_0=...",
    ),
    "inputs misnumbered": (
        put(inputs_01=np.zeros((4, 3), np.int8)),
        "inputs_01",
        "is an unknown array",
        "",
    ),
    "inputs of different length": (
        lambda held: {**drop("inputs")(held), "inputs_0": A, "inputs_1": A[:3]},
        "inputs_1",
        "holds 3 vectors, but inputs_0 holds 4",
        "store one value of each input for every vector",
    ),
    "second input of another type": (
        lambda held: {**drop("inputs")(held), "inputs_0": A, "inputs_1": A.astype(np.int64)},
        "inputs_1",
        "has type int64, not one of int8, uint8, int16, int32, float32",
        "quantize with",
    ),
    "golden twice": (
        put(golden_0=np.zeros((4, 2), np.int8)),
        "golden",
        "is in the file together with golden_0",
        "golden_1 and so on",
    ),
    "second golden too short": (
        lambda held: {**drop("golden")(held), "golden_0": A, "golden_1": A[:3]},
        "golden_1",
        "has shape [3, 3], but there are 4 inputs",
        "one output for each input",
    ),
    "golden of several without source": (
        lambda held: {**drop("golden_source")(drop("golden")(held)), "golden_0": A},
        "golden_source",
        "does not name the source of `golden`",
        "save interpreter and version as text",
    ),
    "labels missing": (drop("labels"), "labels", "is missing", "save it as labels=..."),
    "array unknown": (
        put(goldn=np.zeros((4, 2), np.int8)),
        "goldn",
        "is an unknown array",
        "did you mean golden",
    ),
    "inputs with objects": (
        put(inputs=np.array([None] * 4)),
        "inputs",
        "holds Python objects",
        "save plain numbers, without Python objects",
    ),
    "inputs not quantized": (
        put(inputs=np.zeros((4, 3))),
        "inputs",
        "has type float64, not one of int8, uint8, int16, int32, float32",
        "quantize with the model's input scale and zero point: np.clip(",
    ),
    "inputs flat": (put(inputs=np.zeros(4, np.int8)), "inputs", "has shape [4]", "[N, *shape"),
    "no vectors": (
        put(inputs=np.zeros((0, 3), np.int8), labels=np.zeros(0, np.int64)),
        "inputs",
        "holds no vectors",
        "store at least one",
    ),
    "labels not whole": (
        put(labels=np.zeros(4)),
        "labels",
        "has type float64, not an integer type",
        "labels.astype(np.int64)",
    ),
    "labels too few": (
        put(labels=np.zeros(3, np.int64)),
        "labels",
        "has shape [3], but there are 4 inputs",
        "shape [4]",
    ),
    "labels one-hot": (
        put(labels=np.zeros((4, 2), np.int64)),
        "labels",
        "has shape [4, 2], but there are 4 inputs",
        "one label for each input",
    ),
    "recordings not whole": (
        put(recordings=np.zeros(4)),
        "recordings",
        "has type float64, not an integer type",
        "recordings.astype(np.int64)",
    ),
    "recordings too few": (
        put(recordings=np.zeros(3, np.int64)),
        "recordings",
        "has shape [3], but there are 4 inputs",
        "one recording for each input",
    ),
    "golden dequantized": (
        put(golden=np.zeros((4, 2))),
        "golden",
        "has type float64, not one of int8, uint8, int16, int32, float32",
        "not dequantized values",
    ),
    "golden too short": (
        put(golden=np.zeros((3, 2), np.int8)),
        "golden",
        "has shape [3, 2], but there are 4 inputs",
        "one output for each input",
    ),
    "golden of unknown source": (
        drop("golden_source"),
        "golden_source",
        "does not name the source of `golden`",
        "save interpreter and version as text",
    ),
    "golden source not text": (
        put(golden_source=np.array(1.0)),
        "golden_source",
        "does not name the source of `golden`",
        "save interpreter and version as text",
    ),
}


@pytest.mark.parametrize("rule", INVALID_VECTORS)
def test_invalid_vectors_are_explained(tmp_path: Path, rule: str) -> None:
    change, array, what, remedy = INVALID_VECTORS[rule]
    path = tmp_path / "vectors.npz"
    np.savez(path, **change(arrays()))
    text = message(lambda: load_vectors(path).class_labels)
    assert text.startswith(f"{path}: {array}: {what}")
    assert remedy in text


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_that_is_no_class_is_explained(folder: Path, label: int) -> None:
    path = folder / "vectors.npz"
    np.savez(path, **{**arrays(), "labels": np.array([0, 1, label, 1])})
    model = load_model(folder)
    assert message(lambda: model.vectors) == (
        f"{path}: labels: vector 2 has label {label}, but model.toml names 2 classes\n"
        "  -> count classes from 0 to 1"
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"neither zip nor numpy", "a text file"),
        (b"\x93NUMPY", "an .npy file"),
        (pickle.dumps([1, 2, 3]), "a Python pickle"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a WAV recording"),
        (b"\x7fELF\1\1\1\0", "an ELF file"),
        (b"\x1c\0\0\0TFL3", "a .tflite file"),
        (bytes(64), "a file of an unknown kind"),
    ],
)
def test_a_file_that_is_no_npz_is_explained(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "vectors.npz"
    path.write_bytes(content)
    assert message(lambda: load_vectors(path)) == (
        f"{path}: is not an .npz file: it is {kind}\n"
        "  -> save vectors there with np.savez_compressed(path, inputs=..., labels=...)"
    )


def test_a_damaged_npz_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    np.savez(path, **arrays())
    data = bytearray(path.read_bytes())
    at = data.index(arrays()["inputs"].tobytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    assert message(lambda: load_vectors(path)).startswith(f"{path}: inputs: is damaged: Bad CRC")


# Vectors against the network


def test_vectors_that_do_not_fit_the_network_are_explained(folder: Path) -> None:
    vectors = load_model(folder).vectors
    where = vectors.path
    assert message(lambda: check_vectors(vectors, network((1, 2, 2), (1, 2)))) == (
        f"{where}: inputs: has shape [4, 3], but the model's input has [1, 2, 2]\n"
        "  -> store it as [4, 2, 2]"
    )
    assert message(lambda: check_vectors(vectors, network((1, 3), (1, 2), np.float32))) == (
        f"{where}: inputs: has type int8, but the model's input has float32\n"
        "  -> convert the model with int8 input: converter.inference_input_type = tf.int8"
    )
    assert message(lambda: check_vectors(vectors, network((1, 3), (1, 5)))) == (
        f"{where}: golden: has shape [4, 2], but the model's output has [1, 5]\n"
        "  -> store it as [4, 5]"
    )


def several(folder: Path, **changed: Any) -> Vectors:
    """Return vectors for inputs int8 [1, 3] and float32 [1, 2, 2], outputs int32 [1] and int8."""
    held: dict[str, Any] = {
        "inputs_0": A,
        "inputs_1": np.zeros((4, 2, 2), np.float32),
        "labels": np.zeros(4, np.int64),
        "golden_0": np.zeros(4, np.int32),
        "golden_1": A,
        "golden_source": np.array("made up"),
    }
    np.savez(folder / "vectors.npz", **held | changed)
    return load_vectors(folder / "vectors.npz")


def several_ends() -> Graph:
    made = (
        Tensor(0, "a", (1, 3), np.dtype(np.int8)),
        Tensor(1, "b", (1, 2, 2), np.dtype(np.float32)),
        Tensor(2, "class", (1,), np.dtype(np.int32)),
        Tensor(3, "scores", (1, 3), np.dtype(np.int8)),
    )
    operators = (Operator(0, "ADD", (0, 1), (3,)), Operator(1, "ARG_MAX", (3,), (2,)))
    return Graph(made, operators, (0, 1), (2, 3), "several")


def test_vectors_of_several_inputs_and_outputs_are_read(folder: Path) -> None:
    vectors = several(folder)
    check_vectors(vectors, several_ends())
    assert [array.dtype for array in vectors.all_inputs] == [np.int8, np.float32]
    assert vectors.all_golden is not None
    assert [array.shape for array in vectors.all_golden] == [(4,), (4, 3)]
    assert len(vectors) == 4


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"inputs_2": A},
            "inputs: covers 3 inputs, but the model has 2\n"
            "  -> store inputs_0 to inputs_1, in the model's order",
        ),
        (
            {"inputs_1": np.zeros((4, 2, 2), np.int8)},
            "inputs_1: has type int8, but the model's input has float32\n"
            "  -> convert the model with int8 input: converter.inference_input_type = tf.int8",
        ),
        (
            {"inputs_0": np.zeros((4, 3), np.float32)},
            "inputs_0: has type float32, but the model's input has int8\n  -> quantize with",
        ),
        (
            {"inputs_0": np.zeros((4, 3), np.uint8)},
            "inputs_0: has type uint8, but the model's input has int8\n"
            "  -> store the inputs in the model's type, int8",
        ),
        (
            {"inputs_1": np.zeros((4, 4), np.float32)},
            "inputs_1: has shape [4, 4], but the model's input has [1, 2, 2]\n"
            "  -> store it as [4, 2, 2]",
        ),
        (
            {"golden_0": np.zeros(4, np.int8)},
            "golden_0: has type int8, but the model's output has int32\n"
            "  -> store the output bytes",
        ),
        (
            {"golden_1": np.zeros((4, 2), np.int8)},
            "golden_1: has shape [4, 2], but the model's output has [1, 3]\n"
            "  -> store it as [4, 3]",
        ),
        (
            {"golden_2": A},
            "golden: covers 3 outputs, but the model has 2\n"
            "  -> store golden_0 to golden_1, in the model's order",
        ),
    ],
)
def test_one_of_several_that_does_not_fit_is_named(
    folder: Path, changed: dict[str, Any], text: str
) -> None:
    vectors = several(folder, **changed)
    said = message(lambda: check_vectors(vectors, several_ends()))
    assert said.startswith(f"{vectors.path}: {text}")


def test_the_largest_output_is_the_answer_or_the_output_itself() -> None:
    labels = np.array([0, 2, 1])
    scores = np.array([[3, 1, 3], [0, 0, 1], [1, 0, 0]], np.int8)
    assert accuracy(scores.astype(np.float32), labels) == pytest.approx(2 / 3)
    assert several_ends().arg_max is not None
    assert network((1, 3), (1, 2)).arg_max is None


def test_the_first_difference_is_that_of_the_first_vector() -> None:
    ours = (np.zeros((3, 2), np.int8), np.zeros((3, 2), np.float32))
    theirs = (ours[0].copy(), ours[1].copy())
    assert first_difference(ours, theirs) is None
    theirs[0][2, 1] = 7
    theirs[1][1, 1] = -0.0  # equal as a number, and not the same
    assert first_difference(ours, theirs) == Difference(1, 1, 1, 0.0, 0.0)
    assert bytes_differing(ours, theirs) == 2
    theirs[1][1, 1] = np.nan
    assert bytes_differing(theirs, theirs) == 0


def test_classes_that_do_not_fit_the_network_are_explained(folder: Path) -> None:
    model = load_model(folder)
    assert message(lambda: model.check(network((1, 3), (1, 5)))) == (
        f"{folder / 'model.toml'}: classes: names 2 classes, but model.tflite has 5 outputs\n"
        "  -> name every class once, in order, or remove `classes`"
    )


def test_labels_that_the_network_has_no_output_for_are_explained(folder: Path) -> None:
    description = folder / "model.toml"
    description.write_text(
        "".join(x for x in description.read_text().splitlines(True) if not x.startswith("classes"))
    )
    path = folder / "vectors.npz"
    np.savez(path, **{**arrays(), "labels": np.array([0, 1, 2, 1])})
    assert message(lambda: load_model(folder).check(network((1, 3), (1, 2)))) == (
        f"{path}: labels: vector 2 has label 2, but the model has 2 classes\n"
        "  -> count classes from 0 to 1"
    )


def test_a_single_output_tells_two_classes(folder: Path) -> None:
    np.savez(folder / "vectors.npz", **put(golden=np.zeros((4, 1), np.int8))(arrays()))
    load_model(folder).check(network((1, 3), (1, 1)))


def autoencoder(folder: Path, **changed: Any) -> Path:
    """Make `folder` one that detects anomalies, with vectors of 3 bytes in and out."""
    description = folder / "model.toml"
    text = description.read_text().replace('"classification"', '"anomaly-detection"')
    description.write_text(text.replace('"accuracy"', '"auc"'))
    np.savez(folder / "vectors.npz", **{**arrays(), "golden": arrays()["inputs"], **changed})
    return folder


def test_an_anomaly_detector_has_as_many_outputs_as_inputs(folder: Path) -> None:
    model = load_model(autoencoder(folder))
    model.check(network((1, 3), (1, 3)))
    assert message(lambda: model.check(network((1, 3), (1, 2)))) == (
        f"{folder / 'model.toml'}: task: anomaly detection needs an autoencoder, but "
        "model.tflite has 3 inputs and 2 outputs\n  -> give an autoencoder, or another task"
    )


def test_an_anomaly_detector_is_tested_on_both_labels(folder: Path) -> None:
    model = load_model(autoencoder(folder, labels=np.zeros(4, np.int64)))
    assert message(lambda: model.check(network((1, 3), (1, 3)))) == (
        f"{folder / 'vectors.npz'}: labels: AUC needs vectors of both labels, "
        "but 4 have label 0 and 0 have label 1\n  -> test on normal (0) and abnormal (1) vectors"
    )


def test_vectors_may_be_windows_of_recordings(folder: Path) -> None:
    autoencoder(folder, recordings=np.array([5, 5, 2, 2], np.uint8))
    recordings = load_model(folder).vectors.recordings
    assert recordings is not None
    assert recordings.dtype == np.int64
    assert recordings.tolist() == [5, 5, 2, 2]


# Finding


def test_the_first_root_that_has_a_name_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    make(first / "switch")
    make(second / "switch")
    make(second / "lamp")
    (second / "not-a-model").mkdir()
    roots = [tmp_path / "absent", first, second]
    assert sorted(list_models(roots)) == ["lamp", "switch"]
    assert find_model("switch", roots).path == first / "switch"
    assert find_model("lamp", roots).path == second / "lamp"


def test_a_path_needs_no_root(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model(str(folder), []).name == "switch"
    assert find_model("./switch", []).name == "switch"
    assert find_model("switch/model.toml", []).name == "switch"


def test_a_stray_folder_hides_no_known_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "models" / "switch")
    (tmp_path / "switch").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model("switch", [Path("models")]).path == Path("models/switch")


def test_an_unknown_name_is_answered_with_near_ones(folder: Path) -> None:
    assert message(lambda: find_model("swich", [folder.parent])) == (
        "unknown model 'swich'\n  -> did you mean switch?"
    )
    assert message(lambda: find_model("", [folder.parent])) == (
        "unknown model ''\n  -> known: switch"
    )
