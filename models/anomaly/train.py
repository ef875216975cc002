"""The anomaly model: data, split, preprocessing, network, hyperparameters.

`harness models train anomaly` trains it from scratch.

Data: the smartwatch recordings of the gesture model (seglearn): ten people, seven exercises,
three axes of acceleration and three of rotation at 50 Hz. Three movements are normal (internal
rotation against a band, and two kinds of rowing); they stand for a machine that runs correctly.
The network is trained on these alone, and anything that it cannot reconstruct is an anomaly. There
are several normal movements because for a single one, the distance from its mean works as well.

Split: people 1 to 7 for training; 8, 9 and 10 for testing.

Preprocessing: windows of 128 samples (2.56 s), one every 32 samples. Each gives 102 numbers: the
mean of each axis, and the logarithms of the magnitudes of its first 16 frequencies above 0 (up to
6.3 Hz). Each number is standardized with mean and standard deviation of the training windows, and
clipped to 6 standard deviations.
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
    """Return `inputs` with noise of half a standard deviation; the targets stay without noise."""
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
