"""Networks and data that a user brings: what becomes a model folder, and what is refused."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from harness.errors import ExitCode
from harness.golden import oracle
from tests.support.desk import Desk, dense, save
from tests.support.graphs import Builder

MLPERF_TINY = Path(__file__).parents[3] / "shared" / "mlperf-tiny"


# add


ANY_QUALITY = ("--quality-target", "0")  # without it, chance is refused
ADD = ("add", "net.tflite", "--inputs", "x.npy", "--labels", "y.npy")
BYTES = np.array([[5, -7, 3], [-5, 7, -3], [100, 0, 0], [0, 100, 0]], np.int8)
CLASSES = np.array([1, 1, 0, 0])  # what the network answers


def test_stored_inputs_are_taken_as_they_are(desk: Desk) -> None:
    save(x=BYTES, y=CLASSES.astype(np.uint8))
    code, out, _ = desk.run(*ADD)
    assert code == ExitCode.PASSED
    assert "inputs: int8 as given" in out
    model = desk.model("net")
    assert (model.vectors.inputs == BYTES).all()
    assert model.vectors.class_labels.tolist() == CLASSES.tolist()
    assert model.vectors.golden_source == oracle.source(dense(3, 2))
    assert f"golden: computed by {model.vectors.golden_source}" in out
    assert model.provenance.licence == "not stated yet"
    golden = model.vectors.golden
    assert golden is not None
    reached = float((golden.argmax(axis=1) == CLASSES).mean())
    assert f"quality of golden: {reached:.4f}; quality target: {model.quality_target:g}" in out
    assert model.quality_target <= reached < model.quality_target + 0.01


def test_real_inputs_are_quantized_by_the_model_s_own_scale_and_it_says_so(desk: Desk) -> None:
    save(x=np.array([[0, 0.5, -1], [1.2, 100, -100]], np.float32), y=[0, 1])
    code, out, _ = desk.run(*ADD, "--name", "other", *ANY_QUALITY)
    assert code == ExitCode.PASSED
    said = "real values, quantized to int8 with the model's own input scale 0.5 and zero point 0"
    assert f"inputs: {said}" in out
    model = desk.model("other")
    assert model.preprocessing == said
    assert model.vectors.inputs.tolist() == [[0, 1, -2], [2, 127, -128]]


def test_an_autoencoder_is_added_as_one(desk: Desk) -> None:
    (desk.root / "net.tflite").write_bytes(dense(3, 3))
    save(x=BYTES, y=CLASSES)
    code, out, _ = desk.run(*ADD, "--task", "anomaly-detection", *ANY_QUALITY)
    assert code == ExitCode.PASSED
    assert "anomaly-detection" in out
    model = desk.model("net")
    assert model.metric == "auc"
    assert model.classes == ("normal", "abnormal")


def text(path: str, content: str) -> Callable[[], object]:
    return lambda: Path(path).write_text(content)


def arrays(**changed: object) -> Callable[[], object]:
    return lambda: save(**changed)


# What cannot be added: rule -> what is different, where it is wrong, what is said.
BAD_ADDITIONS: dict[str, tuple[Callable[[], object], str, str]] = {
    "no inputs": (lambda: Path("x.npy").unlink(), "x.npy", "cannot be read: No such file"),
    "no array": (text("x.npy", "1, 2, 3"), "x.npy", "is not an .npy file of plain numbers"),
    "pickled": (arrays(x=np.array([None])), "x.npy", "holds Python objects"),
    "several arrays": (
        lambda: Path("x.npy").write_bytes(_npz()),
        "x.npy",
        "is not an .npy file of plain numbers: it is a zip or .npz file",
    ),
    "shape": (
        arrays(x=BYTES.reshape(3, 4)),
        "x.npy",
        "has shape [3, 4], but the input of net.tflite has [1, 3]\n"
        "  -> save one input after the other: [N, 3]",
    ),
    "single number": (
        arrays(x=np.int8(5)),
        "x.npy",
        "has shape [], but the input of net.tflite has [1, 3]",
    ),
    "empty": (arrays(x=BYTES[:0], y=CLASSES[:0]), "x.npy", "has shape [0, 3]"),
    "type": (
        arrays(x=BYTES.astype(np.uint8)),
        "x.npy",
        "has type uint8, but the input of net.tflite has int8",
    ),
    "not finite": (
        arrays(x=np.where(np.arange(12).reshape(4, 3) == 7, np.nan, 0)),
        "x.npy",
        "holds values that are not finite, first in vector 2",
    ),
    "labels not whole": (
        arrays(y=CLASSES / 2),
        "y.npy: labels",
        "has shape [4], but net.tflite has an output of [1, 2]",
    ),
    "labels too few": (arrays(y=CLASSES[:3]), "y.npy", "has type int64 and shape [3]"),
    "label no class": (
        arrays(y=[0, 1, 2, 1]),
        "y.npy: labels",
        "vector 2 has label 2, but net.tflite has 2 classes",
    ),
    "no network": (text("net.tflite", "words"), "net.tflite", "is not a .tflite file"),
    "float network": (
        lambda: Path("net.tflite").write_bytes(_float_network()),
        "net.tflite",
        "computes with floats in layers where TFLM does not: GELU",
    ),
    "there already": (
        lambda: Path("models/net").mkdir(parents=True),
        "models/net",
        "already exists\n  -> remove it, or give another --name",
    ),
}


def _npz() -> bytes:
    np.savez("several.npz", a=BYTES)
    return Path("several.npz").read_bytes()


def _float_network() -> bytes:
    b = Builder()
    source = b.tensor((1, 3), dtype=np.float32)
    result = b.tensor((1, 3), dtype=np.float32)
    b.operator("GELU", [source], [result], "GeluOptions")
    return b.build([source], [result])


@pytest.mark.parametrize("rule", BAD_ADDITIONS)
def test_what_cannot_be_added_is_explained_and_nothing_written(desk: Desk, rule: str) -> None:
    change, where, what = BAD_ADDITIONS[rule]
    save(x=BYTES, y=CLASSES)
    change()
    err = desk.refused(*ADD)
    assert where in err
    assert what in err


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b"])
def test_a_name_that_is_no_folder_is_refused(desk: Desk, name: str) -> None:
    save(x=BYTES, y=CLASSES)
    if name:
        assert "cannot be the name of a model folder" in desk.refused(*ADD, "--name", name)
    else:
        assert desk.run(*ADD, "--name", name)[0] == ExitCode.PASSED  # as if none were given


def test_an_anomaly_detector_needs_an_autoencoder_and_both_labels(desk: Desk) -> None:
    save(x=BYTES, y=CLASSES)
    anomaly = (*ADD, "--task", "anomaly-detection")
    assert "is not an autoencoder: it has 3 inputs and 2 outputs" in desk.refused(*anomaly)
    (desk.root / "net.tflite").write_bytes(dense(3, 3))
    save(y=np.zeros(4, int))
    assert "y.npy: labels: AUC needs vectors of both labels" in desk.refused(*anomaly)


# import-mlperf


IMPORT = ("import-mlperf", "tiny", "--model", "net.tflite")


def tiny(labels: str, **files: bytes) -> None:
    """Write MLPerf Tiny's folder: `y_labels.csv` and the `.bin` files."""
    Path("tiny").mkdir(exist_ok=True)
    Path("tiny/y_labels.csv").write_text(labels)
    for name, data in files.items():
        Path(f"tiny/{name}.bin").write_bytes(data)


