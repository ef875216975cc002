"""A user's labels: numbers, names, one-hot rows, real values, and which task they are for."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from harness.errors import ExitCode, InputError
from harness.intake.labels import UserLabels, order_classes, read_classes, read_user_labels, task_of
from tests.support.desk import Desk, save

CLASSES = [1, 0, 2, 1]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(spec: str, count: int = 4, *, real: bool = False) -> UserLabels:
    return read_user_labels(spec, count, "x.npy", real=real)


def refused(spec: str, count: int = 4) -> str:
    with pytest.raises(InputError) as caught:
        read(spec, count)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (np.array(CLASSES), ""),
        (np.array(CLASSES, np.uint8), ""),
        (np.array(CLASSES)[:, None], ""),
        (np.array(CLASSES)[None], ""),
        (np.eye(3)[CLASSES], "one-hot rows of 3 classes"),
        (np.eye(3, dtype=np.int64)[CLASSES], "one-hot rows of 3 classes"),
        (np.eye(3, dtype=bool)[CLASSES], "one-hot rows of 3 classes"),
        (np.array(CLASSES, np.float32), "whole numbers, taken as classes"),
        (np.array([str(label) for label in CLASSES]), ""),
    ],
)
def test_classes_are_recognized_however_they_are_stored(
    values: npt.NDArray[np.generic], note: str
) -> None:
    save(y=values)
    labels = read("y.npy")
    assert labels.values.tolist() == CLASSES
    assert labels.values.dtype == np.int64
    assert labels.note.startswith(note)
    assert bool(labels.note) == bool(note)
    assert not labels.classes


def test_true_is_class_1() -> None:
    save(y=np.array([True, False, True, True]))
    assert read("y.npy").values.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("values", [["b", "a", "b", "c"], [b"b", b"a", b"b", b"c"]])
def test_names_are_sorted(values: list[str]) -> None:
    save(y=np.array(values))
    labels = read("y.npy")
    assert labels.values.tolist() == [1, 0, 1, 2]
    assert labels.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    "text",
    ["go\nup\ngo\ngo left\n", "label\ngo\nup\ngo\ngo left\n", "\ufeffgo\r\nup\r\ngo\r\ngo left"],
)
def test_a_text_file_has_one_label_on_each_line(text: str) -> None:
    Path("y.txt").write_text(text)
    labels = read("y.txt")
    assert labels.classes == ("go", "go left", "up")
    assert labels.values.tolist() == [0, 2, 0, 1]


def test_lines_of_numbers_are_classes_or_values() -> None:
    Path("y.txt").write_text("1\n0\n2\n1\n")
    assert read("y.txt").values.tolist() == CLASSES
    assert not read("y.txt").note
    Path("y.csv").write_text("t;rh\n20,5;40\n21;41\n20;42\n19,5;40\n")
    assert read("y.csv:t").values.tolist() == [20.5, 21, 20, 19.5]
    assert read("y.csv").values.shape == (4, 2)


def test_real_values_are_kept() -> None:
    save(y=np.array([0.5, 1.25, -3, 2], np.float32), two=np.arange(8).reshape(4, 2) / 2)
    assert read("y.npy").values.tolist() == [0.5, 1.25, -3, 2]
    assert read("y.npy").values.dtype == np.float64
    assert read("two.npy").values.shape == (4, 2)
    save(whole=CLASSES)
    assert read("whole.npy", real=True).values.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "outputs", "task"),
    [
        ([0, 1, 1], 1, "classification"),
        ([0, 4, 2], 5, "classification"),
        ([20, 35, 31], 1, "regression"),
        ([0.5, 1, 2], 1, "regression"),
        ([[0.5, 1]] * 3, 2, "regression"),
    ],
)
def test_the_labels_decide_the_task(values: list[float], outputs: int, task: str) -> None:
    assert task_of(UserLabels(Path("y"), np.array(values)), outputs) == task
    assert task_of(None, outputs) == "agreement"


def test_a_first_line_too_many_is_a_header_only_if_no_label_equals_it() -> None:
    Path("y.txt").write_text("label\ngo\nup\ngo\nup\n")
    assert "the first row of y.txt is a header: label" in read("y.txt").file_note
    for text in ("go\ngo\nup\ngo\nup\n", "3\n1\n0\n2\n1\n", "3\ngo\nup\ngo\nup\n"):
        Path("y.txt").write_text(text)
        assert "shape [5], but x.npy holds 4 vectors" in refused("y.txt")


def test_a_note_names_what_is_unusual_in_a_table_of_labels() -> None:
    Path("y.csv").write_text("t;rh\n20,5;40\n21,5;41\n20;42\n19,5;40\n")
    for spec in ("y.csv", "y.csv:t"):
        note = read(spec).file_note
        assert note.startswith("y.csv is separated by semicolons; decimal commas are read as")


def test_rows_of_another_number_of_vectors_are_not_taken_for_labels() -> None:
    save(y=np.eye(10, dtype=np.int64)[[1] * 30])
    assert "shape [30, 10], but x.npy holds 300 vectors" in refused("y.npy", 300)


@pytest.mark.parametrize(("width", "classes"), [(6, 4), (3, 4), (3, 2)])
def test_one_hot_rows_have_a_column_for_each_class(width: int, classes: int) -> None:
    save(y=np.eye(width)[[0, 1, 0, 2]])
    labels = read("y.npy")
    assert task_of(labels, classes if classes > 2 else 1) == "classification"
    with pytest.raises(InputError, match=f"rows of {width}, but n.tflite has {classes} classes"):
        order_classes(labels, (), "classification", classes, "n.tflite")
    assert order_classes(labels, (), "classification", width, "n.tflite") == labels


BAD: dict[str, tuple[object, str]] = {
    "too few": (CLASSES[:3], "has type int64 and shape [3], but x.npy holds 4 vectors"),
    "a number": (5, "has type int64 and shape [], but x.npy holds 4 vectors"),
    "probabilities": (
        [[0.2, 0.8]] * 4,
        "holds probabilities, not classes: the first row is 0.2, 0.8",
    ),
    "two ones": ([[1, 1, 0]] * 4, "its rows are not one-hot"),
    "not finite": ([0, float("nan"), 1, 1], "the label of vector 1 is not finite"),
    "complex": ([1j] * 4, "holds complex numbers"),
    "no name": (["a", "", "b", "a"], "vector 1 has no label"),
    "objects": (np.array([None] * 4), "holds Python objects"),
}


@pytest.mark.parametrize("rule", BAD)
def test_labels_that_do_not_fit_are_explained(rule: str) -> None:
    values, message = BAD[rule]
    save(y=values)
    assert message in refused("y.npy")
    assert "y.npy" in refused("y.npy")
    assert "allow_pickle" not in refused("y.npy")


def test_a_missing_label_and_names_of_a_regression_are_explained() -> None:
    Path("y.csv").write_text("x,y\n1,a\n2,\n3,b\n4,a\n")
    assert "row 2 has no label" in refused("y.csv:y")
    assert "line 2, column 2 (y): 'a' is not a number" in refused("y.csv")
    Path("y.txt").write_text("a\nb\na\nb\n")
    with pytest.raises(InputError, match="holds names such as 'a', but a regression needs"):
        read("y.txt", real=True)


def named(
    names: str, order: str = "", task: str = "classification", classes: int = 2
) -> UserLabels:
    chosen = tuple(sorted(set(names)))
    values = np.array([chosen.index(name) for name in names])
    long = {"n": "normal", "b": "bad"}
    labels = UserLabels(Path("y"), values, tuple(long.get(name, name) for name in chosen))
    given = read_classes(order or None)
    return order_classes(labels, given, task, classes, "net.tflite")  # type: ignore[arg-type]


def test_names_get_the_position_that_the_user_states() -> None:
    assert named("cat", "t,c,a", classes=3).values.tolist() == [1, 2, 0]
    assert named("xy").classes == ("x", "y")


def test_normal_is_label_0_of_an_anomaly_detection() -> None:
    labels = named("nbn", task="anomaly-detection")
    assert labels.classes == ("normal", "bad")
    assert labels.values.tolist() == [0, 1, 0]
    with pytest.raises(InputError, match="which of them is normal is not clear"):
        named("xy", task="anomaly-detection")
    assert named("xy", "y,x", task="anomaly-detection").values.tolist() == [1, 0]


# Through the command

BYTES = np.array([[5, -7, 3], [-5, 7, -3], [100, 0, 0], [0, 100, 0]] * 5, np.int8)
ANSWERS = np.array([1, 1, 0, 0] * 5)  # of the network


def test_another_order_of_the_names_is_proposed_if_it_fits_far_better(desk: Desk) -> None:
    save(x=BYTES, y=np.array(["idle", "go"])[ANSWERS])  # sorted, go is 0
    add = ("add", "net.tflite", "--inputs", "x.npy", "--labels", "y.npy")
    message = desk.refused(*add)
    assert (
        "another order of the classes fits the network better: with --classes 'idle,go'" in message
    )
    assert "golden reaches 1.0000 instead of 0.0000" in message
    code, out, _ = desk.run(*add, "--classes", "idle,go")
    assert code == ExitCode.PASSED
    assert "quality of golden: 1.0000" in out
    assert "another order" not in out
    assert desk.model("net").classes == ("idle", "go")


def test_labels_that_the_task_does_not_have_are_refused(desk: Desk) -> None:
    save(x=BYTES, y=ANSWERS)
    add = ("add", "net.tflite", "--inputs", "x.npy", "--labels", "y.npy")
    assert "the task agreement has no labels" in desk.refused(*add, "--task", "agreement")
    message = desk.refused(*add[:-2], "--task", "classification")
    assert "--labels: is missing for the task classification" in message
