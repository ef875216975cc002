"""The steps of `harness models train` and `convert`, from a model's folder to files and numbers."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.golden import oracle
from harness.measure.quality import quality
from harness.model.folder import Model
from harness.model.graph import Graph
from harness.model.metric import Labelled
from harness.model.model_file import DESCRIPTION
from harness.model.quantization import dequantize, quantize
from harness.model.tflite_file import parse
from harness.support.whole_files import npz, replace_files
from harness.training.choose_vectors import choose_vectors
from harness.training.convert import FLOAT, arrays_of, calibration_of, convert, load_float
from harness.training.fit import train
from harness.training.task import Data, Samples, Task, load_task

Say = Callable[[str], None]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Quality:
    """The value of `metric` for a `kind` of network ("float", "int8") on `count` samples.

    The samples come from `where`: "test" or "vectors.npz".
    """

    kind: str
    metric: Labelled
    value: float
    count: int
    where: str


@dataclass(frozen=True)
class Trained:
    """The result of training: `files` by name, the qualities, and the duration in seconds."""

    files: dict[str, bytes]
    qualities: tuple[Quality, ...]
    seconds: float


@dataclass(frozen=True)
class Converted:
    """The newly converted network, its SHA-256 in hex, and that of the model's own network."""

    tflite: bytes
    digest: str
    expected: str


def train_model(model: Model, folder: Path, say: Say) -> Trained:
    """Train `model` from scratch; write weights, network and vectors into `folder`.

    Raises `InputError` if the model has no task, a package is missing, or `folder` cannot
    be written.
    """
    start = time.perf_counter()
    metric = _labelled(model)
    task = load_task(model)
    data = task.load()
    say(f"{len(data.train)} training samples, {len(data.test)} test samples")
    network = train(task, model.task, data.train, say)
    floats = network.predict(data.test.inputs, verbose=0)
    weights = network.get_weights()
    say("converting to int8")
    calibration = calibration_of(task, data.train.inputs)
    tflite = convert(task, weights, calibration)
    say("computing golden outputs of the test samples")
    answers = _answers(tflite, data.test)
    chosen = choose_vectors(data.test.labels, task.vectors)
    files = {
        FLOAT: npz(arrays_of(weights, calibration)),
        model.tflite_path.name: tflite,
        model.vectors_path.name: npz(_vectors(answers, data.test, chosen)),
    }
    replace_files(folder, files)
    qualities = _qualities(metric, data, floats, answers, chosen)
    return Trained(files, qualities, time.perf_counter() - start)


def convert_model(model: Model, folder: Path) -> Converted:
    """Convert `model` from its stored weights and calibration inputs; write it into `folder`.

    Raises `InputError` if they are missing or do not match the task's network.
    """
    path = model.path / FLOAT
    weights, calibration = load_float(path)
    task = load_task(model)
    _check_weights(task, weights, calibration, path)
    tflite = convert(task, weights, calibration)
    replace_files(folder, {model.tflite_path.name: tflite})
    return Converted(tflite, hashlib.sha256(tflite).hexdigest(), model.digest)


@dataclass(frozen=True)
class _Answers:
    """The inputs and golden outputs, computed by `source`, in the types of the model `graph`."""

    graph: Graph
    inputs: Array
    outputs: Array
    source: str

    def real(self, chosen: Array | slice) -> tuple[Array, Array]:
        """Return the real values of inputs and outputs for the samples `chosen`."""
        source, result = self.graph.inputs[0], self.graph.outputs[0]
        return (
            dequantize(self.inputs[chosen], self.graph.tensors[source]),
            dequantize(self.outputs[chosen], self.graph.tensors[result]),
        )


def _answers(tflite: bytes, samples: Samples) -> _Answers:
    graph = parse(tflite, where="the converted model")
    inputs = quantize(samples.inputs, graph.tensors[graph.inputs[0]])
    outputs = oracle.outputs(tflite, inputs[:, None])[:, 0]  # with a batch of 1
    return _Answers(graph, inputs, outputs, oracle.source(tflite))


def _vectors(answers: _Answers, samples: Samples, chosen: Array) -> dict[str, Array]:
    return {
        "inputs": answers.inputs[chosen],
        "labels": samples.labels[chosen],
        "golden": answers.outputs[chosen],
        "golden_source": np.array(answers.source),
    }


def _labelled(model: Model) -> Labelled:
    """Return the metric of `model`; `InputError` if its task has no labels to train with."""
    if model.metric == "agreement":
        raise InputError(
            "a model without labels cannot be trained",
            where=f"{model.path / DESCRIPTION}: task",
            remedy="give the task that it is trained for, such as regression",
        )
    return model.metric


def _qualities(
    metric: Labelled, data: Data, floats: Array, answers: _Answers, chosen: Array
) -> tuple[Quality, ...]:
    test = data.test
    rows = []
    for kind, where, inputs, outputs, labels in (
        ("float", "test", test.inputs, floats, test.labels),
        ("int8", "test", *answers.real(slice(None)), test.labels),
        ("int8", "vectors.npz", *answers.real(chosen), test.labels[chosen]),
    ):
        value = quality(metric, inputs, outputs, labels)
        rows.append(Quality(kind, metric, value, len(labels), where))
    return tuple(rows)


def _check_weights(task: Task, weights: list[Any], calibration: Array, path: Path) -> None:
    network = task.network(1)
    expected = [tuple(array.shape) for array in network.get_weights()]
    actual = [array.shape for array in weights]
    if expected != actual or network.input_shape[1:] != calibration.shape[1:]:
        raise InputError(
            "does not match the network of train.py",
            where=str(path),
            remedy="train the model again: harness models train",
        )