def test_files_of_bytes_are_inputs(desk: Desk) -> None:
    tiny("a.bin,2,1\r\nb.bin, 2, 0\r\n", a=bytes([1, 2, 255]), b=bytes([0, 128, 127]))
    code, out, _ = desk.run(*IMPORT, *ANY_QUALITY)
    assert code == ExitCode.PASSED
    assert "2 vectors; classification" in out
    model = desk.model("tiny")
    assert model.vectors.inputs.tolist() == [[1, 2, -1], [0, -128, 127]]
    assert model.vectors.class_labels.tolist() == [1, 0]
    assert model.vectors.recordings is None
    assert model.preprocessing == "int8 as given"


@pytest.mark.parametrize(
    ("zero_point", "given", "expected"),
    [
        (-128, (), [-128, 0, 127]),
        (-128, ("--bytes", "int8"), [0, -128, -1]),
        (0, ("--bytes", "uint8"), [-128, 0, 127]),
    ],
)
def test_grey_values_are_stored_128_less(
    desk: Desk, zero_point: int, given: tuple[str, ...], expected: list[int]
) -> None:
    (desk.root / "net.tflite").write_bytes(dense(3, 2, zero_point=zero_point))
    tiny("a.bin,2,1\n", a=bytes([0, 128, 255]))
    _, out, _ = desk.run(*IMPORT, *given, *ANY_QUALITY)
    assert desk.model("tiny").vectors.inputs.tolist() == [expected]
    assert ("uint8 minus 128" in out) == (expected == [-128, 0, 127])


