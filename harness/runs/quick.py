"""A quick answer: a run over some of the vectors, chosen by their number or by time."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.measure.subset import Subset
from harness.measure.vector_order import order_of
from harness.model.folder import Model
from harness.model.metric import SHOWN
from harness.model.vectors import Vectors, starts_of
from harness.support.plural import count_of

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Schedule:
    """What a run does: `sequence` are the indices of `vectors` in the order in which they run.

    `numbers` are those of `vectors` in the model's file, which holds `of` vectors. After `seconds`,
    the run ends when it has as many vectors as one of `ends`.
    """

    vectors: Vectors
    numbers: Indices
    sequence: Sequence[int]
    ends: Sequence[int]
    of: int
    seconds: float | None = None

    def total(self, answered: int, seconds: float) -> int:
        """Return how many vectors are to be answered, if `answered` were after `seconds`."""
        if self.seconds is None or seconds < self.seconds:
            return len(self.sequence)
        return self.ends[bisect_left(self.ends, max(answered, 1))]

    @property
    def starts(self) -> Sequence[bool]:
        """Tell of each place of the sequence whether a recording begins there."""
        recordings = self.vectors.recordings
        ordered = None if recordings is None else recordings[list(self.sequence)]
        starts: list[bool] = starts_of(ordered, len(self.sequence)).tolist()
        return starts

    def running(self, begin: int, count: int) -> Sequence[int]:
        """Return the numbers of `count` vectors of the sequence, from place `begin` on.

        It is a range if all vectors run, one after the other.
        """
        if len(self.vectors) == self.of and isinstance(self.sequence, range):
            return self.sequence[begin : begin + count]
        running: list[int] = self.numbers[list(self.sequence[begin : begin + count])].tolist()
        return running

    def sorted(self, answered: int) -> tuple[Indices, Indices]:
        """Return which of `vectors` were answered, and the place of each in the sequence."""
        ran = np.array(self.sequence[:answered])
        places = np.argsort(ran)
        return ran[places], places

    def subset(self, indices: Indices) -> Subset | None:
        """Return what `indices` of `vectors` are of the model's; None if they are all."""
        if len(indices) == self.of:
            return None
        return Subset(self.of, self.numbers[indices].tolist())


@dataclass(frozen=True)
class Quick:
    """How a run is cut short: to a number of `vectors`, after `seconds` of inferences, or both."""

    vectors: int | None = None
    seconds: float | None = None

    def schedule(self, model: Model) -> Schedule:
        """Return the schedule of a run of `model`.

        Raises `InputError` if the model has fewer vectors, or if they are too few for its quality.
        """
        every = model.vectors
        count = len(every)
        if self == Quick():
            return Schedule(every, np.arange(count), range(count), (count,), count)
        order = order_of(model.metric, every)
        asked = count if self.vectors is None else self.vectors
        _check(model, asked, order.ends[0])
        fitting = order.ends[bisect_right(order.ends, asked) - 1]
        numbers = np.sort(order.numbers[:fitting])
        sequence: Sequence[int] = range(fitting)
        if self.seconds is not None:  # it may end early: the order must be representative
            sequence = np.searchsorted(numbers, order.numbers[:fitting]).tolist()
        return Schedule(every.taken(numbers), numbers, sequence, order.ends, count, self.seconds)

    def check(self, model: Model) -> None:
        """Raise the errors of `schedule`, without reading vectors if all of them run."""
        if self.vectors is not None:
            self.schedule(model)


def _check(model: Model, asked: int, least: int) -> None:
    count = len(model.vectors)
    if asked > count:
        raise InputError(
            f"{count_of(asked, 'vector')} are asked for, but {model.name} has {count:,}",
            where=f"--vectors={asked}",
            remedy=f"give at most {count}, or leave it out to run all",
        )
    if asked < least:
        kind = "vector" if model.vectors.recordings is None else "recording"
        needs = f"one normal and one abnormal {kind}" if model.metric == "auc" else "one recording"
        raise InputError(
            f"{SHOWN[model.metric]} of {model.name} needs at least "
            f"{count_of(least, 'vector')}: {needs}",
            where=f"--vectors={asked}",
            remedy=f"give at least {least}",
        )
