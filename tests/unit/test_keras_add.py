"""Keras models become model folders: what is read, printed and refused, without TensorFlow.

A stand-in for the Python that has TensorFlow answers with prepared networks. `test_keras_convert`
has the conversion itself.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.cli import keras_conversion
from harness.errors import ExitCode, InputError
from harness.intake.add_model import DataRequest, read_data
from harness.intake.convert import conversion, onnx_source
from harness.intake.convert.calibration import read_calibration, separate_steps
from harness.intake.convert.convert_user_model import by_name
from harness.intake.convert.int8_loss import cost, is_high, shown_cost, worst_layers
from harness.intake.convert.keras_source import digest_of, is_keras_model
from harness.intake.convert.refusals import refusal, unsupported
from harness.intake.inputs.sample_blocks import InputOptions
from harness.model.tflite_file import parse
from harness.support.progress import Progress
from harness.support.toml_file import load
from tests.support.desk import Desk, dense, network, save
from tests.support.graphs import Builder, from_rng
from tests.support.operators_recurrent import lstm_layer
from tests.support.wav import wav_bytes

STAND_IN = """#!{python}
import json, os, shutil, sys, time
source, folder = sys.argv[3:]
here = {here!r}
for line in sys.stdin:
    step = line.strip()
    answer = json.load(open(os.path.join(here, step + ".json")))
    if answer == "end":
        sys.exit("x" * 10000 + "\\nImportError: no \\x1b[31msuch library")
    if answer == "sleep":
        time.sleep(60)
    for name in ("float.tflite", "int8.tflite", "outputs.npz"):
        shutil.copy(os.path.join(here, name), folder)
    if step == "unroll":
        shutil.copy(os.path.join(here, "unrolled"), os.path.join(here, "int8.tflite"))
    if os.path.exists(os.path.join(folder, "calibration.npz")):
        shutil.copy(os.path.join(folder, "calibration.npz"), here)
    print(json.dumps(answer), flush=True)
"""
ADD = ("add", "net.keras", "--inputs", "x.npy", "--labels", "y.npy", "--quality-target", "0")
X = np.random.default_rng(0).normal(0, 20, (120, 3)).astype(np.float32)
LABELS = np.arange(120) % 2


@pytest.fixture
def answers(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the stand-in's answers; the user has a model, inputs and labels."""
    here = tmp_path / "stand-in"
    here.mkdir()
    python = here / "python"
    python.write_text(STAND_IN.format(python=sys.executable, here=str(here)))
    python.chmod(0o755)
    (here / "float.tflite").write_bytes(network((3,), dtype=np.float32).data)
    (here / "int8.tflite").write_bytes(dense(3, 2))
    floats = np.eye(2, dtype=np.float32)[LABELS]  # always right
    np.savez(here / "outputs.npz", floats)
    say(here, "load", {"tensorflow": "9.9", "keras": "8.8", "inputs": ["x"]})
    say(here, "quantize", {})
    say(here, "compare", {"layers": {}})
    with zipfile.ZipFile(desk.root / "net.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", "")
    save(x=X, y=LABELS, c=X[::-1])

    (here / "asked").write_text("")

    def find(*_: object) -> Path:
        (here / "asked").write_text("for TensorFlow")
        return python

    monkeypatch.setattr(keras_conversion, "find_python", find)
    return here


def say(here: Path, step: str, answer: object) -> None:
    (here / f"{step}.json").write_text(json.dumps(answer))


