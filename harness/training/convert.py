"""From a float network to the int8 one, and the file in between.

`float.npz` holds the trained weights and the inputs that calibrate the quantization. With it
the conversion can be repeated and checked on any machine, which training cannot.
"""

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.training.keras import tensorflow
from harness.training.task import Floats, Task

FLOAT = "float.npz"
_CALIBRATION = "calibration"


def convert(task: Task, weights: Sequence[Floats], calibration: Floats) -> bytes:
    """Return the `.tflite` of the task's network: int8 throughout, calibrated on the inputs.

    `weights` are the network's, in Keras' order; `calibration` is float32 [N, *input shape].
    """
    tf = tensorflow()
    # The batch is fixed to 1: an open one becomes SHAPE, STRIDED_SLICE and PACK operators.
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
        # It asks for statistics of float inputs; the calibration inputs give them.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def calibration_of(task: Task, inputs: Floats) -> Floats:
    """Return the training inputs that calibrate: evenly spaced, at least `task.calibration`."""
    return inputs[:: max(1, len(inputs) // task.calibration)]


def arrays_of(weights: Sequence[Floats], calibration: Floats) -> dict[str, npt.NDArray[Any]]:
    """Return what `float.npz` holds."""
    named = {f"weights_{index:03}": array for index, array in enumerate(weights)}
    return {_CALIBRATION: calibration, **named}


def load_float(path: Path) -> tuple[list[Floats], Floats]:
    """Read weights, in Keras' order, and calibration inputs from `float.npz`.

    Raises `InputError` if the file is missing or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in sorted(archive.files)}
    except FileNotFoundError as error:
        raise InputError(
            "no such file", where=str(path), remedy="train the model: harness models train"
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"cannot be read: {error}", where=str(path), remedy="train the model again"
        ) from error
    calibration = arrays.pop(_CALIBRATION, None)
    if calibration is None or not arrays:
        raise InputError(
            f"holds no {'weights' if calibration is not None else _CALIBRATION}",
            where=str(path),
            remedy="train the model again",
        )
    return list(arrays.values()), calibration
