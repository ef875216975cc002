"""The training task of a model: the object `TASK` in its `train.py`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.bad_array import format_shape
from harness.model.folder import Model
from harness.support.python_file import explained_code, import_file
from harness.training.keras import missing, tensorflow

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64] | Floats
"""The class of each sample, or the real values of a regression, [N] or [N, values]."""

TRAIN = "train.py"
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Samples:
    """Preprocessed inputs, float32 [N, *shape], with their labels.

    Raises `InputError` if they are not as many.
    """

    inputs: Floats
    labels: Labels

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise InputError(
                f"the inputs have the shape {format_shape(self.inputs.shape)}, but the labels "
                f"{format_shape(self.labels.shape)}",
                where=f"{TRAIN}: Samples",
                remedy="give one label for each input",
            )

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

    Raises `InputError` if the model has none, a package is missing, or the code of the file fails;
    so do the functions of the task.
    """
    path = model.path / TRAIN
    if not path.is_file():
        raise InputError(
            f"{model.name} has no {TRAIN}, so it cannot be trained or converted",
            where=str(path),
            remedy="use the one of a bundled model as an example",
        )
    tensorflow()  # before train.py imports it
    module = _explained(path, "cannot be imported", import_file)(path, f"train_{model.name}")
    task = getattr(module, "TASK", None)
    if not isinstance(task, Task):
        raise InputError(
            "defines no TASK",
            where=str(path),
            remedy="write TASK = Task(load=..., network=..., ...), from harness.training",
        )
    return replace(
        task,
        load=_explained(path, "load fails", task.load),
        network=_explained(path, "network fails", task.network),
        augment=task.augment and _explained(path, "augment fails", task.augment),
    )


def _explained(path: Path, what: str, function: Callable[P, T]) -> Callable[P, T]:
    """Return `function`, which runs the code of the file `path`, with errors for people."""

    def call(*arguments: P.args, **named: P.kwargs) -> T:
        with explained_code(path, what, "mend the file"):
            try:
                return function(*arguments, **named)
            except ModuleNotFoundError as error:
                raise missing(error) from error

    return call