def test_a_keras_model_becomes_a_model_folder_that_says_how(desk: Desk, answers: Path) -> None:
    code, out, err = desk.run(*ADD, "--calibrate", "c.npy")
    assert code == ExitCode.PASSED, err
    assert "converted by TensorFlow 9.9, Keras 8.8; calibrated with 120 inputs of c.npy" in out
    assert "quality: float 1.0000, int8 " in out
    model = desk.model("net")
    assert (model.path / "model.tflite").read_bytes() == dense(3, 2)
    assert sorted(path.name for path in model.path.iterdir()) == [
        "model.tflite",
        "model.toml",
        "vectors.npz",
    ]
    assert load(model.path / "model.toml")["conversion"] == {
        "source": "net.keras",
        "sha256": digest_of(desk.root / "net.keras"),
        "converter": "TensorFlow 9.9, Keras 8.8",
        "calibration": "120 inputs of c.npy",
        "float_quality": 1.0,
    }
    with np.load(answers / "calibration.npz") as archive:
        assert (archive["arr_0"] == X[::-1]).all()


def test_what_int8_costs_is_a_warning_with_what_helps(desk: Desk, answers: Path) -> None:
    code, out, _ = desk.run(*ADD, "--calibrate", "c.npy")
    assert code == ExitCode.PASSED
    assert "points of accuracy; what usually helps: more calibration data" in out


def test_vectors_that_calibrate_flatter_the_quantization(desk: Desk, answers: Path) -> None:
    _, out, _ = desk.run(*ADD)
    assert "warning: the test vectors calibrated the quantization" in out


def test_the_vectors_named_as_calibration_flatter_too(desk: Desk, answers: Path) -> None:
    _, out, _ = desk.run(*ADD, "--calibrate", "x.npy")
    assert "warning: the test vectors calibrated the quantization" in out
    _, out, _ = desk.run(*ADD, "--calibrate", "c.npy", "--name", "other")
    assert "the test vectors" not in out


def test_few_calibration_inputs_or_another_range_are_doubted(desk: Desk, answers: Path) -> None:
    save(c=X[:7] / 255)
    _, out, _ = desk.run(*ADD, "--calibrate", "c.npy")
    assert "warning: only 7 inputs calibrated the quantization" in out
    assert "both need the same preprocessing" in out


def test_many_calibration_inputs_are_thinned_evenly(desk: Desk, answers: Path) -> None:
    save(c=np.tile(X, (25, 1)))
    _, out, _ = desk.run(*ADD, "--calibrate", "c.npy")
    assert "calibrated with 1,000 of 3,000 in c.npy" in out


def test_a_table_of_calibration_has_the_column_of_labels_too(desk: Desk, answers: Path) -> None:
    table = np.c_[X, LABELS]
    for name in ("test.csv", "training.csv"):
        np.savetxt(desk.root / name, table, "%g", ",", header="a,b,c,label", comments="")
    names = ("--inputs", "test.csv", "--labels", "test.csv:label", "--calibrate", "training.csv")
    code, out, err = desk.run("add", "net.keras", *names, "--quality-target", "0")
    assert code == ExitCode.PASSED, err
    assert "calibrated with 120 inputs of training.csv" in out


@pytest.mark.parametrize("column", ["label", "-1"])
@pytest.mark.parametrize("table", ["training.csv", "training.csv:a,b,c", "training.csv:0-2"])
def test_the_labels_are_left_out_of_the_table_of_one_of_several_inputs(
    desk: Desk, table: str, column: str
) -> None:
    for name in ("test.csv", "training.csv"):
        np.savetxt(name, np.c_[X, LABELS], "%g", ",", header="a,b,c,label", comments="")
    save(x=X[:, :2], c=X[:, :2])
    labels = f"test.csv:{column}"
    options = InputOptions(labels=labels)
    request = DataRequest(("x.npy", "test.csv"), labels=labels, options=options)
    net = network((2,), (3,), dtype=np.float32)
    requests = separate_steps(net, (f"y={table}", "x=c.npy"), request)
    calibration = read_calibration(net, requests.calibration, read_data(net, requests.vectors))
    assert np.allclose(calibration.inputs[1], X, rtol=1e-4)
    assert calibration.inputs[1].shape == (120, 3)


