"""A user's labels: classes as numbers, names or one-hot rows, or real values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.file_spec import split_part
from harness.intake.label_files import SAVE_LABELS, numbers_or_text, read_label_values
from harness.intake.readers.class_folder import FolderContent
from harness.model.bad_array import format_shape
from harness.model.model_file import Task
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.plural import count_of
from harness.support.printable import printable

Array = npt.NDArray[Any]

_NORMAL = {"normal", "good", "ok", "healthy"}
_LONGEST = 40  # characters of a name in a message
_SHOWN = 20  # names
_CLASSES = "give the path of a text file with one name on each line, or several names: a,b,c"


@dataclass(frozen=True)
class UserLabels:
    """Labels from `path`: int64 [N], the classes, or float64 [N, ...], real values.

    `classes` names the classes, or is empty. `note` describes what the labels were, or is empty.
    `width` is the length of one-hot rows, or 0.
    `file_note` describes what is unusual in the file, or is empty.
    """

    path: Path
    values: Array
    classes: tuple[str, ...] = ()
    note: str = ""
    width: int = 0
    file_note: str = ""


def task_of(labels: UserLabels | None, outputs: int) -> Task:
    """Return the task that `labels` are for, if the network has this many output values.

    Numbers other than 0 and 1 cannot be the classes of a single output.
    """
    if labels is None:
        return "agreement"
    values = labels.values
    if values.dtype.kind == "f":
        return "regression"
    is_number = not labels.classes and not labels.width
    if outputs == 1 and is_number and not np.isin(values, (0, 1)).all():
        return "regression"
    return "classification"


def read_user_labels(
    spec: str, count: int, inputs: str, files: Sequence[Path] = (), *, real: bool = False
) -> UserLabels:
    """Read one label for each of `count` vectors of `inputs`: FILE, or FILE:PART of it.

    Whole numbers and one-hot rows are classes, and text names them; other numbers are real values.
    With `real`, all of them are.
    In a table that also names the `files` of the vectors, each file has the label beside its name.
    Raises `InputError` naming the file if the labels are of another kind, or not as many.
    """
    path, _ = split_part(spec)
    given, file_note = read_label_values(spec, count, files)
    values = _without_single_axes(given, count)
    if values.ndim == 0 or len(values) != count:
        raise InputError(
            f"has type {values.dtype} and shape {format_shape(values.shape)}, but {inputs} holds "
            f"{count_of(count, 'vector')}",
            where=str(path),
            remedy=f"save one label for each vector: shape [{count}]",
        )
    labels = _interpret(values, path, real=real)
    if real and labels.classes:
        raise InputError(
            f"holds names such as {_quoted(labels.classes[0])}, but a regression needs numbers",
            where=str(path),
            remedy="give the labels as numbers, or --task classification",
        )
    return replace(labels, file_note=file_note)


def labels_of_folder(folder: FolderContent) -> UserLabels | None:
    """Return the labels that the folders of a folder's files give; None without such folders."""
    if folder.labels is None:
        return None
    return UserLabels(
        folder.path, folder.labels, folder.classes, f"{count_of(len(folder.classes), 'folder')}"
    )


def check_classes(labels: UserLabels, task: Task) -> None:
    """Raise `InputError` if `labels` are real values, which `task` cannot use."""
    if labels.values.dtype.kind == "f":
        raise InputError(
            f"holds real values of shape {format_shape(labels.values.shape)}, but the task {task} "
            "needs classes",
            where=str(labels.path),
            remedy=f"save one integer, the class, for each input: shape [{len(labels.values)}]; "
            "for real values, give --task regression",
        )


def order_classes(
    labels: UserLabels, named: tuple[str, ...], task: Task, classes: int, network: str
) -> UserLabels:
    """Return `labels` with the index that the network has for each of its `classes`.

    It is the position in `named`, the user's order. Without it, names are sorted; if one of two
    names means normal, it is label 0 of an anomaly detection. Raises `InputError` if there are
    more or fewer names or one-hot columns than classes, or if a label has another name.
    """
    if labels.width and labels.width != classes:
        raise InputError(
            f"holds one-hot rows of {labels.width}, but {network} has {count_of(classes, 'class')}",
            where=str(labels.path),
            remedy="give each row one column for each class of the network, in the order of its "
            "outputs",
        )
    names = named or labels.classes
    if task == "anomaly-detection" and not named and len(names) == 2:  # noqa: PLR2004 - two labels
        names = _normal_first(names, labels.path)
    if names and len(names) != classes:
        raise InputError(
            f"{count_of(len(names), 'class')} ({_listed(names)}), but {network} has {classes}",
            where="--classes" if named else str(labels.path),
            remedy="name all classes of the network in the order of its outputs: --classes a,b,c, "
            "or a text file with one name on each line",
        )
    if not labels.classes:
        return replace(labels, classes=names)
    position = {name: index for index, name in enumerate(names)}
    unknown = next((name for name in labels.classes if name not in position), None)
    if unknown is not None:
        raise InputError(
            f"has the label {_quoted(unknown)}, which --classes does not name",
            where=str(labels.path),
            remedy=f"add it to --classes; they are {_listed(names)}",
        )
    note = labels.note + ("" if named else f"; their order is {_listed(names)}")
    indices = np.array([position[name] for name in labels.classes], np.int64)
    return replace(labels, values=indices[labels.values], classes=names, note=note)


