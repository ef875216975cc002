"""Vectors from Edge Impulse's Studio: text files with the raw features of a sample.

A folder holds one file per sample, `<label>.<anything>.txt`: as in Edge Impulse's uploader, the
text before the first dot is the label. The file holds the comma-separated numbers that "Copy raw
features" copies; those of an image are 0xRRGGBB.
https://docs.edgeimpulse.com/docs/edge-impulse-cli/cli-uploader
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.vectors import Vectors
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.plural import count_of
from harness.support.suggestions import suggest

_SEPARATOR = re.compile(r"[\s,;]+")


def load_features(folder: Path, labels: Sequence[str], slices: int = 1) -> Vectors:
    """Read all samples in `folder`; the files' names give their classes, which are in `labels`.

    Without `labels`, the samples have no classes, and the files any names. Each sample becomes a
    recording of as many vectors as it has `slices`.

    Raises `InputError` naming the file if there are no samples, a label is unknown, a value is
    not a number, or a sample has more or fewer values than the first.
    """
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise InputError(
            "holds no samples" if folder.is_dir() else "there is no such folder",
            where=str(folder),
            remedy=f"paste raw features from the Studio into a file there, for example "
            f"{labels[0] if labels else 'sample'}.1.txt",
        )
    inputs = [_numbers(file) for file in files]
    for file, values in zip(files, inputs, strict=True):
        if len(values) != len(inputs[0]):
            raise InputError(
                f"holds {count_of(len(values), 'number')}, but {files[0].name} holds "
                f"{len(inputs[0])}",
                where=str(file),
                remedy="copy the raw features of a complete window",
            )
    array = np.stack(inputs)
    if array.shape[1] % slices:
        raise InputError(
            f"holds {count_of(array.shape[1], 'number')}, which are not {slices} equal slices",
            where=str(files[0]),
            remedy="copy the raw features of a complete window",
        )
    array = array.reshape(len(files) * slices, -1)
    array.setflags(write=False)
    recordings = np.repeat(np.arange(len(files)), slices) if slices > 1 else None
    indices = None
    if labels:
        indices = np.repeat([_label(file, labels) for file in files], slices).astype(np.int64)
    return Vectors(folder, (array,), indices, recordings=recordings)


def _label(file: Path, labels: Sequence[str]) -> int:
    label = file.name.split(".", 1)[0]
    if label not in labels:
        raise InputError(
            f"{label!r}, the name up to its first dot, is not a label of the impulse",
            where=str(file),
            remedy=suggest(label, labels),
        )
    return labels.index(label)


def _numbers(file: Path) -> npt.NDArray[np.float32]:
    text = read_input(file, MAX_TEXT).decode("utf-8", errors="replace")
    words = [word for word in _SEPARATOR.split(text) if word]
    values = []
    for index, word in enumerate(words):
        try:
            values.append(float(int(word, 16)) if word[:2].lower() == "0x" else float(word))
        except (ValueError, OverflowError):
            raise InputError(
                f"{word[:20]!r}, value {index}, is not a number",
                where=str(file),
                remedy="paste the raw features as the Studio copies them",
            ) from None
    if not values:
        raise InputError("holds no numbers", where=str(file))
    return np.array(values, np.float32)