def test_a_table_of_calibration_needs_no_labels(desk: Desk) -> None:
    np.savetxt("test.csv", np.c_[X, LABELS], "%g", ",", header="a,b,c,label", comments="")
    np.savetxt("training.csv", X, "%g", ",", header="a,b,c", comments="")
    options = InputOptions(labels="test.csv:label")
    request = DataRequest(("test.csv",), labels="test.csv:label", options=options)
    net = network((3,), dtype=np.float32)
    requests = separate_steps(net, ("training.csv",), request)
    calibration = read_calibration(net, requests.calibration, read_data(net, requests.vectors))
    assert calibration.inputs[0].shape == (120, 3)


NOT_APPLIED = "calibration: {} holds inputs of the network already: --preprocess is not applied"


def pictures(desk: Desk) -> None:
    """Write pictures of 3 grey pixels in folders by class: `pictures`."""
    rng = np.random.default_rng(1)
    for index, label in enumerate(LABELS):
        path = desk.root / f"pictures/{label}/{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (1, 3), np.uint8)).save(path)


def recordings(desk: Desk) -> None:
    """Write recordings of 3 samples in folders by class: `recordings`."""
    rng = np.random.default_rng(1)
    for index, label in enumerate(LABELS):
        path = desk.root / f"recordings/{label}/{index}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav_bytes(rng.bytes(6)))


def calibrated(answers: Path) -> np.ndarray:
    with np.load(answers / "calibration.npz") as archive:
        return np.asarray(archive["arr_0"])


@pytest.mark.parametrize(
    ("kind", "steps"), [("pictures", "unit"), ("recordings", "halve.py:halve")]
)
def test_floats_beside_files_calibrate_as_they_are(
    kind: str, steps: str, desk: Desk, answers: Path
) -> None:
    (desk.root / "halve.py").write_text("def halve(samples, rate):\n    return samples / 2\n")
    (pictures if kind == "pictures" else recordings)(desk)
    scaled = np.random.default_rng(2).random((120, 3)).astype(np.float32)
    save(c=scaled)
    np.savetxt("c.csv", scaled, "%.9g", ",")
    arguments = ("add", "net.keras", "--inputs", kind, "--preprocess", steps)
    for file in ("c.npy", "c.csv"):
        options = ("--calibrate", file, "--quality-target", "0", "--name", file[-3:])
        code, out, err = desk.run(*arguments, *options)
        assert code == ExitCode.PASSED, err
        assert out.count(NOT_APPLIED.format(file)) == 1
        assert "both need the same" not in out
        assert calibrated(answers) == pytest.approx(scaled)


def test_bytes_and_pictures_calibrate_as_the_inputs_are(desk: Desk, answers: Path) -> None:
    pictures(desk)
    save(c=np.full((120, 3), 255, np.uint8))
    arguments = ("add", "net.keras", "--inputs", "pictures", "--preprocess", "unit")
    np.savetxt("table.csv", np.full((120, 3), 255), "%d", ",")
    for file in ("c.npy", "table.csv", "pictures"):
        options = ("--calibrate", file, "--quality-target", "0", "--name", file[:1])
        code, out, err = desk.run(*arguments, *options)
        assert code == ExitCode.PASSED, err
        assert "not applied" not in out
        assert calibrated(answers).max() == 1


@pytest.mark.parametrize(
    ("kind", "limits", "scaled"),
    [
        ("pictures", (0, 1), "divided by 255"),
        ("pictures", (-1, 1), "divided by 127.5, minus 1"),
        ("pictures", (0, 255), "pictures; float32 as given"),
        ("recordings", (-1, 1), "samples from -1 to 1"),
        ("pictures", (0, 0.9), ""),
        ("recordings", (0, 1), ""),
    ],
)
def test_the_range_of_a_calibration_of_floats_scales_files(
    kind: str, limits: tuple[float, float], scaled: str, desk: Desk, answers: Path
) -> None:
    (pictures if kind == "pictures" else recordings)(desk)
    save(c=np.linspace(*limits, 360, dtype=np.float32).reshape(120, 3))
    arguments = ("add", "net.keras", "--inputs", kind, "--quality-target", "0")
    code, out, err = desk.run(*arguments, "--calibrate", "c.npy")
    if not scaled:
        assert "say how: --preprocess" in err
        return
    assert code == ExitCode.PASSED, err
    assert scaled.partition(";")[0] in out
    assert "by the range of c.npy" in out
    assert "not applied" not in out