def test_recordings_of_floats_are_cut_into_windows_and_scored_together(desk: Desk) -> None:
    (desk.root / "net.tflite").write_bytes(dense(2, 2, scale=0.5))
    one, other = struct.pack("<4f", 0, 1, 2, 3), struct.pack("<4f", 4, 5, 6, 100)
    tiny("n.bin,2,0,8,4\nm.bin,2,1,8,4\n", n=one, m=other)
    code, out, _ = desk.run(*IMPORT, *ANY_QUALITY)
    assert code == ExitCode.PASSED
    # Two outputs for two inputs: by the classes alone it could be either task.
    assert "6 vectors, windows from 2 recordings; classification" in out
    vectors = desk.model("tiny").vectors
    assert vectors.inputs.tolist() == [[0, 2], [2, 4], [4, 6], [8, 10], [10, 12], [12, 127]]
    assert vectors.class_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert vectors.recordings is not None
    assert vectors.recordings.tolist() == [0, 0, 0, 1, 1, 1]


def test_an_autoencoder_of_two_classes_detects_anomalies(desk: Desk) -> None:
    (desk.root / "net.tflite").write_bytes(dense(3, 3))
    windows = {"n": struct.pack("<6f", *range(6)), "m": struct.pack("<6f", *range(9, 15))}
    tiny("n.bin,2,0,12,4\nm.bin,2,1,12,4\n", **windows)
    code, out, _ = desk.run(*IMPORT)
    assert code == ExitCode.PASSED
    assert "8 vectors, windows from 2 recordings; anomaly-detection" in out
    assert desk.model("tiny").metric == "auc"


A = bytes(3)
BAD_FOLDERS: dict[str, tuple[str, dict[str, bytes], str]] = {
    "empty": ("\n", {}, "y_labels.csv: lists no files"),
    "too few fields": ("a.bin,2\n", {"a": A}, "y_labels.csv: line 1: is invalid: 'a.bin,2'"),
    "no number": (
        "a.bin,2,1\nb.bin,2,x\n",
        {"a": A},
        "y_labels.csv: line 2: is invalid: 'b.bin,2,x'",
    ),
    "negative": ("a.bin,2,-1\n", {"a": A}, "line 1: is invalid: 'a.bin,2,-1'"),
    "endless": (f"a.bin,2,{'1' * 5000}\n", {"a": A}, "line 1: is invalid: 'a.bin,2,1"),
    "no step": ("a.bin,2,1,3,0\n", {"a": A}, "line 1: is invalid: 'a.bin,2,1,3,0'"),
    "elsewhere": ("../net.tflite,2,1\n", {}, "line 1: is invalid: '../net.tflite,2,1'"),
    "missing file": ("a.bin,2,1\n", {}, "a.bin cannot be read: No such file"),
    "size": (
        "a.bin,2,1\n",
        {"a": bytes(4)},
        "a.bin has 4 bytes, but the input of net.tflite has 3 values\n"
        "  -> give 3 bytes for each input, or 12 as float32",
    ),
    "sizes differ": ("a.bin,2,1\nb.bin,2,1\n", {"a": A, "b": bytes(12)}, "b.bin has 12 bytes"),
    "window": ("a.bin,2,1,2,1\n", {"a": A}, "a.bin has 3 bytes and windows of 2"),
    "shorter than a window": ("a.bin,2,1,12,4\n", {"a": A}, "a.bin has 3 bytes and windows of 12"),
    "classes": ("a.bin,5,1\n", {"a": A}, "has 5 classes, but net.tflite has 2 outputs"),
    "label": ("a.bin,2,2\n", {"a": A}, "vector 0 has label 2, but net.tflite has 2 classes"),
    "not finite": (
        "a.bin,2,1\n",
        {"a": struct.pack("<3f", 0, float("nan"), 0)},
        "a.bin holds values that are not finite",
    ),
    "not text": ("", {}, ""),
}


@pytest.mark.parametrize("rule", BAD_FOLDERS)
def test_a_folder_that_is_wrong_is_explained_and_nothing_written(desk: Desk, rule: str) -> None:
    labels, files, what = BAD_FOLDERS[rule]
    tiny(labels, **files)
    if rule == "not text":
        Path("tiny/y_labels.csv").write_bytes(b"\xff\xfe\x00")
        what = "y_labels.csv: is not a CSV file"
    assert what in desk.refused(*IMPORT)


def test_a_folder_without_labels_is_explained(desk: Desk) -> None:
    err = desk.refused("import-mlperf", "nowhere", "--model", "net.tflite")
    assert "nowhere/y_labels.csv: cannot be read: No such file" in err
    assert "give a folder of MLPerf Tiny" in err


