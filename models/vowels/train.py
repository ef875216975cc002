"""The vowels model: data, split, preprocessing, network, hyperparameters.

`harness models train vowels` trains it from scratch.

Data: 640 utterances of the Japanese vowels /ae/ by nine men, each 7 to 29 frames of twelve LPC
cepstrum coefficients (Kudo, Toyama, Shimbo), in the aeon package. The model recognizes the speaker.

Split: the data set's own, 270 utterances for training, 370 from other sessions for testing.

Preprocessing: each coefficient is standardized with mean and standard deviation of all frames of
the training utterances. Shorter utterances are padded to 29 frames with zeros, the mean.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from aeon.datasets import load_japanese_vowels

from harness.training import Data, Samples, Task
from harness.training.task import Floats

FRAMES = 29
COEFFICIENTS = 12
SPEAKERS = 9

layers = tf.keras.layers


def load() -> Data:
    """Return the utterances, float32 [N, 29, 1, 12], and their speakers."""
    train, train_speakers = load_japanese_vowels(split="train")
    test, test_speakers = load_japanese_vowels(split="test")
    frames = np.concatenate(train, axis=1)
    mean, deviation = frames.mean(axis=1), frames.std(axis=1)

    def samples(utterances: list[npt.NDArray[np.float64]], speakers: Any) -> Samples:
        inputs = np.zeros((len(utterances), FRAMES, 1, COEFFICIENTS), np.float32)
        for index, utterance in enumerate(utterances):
            inputs[index, : utterance.shape[1], 0] = (utterance.T - mean) / deviation
        return Samples(inputs, np.array(speakers).astype(np.int64) - 1)  # they count from 1

    return Data(samples(train, train_speakers), samples(test, test_speakers))


def _conv(x: Any, filters: int, frames: int) -> Any:
    """Convolve over time and normalize; the converter folds this into one operator."""
    x = layers.Conv2D(filters, (frames, 1), padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def _branches(x: Any) -> Any:
    """Convolve over one frame, three and seven in parallel, and concatenate the results."""
    return layers.Concatenate()([_conv(x, 16, frames) for frames in (1, 3, 7)])


def network(batch: int | None) -> Any:
    """Build the untrained network: float [batch, 29, 1, 12] to [batch, 9] probabilities."""
    utterance = layers.Input((FRAMES, 1, COEFFICIENTS), batch_size=batch)
    x = _branches(utterance)
    x = layers.MaxPooling2D((2, 1))(x)
    x = _branches(_conv(x, 24, 1))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.3)(x)
    return tf.keras.Model(utterance, layers.Dense(SPEAKERS, activation="softmax")(x))


def disturb(inputs: Floats, rng: np.random.Generator) -> Floats:
    """Return `inputs` with noise on every frame that is not padding."""
    spoken = (inputs != 0).any(axis=-1, keepdims=True)
    noise = np.where(spoken, rng.normal(0, 0.25, inputs.shape), 0)
    disturbed: Floats = (inputs + noise).astype(np.float32)
    return disturbed


TASK = Task(
    load=load,
    network=network,
    augment=disturb,
    epochs=100,
    batch=16,
    learning_rate=3e-3,
    calibration=90,
    vectors=20,
)
