"""Doubts about test vectors: what they can prove, whatever their numbers mean."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.support.printable import printable

Array = npt.NDArray[Any]

_FEW = 5  # vectors of a class
_CONSTANT = 0.01  # share of vectors; fewer may be rightly silent or dark
_SHOWN = 8  # classes in a sentence
_LONGEST = 40  # characters of a class's name


def vector_doubts(inputs: Sequence[Array], labels: Array | None) -> Iterator[str]:
    """Yield a sentence for each doubt about `inputs`, an array [N, ...] for each input.

    `labels`, [N, ...], may be None.
    """
    count = len(inputs[0])
    if count > 1 and all((array == array[0]).all() for array in inputs):
        yield f"all {count:,} inputs are the same"
        return
    yield from _duplicates(inputs, labels)
    for position, array in enumerate(inputs):
        rows: Array = array.reshape(count, -1)
        constant = np.flatnonzero((rows == rows[:, :1]).all(axis=1))
        if constant.size >= max(1, _CONSTANT * count) and rows[0].size > 1:
            which = "" if len(inputs) == 1 else f" in input {position}"
            first = int(constant[0])
            yield (
                f"{len(constant):,} of {count:,} vectors are constant{which}: all values of "
                f"vector {first} are {rows[first, 0]}"
            )


def class_doubts(labels: Array, names: Sequence[str], classes: int) -> Iterator[str]:
    """Yield a sentence for each doubt about how `labels`, int [N], use the `classes`.

    `names` are the names of the classes, or empty. Labels that are not classes are left out.
    """
    counts = np.bincount(labels[(labels >= 0) & (labels < classes)], minlength=classes)

    def listed(indices: Array) -> str:
        shown = [
            printable(names[index], _LONGEST) if names else str(index)
            for index in indices[:_SHOWN].tolist()
        ]
        return ", ".join(shown) + ", ..." * (len(indices) > _SHOWN)

    present, missing = np.flatnonzero(counts), np.flatnonzero(counts == 0)
    if len(present) == 1 < classes:
        yield f"all {len(labels):,} vectors are of one class: {listed(present)}"
    elif len(missing):
        yield f"{len(missing)} of {classes} classes have no vectors: {listed(missing)}"
    few = np.flatnonzero((counts > 0) & (counts < _FEW))
    if len(few) and len(present) > 1:
        yield f"{len(few)} of {classes} classes have fewer than {_FEW} vectors: {listed(few)}"


def _duplicates(inputs: Sequence[Array], labels: Array | None) -> Iterator[str]:
    first: dict[bytes, int] = {}
    repeated, conflicts = [], []
    classes = None if labels is None or labels.dtype.kind == "f" else labels
    for index in range(len(inputs[0])):
        sha = hashlib.blake2b(digest_size=16)
        for array in inputs:
            sha.update(np.ascontiguousarray(array[index]).tobytes())
        earlier = first.setdefault(sha.digest(), index)
        if earlier != index:
            repeated.append((earlier, index))
            # Real values that are close become equal inputs, with their own labels.
            if classes is not None and classes[earlier] != classes[index]:
                conflicts.append((earlier, index))
    count = len(inputs[0])
    if repeated:
        earlier, index = repeated[0]
        yield (
            f"{len(repeated):,} of {count:,} vectors repeat an earlier one, as they are stored: "
            f"vector {index} equals vector {earlier}"
        )
    if conflicts and labels is not None:
        earlier, index = conflicts[0]
        yield (
            f"{len(conflicts):,} of them have another label than the earlier one: vector {earlier} "
            f"has {labels[earlier]}, vector {index} has {labels[index]}"
        )
