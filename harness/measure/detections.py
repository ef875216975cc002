"""Scores a detector over time, as the runner of MLPerf Tiny's streaming wakeword does.

The vectors of a recording follow each other in steps of 32 ms. The first output is the wakeword's
probability, and the detector hears it while that is above `THRESHOLD`. A label is the number of
the wakeword that a detection at this vector belongs to, or 0: then it is a false accept.
(calc_detection_stats in streaming_ww_utils.py of mlcommons/tiny; DETECT_THRESHOLD, 115 of int8, in
its reference submission.)
"""

from typing import NamedTuple

import numpy as np

from harness.model.metric_arrays import Labels, Reals
from harness.model.vectors import starts_of

THRESHOLD = 0.95
"""Probability above which the wakeword is heard."""
DEBOUNCE = 31
"""Vectors, one second, after a false accept, in which no other one counts."""


class Detections(NamedTuple):
    """How many wakewords a detector missed, and how often it heard one that was not there."""

    misses: int
    false_accepts: int

    @property
    def errors(self) -> int:
        """The larger of both numbers: the rules limit each to the same one."""
        return max(self)


def score(heard: Reals, labels: Labels, recordings: Labels | None) -> Detections:
    """Return the score of probabilities `heard` [N] of N vectors, which are in the order of time.

    A detection at the first vector of a recording does not count: the runner starts its clock with
    it. Without `recordings`, all vectors are one.
    """
    if recordings is None:
        recordings = np.zeros(len(labels), np.int64)
    detected = (heard > THRESHOLD) & ~starts_of(recordings, len(labels))
    missed = set(labels[labels > 0].tolist()) - set(labels[detected].tolist())
    false_accepts = 0
    quiet: tuple[int, int] = (-1, -1)  # recording and last vector of the second after a false one
    for index in np.flatnonzero(detected & (labels == 0)).tolist():
        recording = int(recordings[index])
        if recording != quiet[0] or index > quiet[1]:
            false_accepts += 1
            quiet = (recording, index + DEBOUNCE)
    return Detections(len(missed), false_accepts)
