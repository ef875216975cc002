"""Some of a model's vectors for a quick answer: which ones, so that they stand for all of them.

The vectors have one order, and every beginning of it is stratified. So the first 20 of 40 vectors
are the same as those of a run of 20, and a run may stop at any time. Vector 0 is always the first:
profiles and estimates are of this vector.
"""

import hashlib
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.model.metric import Metric
from harness.model.metric_arrays import check_both_labels
from harness.model.vectors import Vectors

_SEED = "tinyml-harness"  # another one would change which vectors run

Numbers = npt.NDArray[np.int64]


class Order(NamedTuple):
    """The `numbers` of all vectors; a run may end after as many as one of `ends`."""

    numbers: Sequence[int]
    ends: Sequence[int]


def order_of(metric: Metric, vectors: Vectors) -> Order:
    """Return the order of `vectors`; every beginning of it stands for all of them.

    Each class has its share, and at least one vector as soon as there is room for one of each.
    The labels of a regression are spread from the least to the largest, and vectors without labels
    over the file. Recordings stay whole: what counts is the label of the first vector. AUC takes at
    least one normal and one abnormal. The recordings of a detector are spread over the file.
    """
    recordings = vectors.recordings
    if recordings is None:
        alone = metric != "detection_errors"  # a detector is scored over time
        recordings = np.arange(len(vectors)) * alone
    windows = _windows(recordings)
    firsts = np.array([each[0] for each in windows])
    if metric in {"agreement", "detection_errors"}:
        order = _spread(np.arange(len(firsts)))
    elif metric == "mae":
        labels = vectors.real_labels.mean(axis=1)[firsts]
        order = _spread(np.argsort(labels, kind="stable"))
    else:
        order = _stratified(vectors.class_labels[firsts])
    if metric == "auc":
        check_both_labels(vectors.class_labels, str(vectors.path))
    windows = [windows[each] for each in order]
    numbers = [number for each in windows for number in each]
    ends = list(accumulate(map(len, windows)))
    return Order(numbers, ends[1:] if metric == "auc" else ends)


def _windows(recordings: Numbers) -> list[list[int]]:
    """Return the vectors of each of the `recordings` [N]; that of vector 0 comes first."""
    by_recording = np.argsort(recordings, kind="stable")
    begins = np.flatnonzero(np.diff(recordings[by_recording])) + 1
    return sorted(each.tolist() for each in np.split(by_recording, begins))


def _stratified(labels: Numbers) -> list[int]:
    """Return the order of vectors with the classes `labels`.

    The classes take turns as parties get seats (Sainte-Laguë), after the first vector of each.
    """
    turns: list[tuple[float, bool, int, int, int]] = []
    for label in np.unique(labels).tolist():
        members = np.flatnonzero(labels == label).tolist()
        members.sort(key=lambda number: (number != 0, _draw(number)))
        for seat, number in enumerate(members):
            turn = (2 * seat + 1) / (2 * len(members)) if seat else 0.0
            turns.append((turn, number != 0, -len(members), label, number))
    return [number for *_, number in sorted(turns)]


def _draw(number: int) -> bytes:
    """Return where `number` stands in a shuffled order that never changes."""
    return hashlib.sha256(f"{_SEED} {number}".encode()).digest()


def _spread(ranked: Numbers) -> list[int]:
    """Return `ranked` so that every beginning has about equal steps between its ranks.

    The ranks follow van der Corput's sequence (bits in reverse), from that of vector 0 on.
    """
    count = len(ranked)
    bits = max(1, (count - 1).bit_length())
    steps = (int(f"{index:0{bits}b}"[::-1], 2) for index in range(1 << bits))
    start = int(np.flatnonzero(ranked == 0)[0])
    return [int(ranked[(start + step) % count]) for step in steps if step < count]
