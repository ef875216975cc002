"""The gesture model: data, split, preprocessing, network, hyperparameters.

`harness models train gesture` trains it from scratch.

Data: 140 recordings of ten people who do seven shoulder exercises with a smartwatch, three axes of
acceleration and three of rotation at 50 Hz, in the seglearn package.

Split: people 1 to 7 for training; 8, 9 and 10 for testing, so nobody is on both sides.

Preprocessing: windows of 128 samples (2.56 s), one every 32 samples. Each axis is standardized
with mean and standard deviation of the training windows, and clipped to 6 standard deviations.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from seglearn.datasets import load_watch

from harness.training import Data, Samples, Task
from harness.training.task import Floats

WINDOW = 128
STEP = 32
AXES = 6
CLASSES = 7
FIRST_TEST_PERSON = 8
LIMIT = 6.0

layers = tf.keras.layers


def load() -> Data:
    """Return the windows, float32 [N, 128, 1, 6], and their exercises."""
    watch = load_watch()
    windows, labels, people = [], [], []
    for recording, label, person in zip(watch["X"], watch["y"], watch["subject"], strict=True):
        for start in range(0, len(recording) - WINDOW + 1, STEP):
            windows.append(recording[start : start + WINDOW])
            labels.append(label)
            people.append(person)
    inputs = np.array(windows)[:, :, None, :]
    test = np.array(people) >= FIRST_TEST_PERSON
    mean = inputs[~test].mean(axis=(0, 1, 2))
    deviation = inputs[~test].std(axis=(0, 1, 2))
    inputs = np.clip((inputs - mean) / deviation, -LIMIT, LIMIT).astype(np.float32)
    exercises = np.array(labels, dtype=np.int64)
    return Data(Samples(inputs[~test], exercises[~test]), Samples(inputs[test], exercises[test]))


def _normalized(x: Any, convolution: Any) -> Any:
    """Convolve and normalize; the converter folds both, and the ReLU, into one operator."""
    return layers.ReLU()(layers.BatchNormalization()(convolution(x)))


def _separable(x: Any, filters: int, size: int) -> Any:
    """Halve the time with a depthwise convolution, then mix the channels."""
    depthwise = layers.DepthwiseConv2D((size, 1), strides=2, padding="same", use_bias=False)
    x = _normalized(x, depthwise)
    return _normalized(x, layers.Conv2D(filters, 1, use_bias=False))


def network(batch: int | None) -> Any:
    """Build the untrained network: float [batch, 128, 1, 6] to [batch, 7] probabilities."""
    window = layers.Input((WINDOW, 1, AXES), batch_size=batch)
    convolution = layers.Conv2D(24, (7, 1), strides=(2, 1), padding="same", use_bias=False)
    x = _normalized(window, convolution)
    x = _separable(x, 32, 7)
    x = _separable(x, 48, 7)
    x = _separable(x, 64, 5)
    x = layers.Flatten()(layers.AveragePooling2D((8, 1))(x))
    x = layers.Dropout(0.3)(x)
    return tf.keras.Model(window, layers.Dense(CLASSES, activation="softmax")(x))


def disturb(inputs: Floats, rng: np.random.Generator) -> Floats:
    """Return `inputs` with noise, and each axis of each window scaled by about 15 %."""
    scale = rng.normal(1, 0.15, (len(inputs), 1, 1, AXES))
    disturbed = inputs * scale + rng.normal(0, 0.1, inputs.shape)
    return disturbed.astype(np.float32)


TASK = Task(
    load=load,
    network=network,
    augment=disturb,
    epochs=15,
    batch=64,
    learning_rate=3e-3,
    calibration=35,
    vectors=14,
)