def test_random_inputs_need_other_ones_for_calibration(desk: Desk, answers: Path) -> None:
    assert "cannot calibrate" in desk.refused("add", "net.keras", "--random", "5")
    options = ("--calibrate", "c.npy", "--preprocess", "raw")  # of the calibration
    code, out, err = desk.run("add", "net.keras", "--random", "120", *options)
    assert code == ExitCode.PASSED, err
    assert "no labels" in out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("add", "net.keras"), "--inputs: is missing"),
        (("add", "net.keras", "--random", "5"), "cannot calibrate"),
        (("add", "net.keras", "--random", "5", "--inputs", "x.npy"), "combined with --random"),
        ((*ADD, "--task", "agreement"), "the task agreement has no labels"),
        ((*ADD, "--preprocess", "stored"), "quantized already"),
        ((*ADD, "--preprocess", "x=pad,stored"), "quantized already"),
        ((*ADD, "--preprocess", "none.py:f"), "none.py: cannot be read"),
        ((*ADD, "--preprocess", "x=broken.py:f"), "broken.py: line 1: cannot be imported"),
        ((*ADD, "--classes", "names.txt"), "--classes: names.txt: does not exist"),
        ((*ADD, "--array", "g_model"), "--array: is given, but net.keras is not a C source"),
        ((*ADD, "--name", "a b"), "cannot be the name"),
        ((*ADD, "--calibrate", "x=no.npy"), "--calibrate: no.npy: does not exist"),
        (("add", "net.keras", "--inputs", "no.npz:x"), "--inputs: no.npz: does not exist"),
        (("add", "net.tflite", *ADD[2:], "--calibrate", "c.npy"), "converted already"),
    ],
)
def test_what_cannot_be_converted_leaves_nothing_and_needs_no_tensorflow(
    arguments: tuple[str, ...], what: str, desk: Desk, answers: Path
) -> None:
    (desk.root / "broken.py").write_text("x = (\n")
    assert what in desk.refused(*arguments)
    assert (answers / "asked").read_text() == ""


def test_an_input_that_is_named_and_another_one_are_refused(desk: Desk, answers: Path) -> None:
    assert "--calibrate" in desk.refused(*ADD, "--calibrate", "x=c.npy", "--calibrate", "c.npy")


def test_a_function_may_have_the_name_of_a_step(desk: Desk, answers: Path) -> None:
    (desk.root / "restored.py").write_text("def f(row): return row\n")
    code, _, err = desk.run(*ADD, "--preprocess", "restored.py:f", "--calibrate", "c.npy")
    assert code == ExitCode.PASSED, err


def test_int8_at_chance_is_refused_with_what_the_float_network_reaches(
    desk: Desk, answers: Path
) -> None:
    code, _, err = desk.run(*ADD[:-2])
    assert code == ExitCode.USAGE
    assert "the float network reaches 1.0000" in err


def test_labels_and_task_are_checked_before_the_float_quality(desk: Desk, answers: Path) -> None:
    say(answers, "quantize", "end")  # also before the conversion
    save(real=np.full((120, 3), 0.5))
    error = desk.refused("add", "net.keras", "--inputs", "x.npy", "--labels", "real.npy")
    assert "labels: has shape [120, 3], but net.keras has an output of [1, 2]" in error
    assert "is not an autoencoder" in desk.refused(*ADD, "--task", "anomaly-detection")


def test_an_existing_folder_is_refused_before_the_conversion(desk: Desk, answers: Path) -> None:
    (desk.root / "models" / "net").mkdir(parents=True)
    say(answers, "load", "end")
    assert "already exists" in desk.refused(*ADD)


