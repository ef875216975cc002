"""The rules over several keys of `model.toml`; the types in `model_file` check single keys."""

import re
from pathlib import Path

from harness.errors import InputError
from harness.model.edge_impulse_export import Export
from harness.model.metric import LARGEST_ERROR
from harness.model.model_file import METRICS, ModelFile

_UNIT = re.compile(r"\S{1,12}")  # tables have no room for more


def check_description(file: ModelFile, path: Path) -> None:
    """Raise `InputError` for the first rule that `file`, read from `path`, breaks."""
    _check_metric(file, path)
    _check_quality_target(file, path)
    _check_classes(file, path)
    if file.unit:
        _check_unit(file, path)
    if file.continuous and not (path.parent / file.model).is_dir():
        raise InputError(
            "only an Edge Impulse export takes slices of its window",
            where=f"{path}: continuous",
            remedy="remove it",
        )


def check_export(file: ModelFile, export: Export, path: Path) -> None:
    """Raise `InputError` unless `file`, read from `path`, describes what the `export` does."""
    tasks = ("agreement", *({export.kind} & {"classification", "regression"}))
    if file.task not in tasks:
        raise InputError(
            f"the export is a model of {export.kind}, not of {file.task}",
            where=f"{path}: task",
            remedy=f"write task = {' or '.join(repr(task) for task in reversed(tasks))}",
        )
    if file.classes and file.classes != export.labels:
        raise InputError(
            f"are {', '.join(file.classes)}, but the export's labels are "
            f"{', '.join(export.labels)}",
            where=f"{path}: classes",
            remedy="remove `classes`: the export names them",
        )


def _check_metric(file: ModelFile, path: Path) -> None:
    if file.metric != METRICS[file.task]:
        raise InputError(
            f"{file.metric} is not a metric of {file.task}",
            where=f"{path}: metric",
            remedy=f'write metric = "{METRICS[file.task]}"',
        )


def _check_quality_target(file: ModelFile, path: Path) -> None:
    if file.task == "regression":
        most, what = LARGEST_ERROR, "an error of 0 or more"
        remedy = "give the largest mean absolute error that passes, in the unit of the labels"
    elif file.task == "wakeword-detection":
        most, what = LARGEST_ERROR, "a count of 0 or more"
        remedy = "give the most misses that pass; as many false accepts pass"
    else:
        most, what = 1.0, "between 0 and 1"
        remedy = "give the least quality that passes, for example 0.97"
    if not 0 <= file.quality_target <= most:  # also false for NaN
        raise InputError(
            f"{file.quality_target} is not {what}",
            where=f"{path}: quality_target",
            remedy=remedy,
        )


def _check_classes(file: ModelFile, path: Path) -> None:
    names = file.classes
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(
            f"names {', '.join(repeated)} more than once",
            where=f"{path}: classes",
            remedy="name every output once, in order",
        )
    if names and file.task == "regression":
        raise InputError(
            "a regression has no classes", where=f"{path}: classes", remedy="remove `classes`"
        )


def _check_unit(file: ModelFile, path: Path) -> None:
    where = f"{path}: unit"
    if file.task != "regression":
        raise InputError(
            f"{file.task} has no unit",
            where=where,
            remedy='remove `unit`: only the labels of task = "regression" have one',
        )
    if not _UNIT.fullmatch(file.unit) or not file.unit.isprintable():
        raise InputError(
            f"{file.unit[:40]!r} is not a unit",
            where=where,
            remedy="give at most 12 characters without spaces, for example °C or mmHg",
        )
    if file.unit == "byte":  # a Number in bytes is a size, and whole
        raise InputError("`byte` is the unit of sizes", where=where, remedy='write unit = "B"')
