"""What the host's clock says of a device: when it computed, and when its counter was read."""

from typing import NamedTuple


class Span(NamedTuple):
    """An inference, from RUN to RESULT, in seconds of `time.perf_counter`.

    If it was `disturbed`, bytes arrived during the inference and its measurement does not count.
    `looks` is how often the host read the device's memory meanwhile, to see whether it has ended.
    """

    begin: float
    end: float
    disturbed: bool = False
    looks: int = 0


class Reading(NamedTuple):
    """What the device's counter read at a moment between two of the host's clock.

    `sent` and `received` are in seconds of `time.perf_counter`; `ticks` has 32 bits.
    """

    sent: float
    received: float
    ticks: int
