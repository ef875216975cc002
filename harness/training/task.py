"""The training task of a model: the object `TASK` in its `train.py`."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.folder import Model
from harness.training.keras import missing, tensorflow

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64] | Floats
"""The class of each sample, or the real values of a regression, [N] or [N, values]."""

TRAIN = "train.py"


@dataclass(frozen=True)
class Samples:
    """Preprocessed inputs, float32 [N, *shape], with their labels."""

    inputs: Floats
    labels: Labels

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Data:
    """Training and test samples; no choice may depend on the test samples."""

    train: Samples
    test: Samples


@dataclass(frozen=True)
class Task:
    """The data, network and hyperparameters of one model.

    `load` returns the data. `network` builds the untrained Keras model for a batch of the given
    size; None means a dynamic batch. `augment` returns changed inputs for an epoch. Each of
    `epochs` uses all training samples in batches of `batch`; the learning rate decreases from
    `learning_rate` to 0 along a cosine. `calibration` is the number of training samples that
    calibrate the quantization, `vectors` the number of test samples per class, or of a regression
    in all, that become vectors.
    """

    load: Callable[[], Data]
    network: Callable[[int | None], Any]
    epochs: int
    batch: int
    learning_rate: float
    calibration: int
    vectors: int
    augment: Callable[[Floats, np.random.Generator], Floats] | None = None


def load_task(model: Model) -> Task:
    """Import `train.py` of `model` and return its `TASK`.

    Raises `InputError` if the model has none, or a package is missing.
    """
    path = model.path / TRAIN
    if not path.is_file():
        raise InputError(
            f"{model.name} has no {TRAIN}, so it cannot be trained or converted",
            where=str(path),
            remedy="use the one of a bundled model as an example",
        )
    tensorflow()  # before train.py imports it
    try:
        module = _import(path, f"train_{model.name}")
    except ModuleNotFoundError as error:
        raise missing(error) from error
    task = getattr(module, "TASK", None)
    if not isinstance(task, Task):
        raise InputError(
            "defines no TASK",
            where=str(path),
            remedy="write TASK = Task(load=..., network=..., ...), from harness.training",
        )
    return task


def _import(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError("is not a Python file", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look it up there
    spec.loader.exec_module(module)
    return module