def test_mlperf_tiny_s_own_keywords(desk: Desk) -> None:
    if not MLPERF_TINY.is_dir():
        pytest.skip("MLPerf Tiny's models and vectors are not beside this checkout")
    network = MLPERF_TINY / "models" / "kws_ref_model.tflite"
    folder = MLPERF_TINY / "vectors" / "kws01"
    code, out, _ = desk.run("import-mlperf", folder, "--model", network)
    assert code == ExitCode.PASSED
    assert "1,000 vectors; classification" in out
    assert "quality of golden: 0.9010" in out
    assert desk.model("kws01").quality_target == 0.9


# Doubts


def golden_of(inputs: npt.NDArray[np.int8]) -> list[int]:
    """Return the classes that the network of these tests gives to int8 `inputs`."""
    outputs = oracle.answers(dense(3, 2), [inputs[:, None]])[0]
    return list(map(int, outputs.reshape(len(inputs), -1).argmax(axis=1)))


def test_a_quality_that_guesses_reach_is_no_target(desk: Desk) -> None:
    save(x=BYTES, y=[1, 0, 1, 0])  # half of them right
    err = desk.refused(*ADD)
    assert "golden reaches the accuracy 0.5000, and guesses reach up to 0.6250" in err
    assert "this cannot be a quality target" in err
    assert "state your own --quality-target" in err
    assert "leave out --labels" in err


def test_the_most_frequent_class_is_a_guess(desk: Desk) -> None:
    save(x=BYTES, y=np.ones(4, int))
    assert "guesses reach up to 1.0000" in desk.refused(*ADD)


def test_a_quality_target_of_one_s_own_is_kept_and_its_worth_stated(desk: Desk) -> None:
    save(x=BYTES, y=[1, 0, 1, 0])
    code, out, _ = desk.run(*ADD, "--quality-target", "0.4")
    assert code == ExitCode.PASSED
    assert "warning: guesses reach up to 0.6250 on these vectors" in out
    assert desk.model("net").quality_target == 0.4


def test_a_quality_target_that_golden_misses_is_refused(desk: Desk) -> None:
    save(x=BYTES, y=CLASSES[::-1])
    err = desk.refused(*ADD, "--quality-target", "0.9")
    assert "--quality-target: golden reaches 0.0000, which is below 0.9" in err


@pytest.mark.parametrize("text", ["nan", "1.5", "-1", "", "high"])
def test_a_quality_target_is_from_0_to_1(desk: Desk, text: str) -> None:
    save(x=BYTES, y=CLASSES)
    code, _, err = desk.run(*ADD, f"--quality-target={text}")
    assert code == ExitCode.USAGE
    assert "is not a number from 0 to 1" in err
    assert not (desk.root / "models").exists()


RNG = np.random.default_rng(0)
VALUES = RNG.uniform(0, 1, (40, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("inputs", "doubt"),
    [
        # The input holds -64 to 63.5 in steps of 0.5.
        (VALUES, "120 different values become only 3: the input holds -64 to 63.5, but"),
        (VALUES * 1000, "of the values are cut: the input holds -64 to 63.5, but the values reach"),
        (np.zeros((40, 3), np.float32), "all 40 inputs are the same"),
        (np.zeros((40, 3), np.int8), "all 40 inputs are the same"),
    ],
)
def test_doubtful_inputs_are_mentioned(
    desk: Desk, inputs: npt.NDArray[np.float32], doubt: str
) -> None:
    save(x=inputs, y=np.arange(40) % 2)
    code, out, _ = desk.run(*ADD, *ANY_QUALITY)
    assert code == ExitCode.PASSED
    [warning] = [line for line in out.splitlines() if doubt in line]
    assert warning.startswith("  warning: ")


def test_sound_inputs_are_not_doubted(desk: Desk) -> None:
    inputs = RNG.uniform(-60, 60, (100, 3)).astype(np.float32)
    stored = np.round(inputs / 0.5).astype(np.int8)
    save(x=inputs, y=golden_of(stored))
    code, out, _ = desk.run(*ADD)
    assert code == ExitCode.PASSED
    assert "warning" not in out
    assert "quality target: 1" in out


def test_a_few_outliers_are_no_doubt(desk: Desk) -> None:
    inputs = RNG.uniform(-60, 60, (1000, 3)).astype(np.float32)
    inputs[0] = 100  # 0.1 %, as calibration leaves out
    stored = np.clip(np.round(inputs / 0.5), -128, 127).astype(np.int8)
    save(x=inputs, y=golden_of(stored))
    assert "warning" not in desk.run(*ADD)[1]


def test_floats_of_mlperf_tiny_are_doubted_too(desk: Desk) -> None:
    rows = "".join(f"{n}.bin,2,{n % 2}\n" for n in range(40))
    tiny(rows, **{str(n): VALUES[n].tobytes() for n in range(40)})
    _, out, _ = desk.run(*IMPORT, *ANY_QUALITY)
    assert "warning: 120 different values become only 3" in out
