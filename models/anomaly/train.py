"""What is special to the anomalies: data, split, preprocessing, network, hyperparameters.

`harness models train anomaly` trains it from nothing.

Data: the smartwatch recordings of the gesture model (seglearn): ten people, seven exercises,
three axes of acceleration and three of rotation at 50 Hz. Three movements, internal rotation
against a band and two kinds of rowing, are the normal ones and stand for a machine that runs as
it should; the network sees nothing else in training, and what it cannot reconstruct is an
anomaly. Of several, since for a single one the distance from its mean tells as much.

Split: the people 8, 9 and 10 test, 1 to 7 train.

Preprocessing: of every window of 128 samples (2.56 s), one every 32, the mean of each axis
and the logarithm of the magnitudes of its first 16 frequencies above 0 (up to 6.3 Hz): 102
numbers, each minus its mean over its standard deviation, both of the training windows,
limited to 6 of the latter.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from seglearn.datasets import load_watch

from harness.training import Data, Samples, Task
from harness.training.task import Floats

WINDOW = 128
STEP = 32
FREQUENCIES = 16
FEATURES = 6 * (1 + FREQUENCIES)
NORMAL = (3, 5, 6)
FIRST_TEST_PERSON = 8
LIMIT = 6.0

layers = tf.keras.layers


def _features(window: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return means and logarithmic spectra, [102], of the axes of `window` [128, 6]."""
    mean = window.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(window - mean, axis=0))[1 : 1 + FREQUENCIES]
    return np.concatenate([mean, np.log1p(spectrum).T.ravel()])


def load() -> Data:
    """Return the features, float32 [N, 102], and 0 for a normal movement, 1 for another."""
    watch = load_watch()
    features, labels, people = [], [], []
    for recording, label, person in zip(watch["X"], watch["y"], watch["subject"], strict=True):
        for start in range(0, len(recording) - WINDOW + 1, STEP):
            features.append(_features(recording[start : start + WINDOW]))
            labels.append(label not in NORMAL)
            people.append(person)
    inputs, abnormal = np.array(features), np.array(labels, dtype=np.int64)
    test = np.array(people) >= FIRST_TEST_PERSON
    train = ~test & (abnormal == 0)
    mean, deviation = inputs[train].mean(axis=0), inputs[train].std(axis=0)
    inputs = np.clip((inputs - mean) / deviation, -LIMIT, LIMIT).astype(np.float32)
    return Data(Samples(inputs[train], abnormal[train]), Samples(inputs[test], abnormal[test]))


def network(batch: int | None) -> Any:
    """Build the untrained autoencoder: float [batch, 102] to [batch, 102] through 8."""
    features = layers.Input((FEATURES,), batch_size=batch)
    x = features
    for units in (64, 64, 8, 64, 64):
        x = layers.Dense(units, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return tf.keras.Model(features, layers.Dense(FEATURES)(x))


def disturb(inputs: Floats, rng: np.random.Generator) -> Floats:
    """Return `inputs` with noise of half a deviation, which is not to be reconstructed."""
    disturbed: Floats = (inputs + rng.normal(0, 0.5, inputs.shape)).astype(np.float32)
    return disturbed


TASK = Task(
    load=load,
    network=network,
    augment=disturb,
    epochs=30,
    batch=32,
    learning_rate=3e-3,
    calibration=96,
    vectors=100,
)