def test_a_refusal_of_the_worker_is_an_error_of_the_input(desk: Desk, answers: Path) -> None:
    say(answers, "load", {"refused": "code", "text": "ValueError: a Lambda"})
    error = desk.refused(*ADD)
    assert "net.keras: holds Python code" in error
    assert "model.export" in error


def test_a_worker_that_ends_is_an_infrastructure_error(desk: Desk, answers: Path) -> None:
    say(answers, "quantize", "end")
    code, _, err = desk.run(*ADD)
    assert code == ExitCode.INFRASTRUCTURE
    assert "TensorFlow failed on net.keras: ImportError: no ⟨001B⟩[31msuch library\n" in err


def test_a_worker_that_hangs_is_ended(
    desk: Desk, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "_DEADLINE", 0.3)
    say(answers, "load", "sleep")
    code, _, err = desk.run(*ADD)
    assert code == ExitCode.INFRASTRUCTURE
    assert "did not load net.keras within 0.3 s" in err


def test_files_and_folders_that_keras_made_are_recognized(tmp_path: Path) -> None:
    for name, start, found in [
        ("net.keras", b"PK\x03\x04", True),
        ("net.h5", b"\x89HDF\r\n\x1a\n", True),
        ("data.npz", b"PK\x03\x04", False),
        ("net.tflite", b"\x1c\0\0\0TFL3", False),
    ]:
        (tmp_path / name).write_bytes(start)
        assert is_keras_model(tmp_path / name) == found
    assert not is_keras_model(tmp_path / "missing.keras")
    assert not is_keras_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert is_keras_model(tmp_path)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ([], "is a zip archive, but no Keras model: it has no config.json"),
        (["config.json"], "is a zip archive, but no Keras model: it has no model.weights.h5"),
        (None, "is a damaged zip archive"),
    ],
)
def test_another_archive_is_refused_before_tensorflow_is_looked_for(
    names: list[str] | None, what: str, desk: Desk, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_conversion, "find_python", lambda *_: pytest.fail("too early"))
    path = desk.root / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ["x.txt", *(names or [])]:
            archive.writestr(name, "")
    if names is None:
        path.write_bytes(path.read_bytes()[:-30])
    assert f"net.keras: {what}" in desk.refused(*ADD)


def test_a_keras_model_without_its_suffix_has_to_be_renamed(desk: Desk, answers: Path) -> None:
    (desk.root / "net.keras").rename(desk.root / "net")
    assert "rename it to net.keras" in desk.refused("add", "net", *ADD[2:])


def test_the_digest_of_a_folder_is_that_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"1")
    first = digest_of(tmp_path)
    (tmp_path / "variables" / "data").rename(tmp_path / "data")
    second = digest_of(tmp_path)
    (tmp_path / "data").write_bytes(b"2")
    assert len({first, second, digest_of(tmp_path)}) == 3


def test_files_belong_to_the_inputs_in_the_order_of_the_author() -> None:
    assert by_name(["a.npy", "b.npy"], ["z", "a"], "--inputs") == ("z=a.npy", "a=b.npy")
    assert by_name(["a.npy"], ["z"], "--inputs") == ("a.npy",)
    assert by_name(["a=a.npy", "b.npy"], ["z", "a"], "--inputs") == ("a=a.npy", "b.npy")
    with pytest.raises(InputError, match="has 2 inputs: z, a"):
        by_name(["a.npy"], ["z", "a"], "--inputs")


