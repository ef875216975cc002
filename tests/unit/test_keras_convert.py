"""The conversion of Keras models and SavedModels with TensorFlow, skipped without the extra."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ExitCode
from tests.support.desk import Desk
from tests.unit.test_training import needs_train

MAKE = """
import numpy as np
import tensorflow as tf

layers = tf.keras.layers
rng = np.random.default_rng(0)
labels = np.arange(200) % 2
inputs = rng.normal(0, 0.3, (200, 16, 2)) + (labels * 2 - 1)[:, None, None]
np.save("x.npy", inputs[:100].astype(np.float32))
np.save("c.npy", inputs[100:].astype(np.float32))
np.save("y.npy", labels[:100])


class Own(layers.Layer):
    def call(self, x):
        return x * 2


def save(name, *used, size=16):
    tf.keras.utils.set_random_seed(1)
    model = tf.keras.Sequential([layers.Input((size, 2)), *used])
    weights = model.get_weights()
    if len(weights) and weights[-1].shape == (2,) and not name.startswith("random"):
        # The classes are the sign of the mean.
        model.set_weights([*weights[:-2], np.sign(weights[-2]) * 0 + [[-9, 9]], weights[-1]])
    model.export(name, verbose=False) if "." not in name else model.save(name)


mean = [layers.GlobalAveragePooling1D(), layers.Dense(1, "linear", kernel_initializer="ones")]
last = [layers.Dense(2, "softmax")]
save("net.keras", *mean, *last)
save("net.h5", *mean, *last)
save("saved", *mean, *last)
save("lstm.keras", layers.LSTM(3), layers.Dense(2))
both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
other = layers.LSTM(2, activation="sigmoid", return_sequences=True)
save("recurrent.keras", both, other, layers.GRU(2), layers.Dense(2))
save("masked.keras", layers.Masking(), layers.LSTM(3), layers.Dense(2))
save("loop", layers.LSTM(3), layers.Dense(2))
steps = layers.Input((16, 2))
ways = layers.LSTM(4)(steps), layers.LSTM(3, go_backwards=True)(steps)
tf.keras.Model(steps, layers.Dense(2)(layers.Concatenate()(ways))).save("joined.keras")
for form in ("lambda.keras", "lambda.h5"):
    save(form, layers.Lambda(lambda x: x * 2), layers.Flatten(), layers.Dense(2))
save("own.keras", Own(), layers.Flatten(), layers.Dense(2))
save("free.keras", layers.Conv1D(2, 3), *mean, *last, size=None)
model = tf.keras.Sequential([layers.Input((4,)), layers.Dense(2)])
model.save_weights("only.weights.h5")
z, a = layers.Input((4,), name="z"), layers.Input((4,), name="a")
both = layers.Concatenate()([layers.Dense(3)(z), layers.Dense(3)(a)])
tf.keras.Model([z, a], layers.Dense(2)(both)).save("two.keras")
np.save("z.npy", rng.normal(0, 9, (100, 4)).astype(np.float32))
np.save("a.npy", rng.normal(0, 1, (100, 4)).astype(np.float32))
"""
ADD = ("--inputs", "x.npy", "--labels", "y.npy", "--calibrate", "c.npy")

pytestmark = needs_train


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models and data, made by another process: this one stays without TensorFlow."""
    folder = tmp_path_factory.mktemp("keras")
    subprocess.run([sys.executable, "-c", MAKE], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def keras(desk: Desk, made: Path) -> Desk:
    """The user's folder with these files."""
    for path in made.iterdir():
        (desk.root / path.name).symlink_to(path)
    return desk


def test_each_form_of_a_model_becomes_the_same_network(keras: Desk) -> None:
    networks = []
    for source in ("net.keras", "net.h5", "saved"):
        name = source.replace(".", "-")
        code, out, err = keras.run("add", source, "--name", name, *ADD)
        assert code == ExitCode.PASSED, err
        assert "quality: float 1.0000, int8 1.0000: int8 costs 0.0 points" in out
        graph = keras.model(name).graph
        networks.append([operator.kind for operator in graph.operators])
        assert graph.input_tensors[0].dtype == graph.output_tensors[0].dtype == np.int8
    assert networks[0] == networks[1] == networks[2]
    # A dynamic batch would add these.
    assert not {"SHAPE", "STRIDED_SLICE", "PACK"} & set(networks[0])


LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"


def test_an_lstm_is_one_operator_and_its_errors_are_shown(keras: Desk) -> None:
    code, out, err = keras.run("add", "lstm.keras", "--inputs", "x.npy", "--calibrate", "c.npy")
    assert code == ExitCode.PASSED, err
    kinds = [operator.kind for operator in keras.model("lstm").graph.all_operators]
    assert kinds == [LSTM, "STRIDED_SLICE", "FULLY_CONNECTED"]
    assert f"0 {LSTM}" in out.partition("layers that lose most")[2]
    # A state that is kept from one vector to the next would cost much more.
    error = re.search(r"error of the int8 outputs: ([\d.]+)%", out)
    assert error is not None
    assert float(error[1]) < 10


def test_lstm_layers_that_are_joined_are_unrolled(keras: Desk) -> None:
    """The converter gives the outputs of both the scale of the concatenation, not their states."""
    code, out, err = keras.run("add", "joined.keras", "--inputs", "x.npy", "--calibrate", "c.npy")
    assert code == ExitCode.PASSED, err
    assert "the LSTM layers are unrolled" in out
    assert LSTM not in [each.kind for each in keras.model("joined").graph.all_operators]


def test_masks_and_loops_are_refused_with_what_to_do(keras: Desk) -> None:
    error = keras.refused("add", "masked.keras", *ADD)
    assert "masked.keras: applies a mask to its recurrent layers" in error
    code, _, error = keras.run("add", "loop", *ADD)
    assert code == ExitCode.USAGE
    assert "it has a recurrent layer as a loop" in error
    assert "give the Keras model instead" in error


def test_other_recurrent_layers_are_unrolled(keras: Desk) -> None:
    code, _, err = keras.run("add", "recurrent.keras", "--inputs", "x.npy", "--calibrate", "c.npy")
    assert code == ExitCode.PASSED, err
    graph = keras.model("recurrent").graph
    kinds = [operator.kind for operator in graph.all_operators]
    assert LSTM not in kinds, "the converter gives both directions one scale, but not their states"
    assert "WHILE" not in kinds
    assert kinds.count("TANH") == 16 + 2 * 2 * 16, "of each step: 1 in GRU, 2 in each direction"


def test_inputs_keep_the_order_of_the_author(keras: Desk) -> None:
    code, _, err = keras.run("add", "two.keras", "--inputs", "z.npy", "--inputs", "a.npy")
    assert code == ExitCode.PASSED, err
    scales = {
        tensor.name: float(tensor.scale[0])
        for tensor in keras.model("two").graph.input_tensors
        if tensor.scale is not None
    }
    assert scales["serving_default_z:0"] > 5 * scales["serving_default_a:0"]


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("lambda.keras", "holds Python code"),
        ("lambda.h5", "holds Python code"),
        ("own.keras", "Own is a class or function of its author"),
        ("free.keras", "has sizes that are not fixed"),
        ("only.weights.h5", "holds weights, but no network"),
    ],
)
def test_what_cannot_be_converted_is_explained(source: str, what: str, keras: Desk) -> None:
    assert what in keras.refused("add", source, *ADD)
