"""Converts a float network to int8, and reads and writes `float.npz`.

`float.npz` holds the trained weights and the inputs that calibrate the quantization. With it, the
conversion can be repeated and checked on any machine; training cannot.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from harness.errors import InputError
from harness.support.array_file import read_npz
from harness.training.keras import tensorflow
from harness.training.task import Floats, Task

FLOAT = "float.npz"
_CALIBRATION = "calibration"
_WEIGHTS = re.compile(r"weights_\d+")


def convert(task: Task, weights: Sequence[Floats], calibration: Floats) -> bytes:
    """Return the full-integer int8 `.tflite` of the task's network.

    `weights` are the network's, in Keras' order. The inputs `calibration`, float32
    [N, *input shape], calibrate the quantization.
    """
    tf = tensorflow()
    # The batch is fixed to 1: a dynamic one adds SHAPE, STRIDED_SLICE and PACK operators.
    fixed = task.network(1)
    fixed.set_weights(weights)

    def samples() -> Iterator[list[Floats]]:
        for sample in calibration:
            yield [sample[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(fixed)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        # The converter warns about missing statistics; the calibration inputs provide them.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def calibration_of(task: Task, inputs: Floats) -> Floats:
    """Return evenly spaced training inputs for calibration, at least `task.calibration`."""
    return inputs[:: max(1, len(inputs) // task.calibration)]


def arrays_of(weights: Sequence[Floats], calibration: Floats) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of `float.npz` by name."""
    named = {f"weights_{index:03}": array for index, array in enumerate(weights)}
    return {_CALIBRATION: calibration, **named}


def load_float(path: Path) -> tuple[list[Floats], Floats]:
    """Read weights, in Keras' order, and calibration inputs from `float.npz`.

    Raises `InputError` if the file is missing or holds other arrays.
    """
    held = read_npz(
        path,
        lambda name: _check_name(name, path),
        remedy="train the model: harness models train",
    )
    arrays = {name: held[name] for name in sorted(held)}
    calibration = arrays.pop(_CALIBRATION, None)
    if calibration is None or not arrays:
        raise InputError(
            f"holds no {'weights' if calibration is not None else _CALIBRATION}",
            where=str(path),
            remedy="train the model again",
        )
    return list(arrays.values()), calibration


def _check_name(name: str, path: Path) -> None:
    if name != _CALIBRATION and not _WEIGHTS.fullmatch(name):
        raise InputError("is an unknown array", where=f"{path}: {name}")