def read_classes(text: str | None) -> tuple[str, ...]:
    """Return the names that `--classes` gives: a,b,c, or a text file with one on each line."""
    if text is None:
        return ()
    path = Path(text)
    if path.is_file():
        try:
            lines = read_input(path, MAX_TEXT).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(
                "is not UTF-8 text", where=text, remedy="write one name on each line"
            ) from error
    elif "," not in text and text.strip():
        raise InputError(
            "does not exist", where=f"--classes: {printable(text, _LONGEST)}", remedy=_CLASSES
        )
    else:
        lines = text.split(",")
    names = tuple(line.strip() for line in lines if line.strip())
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not names:
        what = f"names {_listed(repeated)} more than once" if repeated else "names nothing"
        raise InputError(
            what, where=f"--classes {printable(text, _LONGEST)}", remedy="name each class once"
        )
    return names


def _without_single_axes(values: Array, count: int) -> Array:
    """Return labels [N, 1] or [1, N] as [N]."""
    if values.ndim > 1 and values.size == max(values.shape) == count:
        return values.reshape(count)
    return values


def _interpret(values: Array, path: Path, *, real: bool) -> UserLabels:
    if values.dtype.kind in "SU" and values.ndim == 1:
        values = numbers_or_text([_text(value) for value in values])
    kind = values.dtype.kind
    if kind in "SU":
        return _named(values, path)
    if kind == "b" and values.ndim == 1:
        return _numbered(values, path, "true and false are the classes 1 and 0")
    if kind == "c":
        raise InputError("holds complex numbers", where=str(path), remedy=SAVE_LABELS)
    _check_finite(values, path)
    if real:
        return UserLabels(path, values.astype(np.float64))
    if values.ndim > 1 and _is_one_hot(values):
        classes, width = values.reshape(len(values), -1).argmax(axis=1), values[0].size
        return _numbered(classes, path, f"one-hot rows of {width} classes", width)
    if kind == "f":
        return _of_reals(values, path)
    if values.ndim > 1:
        raise InputError(
            f"has type {values.dtype} and shape {format_shape(values.shape)}, and its rows are "
            "not one-hot: exactly one 1, the rest 0",
            where=str(path),
            remedy=f"save one integer, the class, for each input: shape [{len(values)}]",
        )
    return _numbered(values, path, "")


def _check_finite(values: Array, path: Path) -> None:
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if bad.size:
        raise InputError(
            f"the label of vector {bad[0]} is not finite",
            where=str(path),
            remedy="remove the vectors without a label",
        )


def _named(values: Array, path: Path) -> UserLabels:
    """Return labels with the sorted names that text gives."""
    if values.ndim != 1:
        raise InputError(
            f"has text of shape {format_shape(values.shape)}", where=str(path), remedy=SAVE_LABELS
        )
    if (missing := np.flatnonzero(values == values.dtype.type())).size:
        raise InputError(
            f"vector {missing[0]} has no label", where=str(path), remedy="write one, or remove it"
        )
    classes, indices = np.unique(values, return_inverse=True)
    names = tuple(str(name) for name in classes)
    return UserLabels(path, indices.astype(np.int64), names, f"{count_of(len(names), 'name')}")


def _of_reals(values: Array, path: Path) -> UserLabels:
    if values.ndim == 1 and (values == np.round(values)).all() and abs(values).max() < 1 << 31:
        return _numbered(
            values, path, "whole numbers, taken as classes; if they are values: --task regression"
        )
    rows = values.reshape(len(values), -1)
    if rows.shape[1] > 1 and (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3):
        first = ", ".join(f"{value:.3g}" for value in rows[0][:_SHOWN])
        raise InputError(
            f"holds probabilities, not classes: the first row is {first}",
            where=str(path),
            remedy="save the classes: np.save('y.npy', y.argmax(axis=1)); if they are values to "
            "predict: --task regression",
        )
    return UserLabels(path, values.astype(np.float64), note="real values")


def _numbered(values: Array, path: Path, note: str, width: int = 0) -> UserLabels:
    return UserLabels(path, values.astype(np.int64), note=note, width=width)


def _is_one_hot(values: Array) -> bool:
    rows = values.reshape(len(values), -1).astype(np.float64)
    return bool(((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all())


def _normal_first(names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    normal = [name for name in names if name.lower() in _NORMAL]
    if len(normal) != 1:
        raise InputError(
            f"has the labels {_listed(names)}; which of them is normal is not clear",
            where=str(path),
            remedy=f"name it first: --classes {','.join(names)}",
        )
    return (normal[0], *(name for name in names if name != normal[0]))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name, _LONGEST) for name in names[:_SHOWN]) + ", ..." * (
        len(names) > _SHOWN
    )


def _text(value: Any) -> str:
    """Return one of NumPy's texts, of characters or of bytes."""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _quoted(name: str) -> str:
    return repr(printable(name, _LONGEST))