@pytest.mark.parametrize(
    ("kind", "text", "what", "remedy"),
    [
        ("custom", "TypeError: Could not locate class 'Own'. Make", "Own is a class", "export"),
        ("custom", "ValueError: Unknown layer: 'Own'.", "Own is a class", "export"),
        ("weights", "No model config", "no network", "model.save"),
        ("size", "its input x has the shape [None, None]", "not fixed", "keras.Input"),
        ("convert", "x\nFlex ops: FlexFFT\nmore", "no operators for FlexFFT", "docs/models.md"),
        ("convert", "loc(x)\nTensorListReserve", "a recurrent layer as a loop", "unroll=True"),
        ("convert", "no \x1b[31m idea", "no ⟨001B⟩[31m idea", "docs/models.md"),
    ],
)
def test_each_refusal_has_its_own_hint(
    kind: str, text: str, what: str, remedy: str, tmp_path: Path
) -> None:
    error = refusal(kind, text, Path("net.keras"), tmp_path / "log")
    assert what in error.what
    assert remedy in error.remedy
    assert error.where == "net.keras"


def test_a_saved_model_with_a_loop_is_refused_in_our_words(tmp_path: Path) -> None:
    """The converter's own text is kept in a log, printable."""
    log = tmp_path / "logs" / "convert.log"
    error = refusal("convert", 'loc(fused["TensorListReserve:\x1b[31m\nmore', tmp_path, log)
    assert "a recurrent layer as a loop" in error.what
    assert "loc(fused" not in error.what
    assert error.what.endswith(f"own text: {log}")
    assert "a .keras or .h5 file" in error.remedy
    assert log.read_text() == 'loc(fused["TensorListReserve:\nmore'


def test_loops_need_unrolled_layers() -> None:
    error = unsupported(InputError("has 3 subgraphs; one is supported"), Path("net.keras"))
    assert "unroll=True" in error.remedy


def recurrent(scale_of_output: float) -> bytes:
    """Return a network of an LSTM whose output has the scale of its state times this."""
    b = Builder()
    source = b.activation((1, 1, 3), 0.02, 0)
    pick = from_rng(np.random.default_rng(0))
    result = lstm_layer(b, source, 2, pick, time_major=False)
    b.tensors[result].scale = [b.tensors[result].scale[0] * scale_of_output]
    return b.build([source], [b.reshape(result, (1, 2))])


def test_an_lstm_with_another_scale_than_its_state_is_unrolled(desk: Desk, answers: Path) -> None:
    say(answers, "unroll", {})
    (answers / "int8.tflite").write_bytes(recurrent(1))
    code, out, err = desk.run(*ADD, "--name", "same")
    assert code == ExitCode.PASSED, err
    assert "unrolled" not in out
    assert not (answers / "unrolled").exists()
    assert "keeps a state of 6 bytes" in out
    (answers / "int8.tflite").write_bytes(recurrent(1.5))
    (answers / "unrolled").write_bytes(dense(3, 2))
    code, out, err = desk.run(*ADD)
    assert code == ExitCode.PASSED, err
    assert "the LSTM layers are unrolled: a layer behind them" in out
    assert (desk.model("net").path / "model.tflite").read_bytes() == dense(3, 2)


def test_the_layers_that_add_most_come_first() -> None:
    b = Builder()
    source = b.activation((1, 4), 0.5, 0)
    hidden = b.dense(source, 4)
    data = b.build([source], [b.dense(hidden, 2)])
    graph = parse(data, where="net")
    names = [graph.tensors[operator.outputs[0]].name for operator in graph.operators]
    errors = {graph.input_tensors[0].name: 0.01, names[0]: 0.3, names[1]: 0.5, "unknown": 9.0}
    worst = worst_layers(graph, errors)
    assert [layer.index for layer in worst] == [1, 0]
    assert worst[0].error == 0.5
    assert worst[0].added == pytest.approx(0.4)
    assert worst_layers(graph, dict.fromkeys(names, 0.0)) == []


def test_the_cost_of_int8_has_the_sign_of_the_metric() -> None:
    assert shown_cost("accuracy", cost("accuracy", 0.9, 0.875)) == (
        "int8 costs 2.5 points of accuracy"
    )
    assert shown_cost("auc", cost("auc", 0.9, 0.95)) == "int8 gains 5.0 points of AUC"
    assert shown_cost("mae", cost("mae", 0.1, 0.12)) == "with int8, the MAE is 20.0% larger"
    assert is_high("accuracy", 0.02)
    assert not is_high("accuracy", 0.005)
    assert not is_high("accuracy", 0.74 - 0.73), "a point is not more than a point"
    assert not is_high("mae", 0.04)
    assert cost("mae", 0.0, 0.0) == 0


