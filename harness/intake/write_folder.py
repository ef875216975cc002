"""Writes a model folder: description, network, vectors with golden outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.golden import oracle
from harness.intake.class_order import order_doubt
from harness.intake.networks.network_file import Network
from harness.measure.quality import chance_of, details_of, quality_of, rounded_target
from harness.model.folder import check_task_labels, count_classes
from harness.model.metric import BETTER, SHOWN, Metric, reached, shown_chance, shown_quality
from harness.model.model_file import DESCRIPTION, METRICS, ConvertedFrom, Task
from harness.model.vectors import Array, Vectors, named_arrays
from harness.support.plural import count_of
from harness.support.printable import printable
from harness.support.whole_files import create_folder, npz

_TEXT = """\
# Written by harness; replace every "not stated yet".
{doubts}description = "not stated yet"
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
_CONVERSION = """
[conversion]
source = {source}
sha256 = "{sha256}"
converter = {converter}
calibration = {calibration}
"""


@dataclass(frozen=True)
class UserData:
    """The user's task and samples.

    `vectors` has no golden outputs yet; its path is the user's file. `preprocessing` and `data`
    are texts for the description. `doubts` are warnings about the vectors, one sentence each.
    `classes` names the classes, or is empty. `notes` describe what the files are.
    """

    task: Task
    vectors: Vectors
    preprocessing: str
    data: str
    doubts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CreatedModel:
    """The new folder, its number of vectors, golden's source and quality, and the quality target.

    If `chance`, what guesses reach, is known and reaches `quality`, the quality proves nothing.
    `doubts` are warnings about the vectors, one sentence each.
    """

    path: Path
    vectors: int
    golden_source: str
    quality: float
    details: Mapping[str, float]
    quality_target: float
    chance: float | None
    doubts: tuple[str, ...]


def create_model(
    folder: Path,
    network: Network,
    user_data: UserData,
    quality_target: float | None = None,
    origin: ConvertedFrom | None = None,
) -> CreatedModel:
    """Write the model folder `folder` atomically.

    The golden outputs are computed. Without a `quality_target`, it is their quality, rounded; see
    `rounded_target`. `origin` is what the network was converted from. Raises `InputError` if
    labels or network do not match the task, `folder` exists, golden misses the target, or there is
    no target and golden is no better than guesses.
    """
    vectors, task = user_data.vectors, user_data.task
    check_data(network, user_data)
    where = str(network.path)
    golden = tuple(
        oracle.of_vectors(network.data, vectors.all_inputs, starts=vectors.starts, where=where)
    )
    source = oracle.source(network.data, where=where)
    if user_data.classes and task == "classification":
        doubt = order_doubt(user_data.classes, vectors.class_labels, golden[0], network.graph)
        user_data = replace(user_data, doubts=(*user_data.doubts, *([doubt] if doubt else [])))
    metric = METRICS[task]
    quality = quality_of(metric, vectors, golden, golden, network.graph)
    chance = chance_of(metric, vectors, network.graph)
    if quality_target is None:
        _check_quality(quality, chance, user_data, origin)
        quality_target = rounded_target(metric, quality, chance)
    else:
        _check_target(quality_target, metric, quality)
    text = _TEXT.format(
        doubts="".join(f"# warning: {printable(doubt)}\n" for doubt in user_data.doubts),
        task=task,
        metric=metric,
        quality_target=quality_target,
        quality=_reaches(metric, quality),
        meaning=_meaning(user_data, network.graph.classes),
        preprocessing=_quoted(user_data.preprocessing),
        data=_quoted(user_data.data),
    )
    files = {
        DESCRIPTION: (text + _conversion(origin)).encode(),
        "model.tflite": network.data,
        "vectors.npz": npz(_arrays(vectors, golden, source)),
    }
    create_folder(folder, files)
    return CreatedModel(
        folder,
        len(vectors),
        source,
        quality,
        details_of(metric, vectors, golden[0], network.graph),
        quality_target,
        chance,
        user_data.doubts,
    )


