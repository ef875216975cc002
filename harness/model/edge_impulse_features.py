"""Vectors as Edge Impulse's Studio gives them: the text of a sample's raw features, in files.

A folder holds one file a sample, called `<label>.<anything>.txt`: what is before the first dot
is the label, as Edge Impulse's uploader has it. In the file are the numbers that "Copy raw
features" copies, with commas between them; those of an image are 0xRRGGBB.
https://docs.edgeimpulse.com/docs/edge-impulse-cli/cli-uploader
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.vectors import Vectors
from harness.support.suggestions import suggest

_SEPARATOR = re.compile(r"[\s,;]+")


def load_features(folder: Path, labels: Sequence[str]) -> Vectors:
    """Read all samples in `folder`, which are of the classes `labels`, by the files' names.

    Raises `InputError` naming the file if there is none, one has an unknown label, holds what
    is no number, or other than the first a different number of them.
    """
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise InputError(
            "holds no samples",
            where=str(folder),
            remedy=f"paste raw features of the Studio into a file such as {labels[0]}.1.txt there",
        )
    inputs = [_numbers(file) for file in files]
    for file, values in zip(files, inputs, strict=True):
        if len(values) != len(inputs[0]):
            raise InputError(
                f"holds {len(values)} numbers, but {files[0].name} {len(inputs[0])}",
                where=str(file),
                remedy="copy the raw features of a whole window",
            )
    array = np.stack(inputs)
    array.setflags(write=False)
    indices = np.array([_label(file, labels) for file in files], np.int64)
    return Vectors(folder, (array,), indices)


def _label(file: Path, labels: Sequence[str]) -> int:
    label = file.name.split(".", 1)[0]
    if label not in labels:
        raise InputError(
            f"{label!r}, before the first dot of its name, is no label of the impulse",
            where=str(file),
            remedy=suggest(label, labels),
        )
    return labels.index(label)


def _numbers(file: Path) -> npt.NDArray[np.float32]:
    words = [word for word in _SEPARATOR.split(file.read_text(errors="replace")) if word]
    values = []
    for place, word in enumerate(words):
        try:
            values.append(float(int(word, 16)) if word[:2].lower() == "0x" else float(word))
        except ValueError:
            raise InputError(
                f"{word[:20]!r}, at place {place}, is no number",
                where=str(file),
                remedy="paste the raw features as the Studio copies them",
            ) from None
    if not values:
        raise InputError("holds no numbers", where=str(file))
    return np.array(values, np.float32)