# ONNX, with a stand-in for onnx2tf

KILLED = """
import io, os, signal, sys
from pathlib import Path
from harness.intake.convert import onnx_source
from harness.support.progress import Progress
onnx_source.find_onnx2tf = lambda: sys.argv[1]
with onnx_source.saved_model_of(Path("net.onnx"), Progress(io.StringIO())):
    os.kill(os.getpid(), signal.SIGKILL)
"""
ONNX2TF = """#!/bin/sh
test "$1 $3 $5" = "-i -o -osd" || exit 1
touch left-behind
{}
"""


@pytest.fixture
def onnx(desk: Desk, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of onnx2tf, which a test writes; the user has a network `net.onnx`."""
    (desk.root / "net.onnx").write_bytes(b"\x08\x08\x12\x07pytorch")
    path = tmp_path / "onnx2tf"
    path.write_text(ONNX2TF.format('mkdir "$4" && touch "$4/saved_model.pb"'))
    path.chmod(0o755)
    monkeypatch.setattr(onnx_source, "find_onnx2tf", lambda: str(path))
    monkeypatch.setattr(keras_conversion, "find_onnx2tf", lambda: str(path))
    return path


def test_onnx2tf_is_used_where_it_is_installed(desk: Desk, onnx: Path) -> None:
    code, out, err = desk.run("add", "net.onnx", *ADD[2:])
    assert code == ExitCode.PASSED, err
    assert "converted by onnx2tf, TensorFlow 9.9" in out
    origin = load(desk.model("net").path / "model.toml")["conversion"]
    assert origin["source"] == "net.onnx"
    assert origin["sha256"] == digest_of(desk.root / "net.onnx")
    assert not (desk.root / "left-behind").exists()


def test_the_folder_of_a_killed_conversion_does_not_stay(
    desk: Desk, onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(onnx)],
        env={**os.environ, "TMPDIR": str(temporary)},
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    assert len(list(temporary.iterdir())) == 1
    with onnx_source.saved_model_of(desk.root / "net.onnx", Progress(io.StringIO())) as made:
        assert list(temporary.iterdir()) == [made.parent]
    assert list(temporary.iterdir()) == []


def test_a_failure_of_onnx2tf_is_shown(desk: Desk, onnx: Path) -> None:
    onnx.write_text(ONNX2TF.format("echo 'ERROR: no operator Foo'; echo more; exit 3"))
    code, _, err = desk.run("add", "net.onnx", *ADD[2:])
    assert code == ExitCode.INFRASTRUCTURE
    assert "converting net.onnx with onnx2tf failed:\n  ERROR: no operator Foo\n" in err


def test_an_onnx2tf_that_makes_no_saved_model_is_named(desk: Desk, onnx: Path) -> None:
    onnx.write_text(ONNX2TF.format(":"))
    assert "pip install 'onnx2tf<2'" in desk.refused("add", "net.onnx", *ADD[2:])


def test_without_onnx2tf_the_message_has_the_commands(
    desk: Desk, onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_conversion, "find_onnx2tf", lambda: None)
    error = desk.refused("add", "net.onnx", *ADD[2:])
    assert "onnx2tf -i net.onnx -o saved -osd" in error
    assert "downloads sample data from GitHub" in error


def test_the_help_names_onnx_networks(desk: Desk) -> None:
    with pytest.raises(SystemExit):
        desk.run("add", "--help")
    shown = " ".join(desk.capsys.readouterr().out.split())
    assert "an ONNX network (.onnx, through onnx2tf where it is installed)" in shown
    assert "of a Keras model, a SavedModel or an ONNX network" in shown