def _arrays(vectors: Vectors, golden: Sequence[Array], source: str) -> dict[str, Array]:
    """Return the arrays of `vectors.npz` by name."""
    arrays = named_arrays("inputs", vectors.all_inputs) | named_arrays("golden", golden)
    arrays["golden_source"] = np.array(source)
    if vectors.labels is not None:
        arrays["labels"] = vectors.labels
    if vectors.recordings is not None:
        arrays["recordings"] = vectors.recordings
    return arrays


def _reaches(metric: Metric, quality: float) -> str:
    if metric == "detection_errors":
        return f"golden: the larger of its misses and false accepts is {quality:g}"
    if metric == "agreement":
        return "share of vectors whose outputs must equal golden"
    return f"golden reaches {shown_quality(metric, quality)}"


def _conversion(origin: ConvertedFrom | None) -> str:
    if origin is None:
        return ""
    text = _CONVERSION.format(
        source=_quoted(origin.source),
        sha256=origin.sha256,
        converter=_quoted(origin.converter),
        calibration=_quoted(origin.calibration),
    )
    quality = origin.float_quality
    return text if quality is None else f"{text}float_quality = {quality!r}\n"


def _check_target(target: float, metric: Metric, quality: float) -> None:
    """Raise `InputError` for a user's quality target that golden's `quality` does not reach."""
    if target > 1 and BETTER[metric] == "higher":
        raise InputError(
            f"{target:g} is not a number from 0 to 1",
            where="--quality-target",
            remedy=f"the {SHOWN[metric]} is a share; give the least that passes",
        )
    if not reached(metric, quality, target):
        side = "below" if quality < target else "above"
        raise InputError(
            f"{_reaches(metric, quality)}, which is {side} {target:g}",
            where="--quality-target",
            remedy="give a target that golden reaches, or check the inputs and labels",
        )


def _check_quality(
    quality: float, chance: float | None, user_data: UserData, origin: ConvertedFrom | None
) -> None:
    """Refuse to make a quality target of what guesses reach, too."""
    metric = METRICS[user_data.task]
    if chance is None or not reached(metric, chance, quality):
        return
    doubts = "".join(f"\n  {doubt}" for doubt in user_data.doubts)
    if origin is not None and origin.float_quality is not None:
        doubts += f"\n  the float network reaches {shown_quality(metric, origin.float_quality)}"
    raise InputError(
        f"golden reaches the {SHOWN[metric]} {shown_quality(metric, quality)}, and "
        f"{shown_chance(metric, chance)} on these "
        f"{count_of(len(user_data.vectors), 'vector')}: this cannot "
        f"be a quality target{doubts}",
        where=str(user_data.vectors.path),
        remedy="check that the inputs are scaled as in training and that the labels belong to "
        "them, give more vectors, or state your own --quality-target. To compare the outputs with "
        "golden alone, leave out --labels; classes of folders need --task agreement for this",
    )


def check_data(network: Network, user_data: UserData) -> None:
    """Raise `InputError` unless labels and network match the task."""
    source, result = network.input, network.output
    if user_data.task == "anomaly-detection" and result.elements != source.elements:
        raise InputError(
            f"is not an autoencoder: it has {count_of(source.elements, 'input')} and "
            f"{count_of(result.elements, 'output')}",
            where=str(network.path),
            remedy="give the task classification",
        )
    who = f"{network.path.name} has"
    check_task_labels(user_data.task, user_data.vectors, network.graph, who)


def _meaning(user_data: UserData, outputs: int) -> str:
    """Return the line about what the outputs mean: the names of the classes, or a unit."""
    task, names = user_data.task, user_data.classes
    if task == "agreement":
        return ""
    if task == "regression":
        return '# unit = "°C"    # unit of the labels, without spaces\n'
    if task == "anomaly-detection":
        names = names or ("normal", "abnormal")
    if names:
        return f"classes = [{', '.join(map(_quoted, names))}]\n"
    numbers = ", ".join(f'"{index}"' for index in range(count_classes(task, outputs)))
    return f"# classes = [{numbers}]    # their names, in order\n"


def _quoted(text: str) -> str:
    """Return `text` as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"' + "".join(character if character.isprintable() else " " for character in escaped) + '"'
    )
