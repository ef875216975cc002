"""The faces model: data, split, preprocessing, network, hyperparameters.

`harness models train faces` trains it from scratch.

Data: 100 faces from Labeled Faces in the Wild and 100 pieces of background from the same
photographs, 25x25 grey, in the scikit-image package. The model decides whether there is a face.

Split: every fourth photograph, with its face and its background, for testing; the others for
training.

Preprocessing: the last row and column are removed, because 24x24 can be halved evenly. Grey values
are 0 to 1, as in the package.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from skimage.data import lfw_subset

from harness.training import Data, Samples, Task
from harness.training.task import Floats

SIZE = 24
PHOTOGRAPHS = 100
TEST_EVERY = 4

layers = tf.keras.layers


def load() -> Data:
    """Return the images, float32 [N, 24, 24, 1] in 0..1, and 1 for a face, 0 for none."""
    pixels = lfw_subset()[:, :SIZE, :SIZE, None].astype(np.float32)
    # First the faces, then the backgrounds, in the same order of photographs.
    faces = np.repeat(np.array([1, 0]), PHOTOGRAPHS)
    test = np.arange(len(pixels)) % PHOTOGRAPHS % TEST_EVERY == 0
    return Data(Samples(pixels[~test], faces[~test]), Samples(pixels[test], faces[test]))


def _swish(x: Any, convolution: Any) -> Any:
    """Convolve, normalize, and apply hard swish."""
    x = layers.BatchNormalization()(convolution(x))
    return layers.Activation("hard_swish")(x)


def _halve(x: Any, filters: int) -> Any:
    """Halve the size with a depthwise convolution, padded evenly, then mix the channels.

    PyTorch's models also pad all sides equally; the converter makes it a separate operator.
    TensorFlow's "same" pads an even size only below and right.
    """
    x = layers.ZeroPadding2D(1)(x)
    x = _swish(x, layers.DepthwiseConv2D(3, 2, use_bias=False))
    return _swish(x, layers.Conv2D(filters, 1, use_bias=False))


def network(batch: int | None) -> Any:
    """Build the untrained network: float [batch, 24, 24, 1] to [batch, 1], a probability."""
    image = layers.Input((SIZE, SIZE, 1), batch_size=batch)
    x = layers.ZeroPadding2D(1)(image)
    x = _swish(x, layers.Conv2D(8, 3, 2, use_bias=False))
    x = _halve(x, 16)
    x = _halve(x, 32)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return tf.keras.Model(image, layers.Dense(1, activation="sigmoid")(x))


def distort(pixels: Floats, rng: np.random.Generator) -> Floats:
    """Return `pixels` [N, 24, 24, 1], some mirrored, all slightly shifted, lighter or darker."""
    mirrored = rng.random((len(pixels), 1, 1, 1)) < 0.5  # noqa: PLR2004
    pixels = np.where(mirrored, pixels[:, :, ::-1], pixels)
    padded = np.pad(pixels, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    shifts = rng.integers(0, 5, (len(pixels), 2))
    moved = [
        image[y : y + SIZE, x : x + SIZE] for image, (y, x) in zip(padded, shifts, strict=True)
    ]
    light = rng.uniform(0.6, 1.4, (len(pixels), 1, 1, 1))
    return np.clip(np.stack(moved) * light, 0, 1).astype(np.float32)


TASK = Task(
    load=load,
    network=network,
    augment=distort,
    epochs=150,
    batch=16,
    learning_rate=3e-3,
    calibration=50,
    vectors=25,
)
