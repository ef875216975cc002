"""Writes a model folder: description, network, vectors with golden outputs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.golden import oracle
from harness.measure.quality import chance_of, quality_of, rounded_target
from harness.model.folder import check_task_labels, count_classes
from harness.model.graph import Graph, Tensor
from harness.model.metric import BETTER, SHOWN, Metric, reached, shown_chance, shown_quality
from harness.model.model_file import DESCRIPTION, METRICS, Task
from harness.model.tflite_file import MAX_NETWORK, parse
from harness.model.vectors import Vectors
from harness.support.input_file import read_input
from harness.support.whole_files import create_folder, npz

_TEXT = """\
# Written by harness; replace every "not stated yet".
description = "not stated yet"
task = "{task}"
metric = "{metric}"
quality_target = {quality_target}    # {quality}
{meaning}
[input]
preprocessing = {preprocessing}

[provenance]
data = {data}
licence = "not stated yet"
"""


@dataclass(frozen=True)
class Network:
    """A user's `.tflite`: its bytes, its graph, and the file it came from."""

    data: bytes
    graph: Graph
    path: Path

    @property
    def input(self) -> Tensor:
        """The input tensor."""
        return self.graph.tensors[self.graph.inputs[0]]

    @property
    def output(self) -> Tensor:
        """The output tensor."""
        return self.graph.tensors[self.graph.outputs[0]]


@dataclass(frozen=True)
class UserData:
    """The user's task and samples.

    `vectors` has no golden outputs yet; its path is the user's file. `preprocessing` and `data`
    are texts for the description. `doubts` are warnings about the inputs, one sentence each.
    """

    task: Task
    vectors: Vectors
    preprocessing: str
    data: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class CreatedModel:
    """The new folder, its number of vectors, golden's source and quality, and the quality target.

    If `chance`, what guesses reach, is known and reaches `quality`, the quality proves nothing.
    """

    path: Path
    vectors: int
    golden_source: str
    quality: float
    quality_target: float
    chance: float | None


def read_network(path: Path) -> Network:
    """Read a network; `InputError` unless it has one int8 input and one int8 output."""
    data = read_input(path, MAX_NETWORK)
    graph = parse(data, where=str(path))
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise InputError(
            f"has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs",
            where=str(path),
            remedy="convert the model with one input and one output",
        )
    network = Network(data, graph, path)
    for what, tensor in (("input", network.input), ("output", network.output)):
        if tensor.dtype != np.int8:
            raise InputError(
                f"its {what} has type {tensor.dtype}; int8 is supported",
                where=str(path),
                remedy=f"convert the model with converter.inference_{what}_type = tf.int8",
            )
    return network


def create_model(
    folder: Path, network: Network, user_data: UserData, quality_target: float | None = None
) -> CreatedModel:
    """Write the model folder `folder` atomically.

    The golden outputs are computed. Without a `quality_target`, it is their quality, rounded; see
    `rounded_target`. Raises `InputError` if labels or network do not match the task, `folder`
    exists, golden misses the target, or there is no target and golden is no better than guesses.
    """
    if folder.exists():
        raise InputError(
            "already exists", where=str(folder), remedy="remove it, or give another --name"
        )
    vectors, task = user_data.vectors, user_data.task
    _check(network, user_data)
    where = str(network.path)
    golden = oracle.outputs(network.data, vectors.inputs[:, None], where=where)[:, 0]
    source = oracle.source(network.data, where=where)
    metric = METRICS[task]
    quality = quality_of(metric, vectors, (golden,), (golden,), network.graph)
    chance = chance_of(metric, vectors, network.graph)
    if quality_target is None:
        _check_quality(quality, chance, user_data)
        quality_target = rounded_target(metric, quality, chance)
    elif quality_target > 1 and BETTER[metric] == "higher":
        raise InputError(
            f"{quality_target:g} is not a number from 0 to 1",
            where="--quality-target",
            remedy=f"the {SHOWN[metric]} is a share; give the least that passes",
        )
    elif not reached(metric, quality, quality_target):
        side = "below" if quality < quality_target else "above"
        raise InputError(
            f"{_reaches(metric, quality)}, which is {side} {quality_target:g}",
            where="--quality-target",
            remedy="give a target that golden reaches, or check the inputs and labels",
        )
    arrays: dict[str, npt.NDArray[Any]] = {
        "inputs": vectors.inputs,
        "golden": golden,
        "golden_source": np.array(source),
    }
    if vectors.labels is not None:
        arrays["labels"] = vectors.labels
    if vectors.recordings is not None:
        arrays["recordings"] = vectors.recordings
    text = _TEXT.format(
        task=task,
        metric=metric,
        quality_target=quality_target,
        quality=_reaches(metric, quality),
        meaning=_meaning(task, network.output.elements),
        preprocessing=_quoted(user_data.preprocessing),
        data=_quoted(user_data.data),
    )
    files = {
        DESCRIPTION: text.encode(),
        "model.tflite": network.data,
        "vectors.npz": npz(arrays),
    }
    create_folder(folder, files)
    return CreatedModel(folder, len(vectors), source, quality, quality_target, chance)


def _reaches(metric: Metric, quality: float) -> str:
    if metric == "agreement":
        return "share of vectors whose outputs must equal golden"
    return f"golden reaches {shown_quality(metric, quality)}"


def _check_quality(quality: float, chance: float | None, user_data: UserData) -> None:
    """Refuse to make a quality target of what guesses reach, too."""
    metric = METRICS[user_data.task]
    if chance is None or not reached(metric, chance, quality):
        return
    doubts = "".join(f"\n  {doubt}" for doubt in user_data.doubts)
    raise InputError(
        f"golden reaches the {SHOWN[metric]} {shown_quality(metric, quality)}, and "
        f"{shown_chance(metric, chance)} on these {len(user_data.vectors):,} vectors: this cannot "
        f"be a quality target{doubts}",
        where=str(user_data.vectors.path),
        remedy="check that the inputs are scaled as in training and that the labels belong to "
        "them, give more vectors, or state your own --quality-target",
    )


def _check(network: Network, user_data: UserData) -> None:
    source, result = network.input, network.output
    if user_data.task == "anomaly-detection" and result.elements != source.elements:
        raise InputError(
            f"is not an autoencoder: it has {source.elements} inputs and {result.elements} outputs",
            where=str(network.path),
            remedy="give the task classification",
        )
    who = f"{network.path.name} has"
    check_task_labels(user_data.task, user_data.vectors, network.graph, who)


def _meaning(task: Task, outputs: int) -> str:
    """Return the line about what the outputs mean: the names of the classes, or a unit."""
    if task == "agreement":
        return ""
    if task == "regression":
        return '# unit = "°C"    # unit of the labels, without spaces\n'
    if task == "anomaly-detection":
        return 'classes = ["normal", "abnormal"]\n'
    names = ", ".join(f'"{index}"' for index in range(count_classes(task, outputs)))
    return f"# classes = [{names}]    # their names, in order\n"


def _quoted(text: str) -> str:
    """Return `text` as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"' + "".join(character if character.isprintable() else " " for character in escaped) + '"'
    )
