"""Finds the inferences in a meter's capture.

The trigger marks them if the meter has an input for it. Otherwise the current shows them: the
core computes an inference without a pause, and sleeps until its input arrives.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.errors import InfrastructureError
from harness.link.host_clock import Span
from harness.measure.energy.meters.meter import Capture
from harness.support.plural import count_of

Interval = tuple[float, float]
Floats = npt.NDArray[np.floating[Any]]
Samples = npt.NDArray[np.int64]

MAX_LEFT_OUT = 0.1
"""Share of the inferences that may be left out because samples are missing."""

_MIN_CONTRAST = 5.0  # computing must exceed sleep by this multiple of the noise
_SMOOTH = 50e-6  # seconds
_MAX_DELAY = 2e-3  # seconds; the trigger's delay is searched in this range, both ways
_NEARLY_BEST = 0.998  # of the best shift's charge: two samples more in idle do not justify a shift
_ASLEEP = 0.05  # quantile of the samples that is sleep: the core sleeps at least in the quiet times
_LONGER = 2.0  # an inference must be this many times as long as any other stretch of work
_START_UNCERTAINTY = 0.1  # seconds by which the host's start of the capture may be wrong
_COMPUTING = 0.9  # quantile of the windows' samples that is the current of computing
_STEP = 2e-4  # seconds
_COUNT_TOLERANCE = 0.02  # by which the counted time may exceed the time that the current shows


@dataclass(frozen=True)
class Timeline:
    """The host's actions, in seconds of `time.perf_counter`.

    In the two intervals of `quiet`, before and after all inferences, the host sent nothing and
    the device waited. Each of `inferences` lasts from sending RUN to receiving RESULT. `answer` is
    how many seconds RESULT is on the line, 0 on a line without a baud rate; `seconds` is how long
    each inference took by the device's own counter and clock, None if these are not known.
    """

    quiet: tuple[Interval, Interval]
    inferences: tuple[Span, ...]
    answer: float = 0.0
    seconds: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Windows:
    """Samples of N inferences: from `begin` up to but not including `end`, int64 [N] each.

    For an inference that was not found, because samples are missing, `begin` equals `end`.
    """

    begin: Samples
    end: Samples
    found_by: Literal["trigger", "current"]

    def shifted(self, samples: int) -> "Windows":
        """Return the windows moved later by `samples`."""
        return Windows(self.begin + samples, self.end + samples, self.found_by)


def find_windows(capture: Capture, timeline: Timeline) -> Windows:
    """Return the samples of each inference; `InfrastructureError` if they cannot be found."""
    if capture.trigger is None:
        return _by_current(capture, timeline)
    # A level that lasts for a single sample is a damaged sample: the median of three removes it.
    level = capture.trigger.astype(np.int8)
    level[1:-1] = level[:-2] + level[1:-1] + level[2:] >= 2  # noqa: PLR2004
    begin, end = _runs(level.astype(np.bool_))
    wanted = len(timeline.inferences)
    if len(begin) != wanted:
        seen = f"seen {count_of(len(begin), 'time')}" if len(begin) else "never seen"
        raise InfrastructureError(
            f"the trigger was {seen}, for {_inferences(wanted)}",
            where="meter",
            remedy="is the target's trigger pin (docs/energy.md) connected to the meter's first "
            "input, and do both share ground and logic level?",
        )
    return Windows(begin, end, "trigger")


def between_edges(capture: Capture, count: int) -> Capture:
    """Return `capture` with a trigger that is high in `count` windows, from edge to edge.

    One falling edge begins a window and the next one ends it. Raises `InfrastructureError` if the
    number of edges is wrong.
    """
    if capture.trigger is None:
        raise InfrastructureError(
            "this meter has no input for the pin that marks the windows",
            where="meter",
            remedy="use a meter with digital inputs: docs/energy.md",
        )
    level = capture.trigger.astype(np.int8)
    falls = np.flatnonzero(np.diff(level) < 0) + 1
    if len(falls) != 2 * count:
        raise InfrastructureError(
            f"the pin fell {count_of(len(falls), 'time')}, for {count} windows with two edges each",
            where="meter",
            remedy="is the firmware's timestamp pin connected to the meter's first input, and does "
            f"it stay low for more than a sample, {1e6 / capture.hz:g} µs?",
        )
    between = np.zeros(len(level), dtype=np.bool_)
    for begin, end in falls.reshape(-1, 2):
        between[begin:end] = True
    return replace(capture, trigger=between)


def delay(capture: Capture, windows: Windows, idle: float) -> int:
    """Return by how many samples the trigger lags behind the current; negative if it leads.

    The core is also awake just before and after an inference, when it checks the input and sends
    the result. A window that is off by more than that includes sleep, at `idle` A, which lowers its
    charge.
    """
    limit = min(round(_MAX_DELAY * capture.hz), int(windows.begin[0]), len(capture.current))
    level = filled(capture.current)
    # Clip currents above computing, such as an LED during a transfer, so that they do not attract
    # the windows. A quantile, because a short and late window may be mostly sleep.
    inside = np.concatenate([level[begin:end] for begin, end in _pairs(windows)])
    computing = np.quantile(inside, _COMPUTING)
    total = np.concatenate([[0.0], np.cumsum(np.minimum(level, computing) - idle)])
    shifts = np.arange(-limit, min(limit, len(level) - int(windows.end[-1])) + 1)
    charge = np.array([(total[windows.end + s] - total[windows.begin + s]).sum() for s in shifts])
    good = shifts[charge >= charge.max() - (1 - _NEARLY_BEST) * abs(charge.max())]
    return -int(good[np.argmin(np.abs(good))])


def _by_current(capture: Capture, timeline: Timeline) -> Windows:
    """Return the longest stretch of work in each of the host's spans.

    Shorter stretches are received bytes: an interrupt for each byte, or the check of a frame.
    """
    hz = capture.hz
    width = max(1, round(_SMOOTH * hz))
    level = np.convolve(filled(capture.current), np.ones(width) / width, mode="same")
    spans = np.array([(span.begin, span.end) for span in timeline.inferences]) - capture.began
    moved = np.rint((spans + _offset(level, spans, hz)) * hz)
    spans = np.clip(moved, 0, len(level)).astype(np.int64)
    inside = np.concatenate([level[begin:end] for begin, end in spans])
    high, low = np.median(inside), np.quantile(level, _ASLEEP)
    begin, end = _runs(level > (low + high) / 2)
    middle = (begin + end) // 2
    longest = np.array([_longest(begin, end, (middle >= a) & (middle < b)) for a, b in spans])
    unclear = np.mean(longest[:, 0] == longest[:, 1])
    noise = np.std(level[level < (low + high) / 2])
    if unclear > MAX_LEFT_OUT or high - low < _MIN_CONTRAST * noise:
        raise InfrastructureError(
            f"the current does not show where the {_inferences(len(spans))} are: it ranges from "
            f"{low:.3g} to {high:.3g} A",
            where="meter",
            remedy="does this meter alone power the board? If so, use a meter with an input for "
            "the trigger pin: docs/energy.md",
        )
    return _counted(longest[:, 0], longest[:, 1], timeline, hz)


def _longest(begin: Samples, end: Samples, within: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return begin and end of the longest stretch `within`; (0, 0) if none is clearly longest."""
    order = np.flatnonzero(within)
    order = order[np.argsort((begin - end)[order])]
    lengths = (end - begin)[order]
    if len(order) == 0 or (len(order) > 1 and lengths[0] <= _LONGER * lengths[1]):
        return 0, 0
    return int(begin[order[0]]), int(end[order[0]])


def _offset(level: Floats, spans: Floats, hz: float) -> float:
    """Return by how many seconds the spans must be moved to contain the most current.

    The host knows when it started the capture, but not how late the meter began.
    """
    total = np.concatenate([[0.0], np.cumsum(level - np.mean(level))])
    offsets = np.arange(-_START_UNCERTAINTY, _START_UNCERTAINTY, _STEP)
    charge = np.zeros(len(offsets))
    for index, offset in enumerate(offsets):
        moved = np.clip(np.rint((spans + offset) * hz), 0, len(level)).astype(np.int64)
        charge[index] = (total[moved[:, 1]] - total[moved[:, 0]]).sum()
    # Only offsets next to the best one: a whole period away, all but one inference fit as well.
    begin, end = _runs(charge >= charge.max() - (1 - _NEARLY_BEST) * abs(charge.max()))
    run = np.searchsorted(begin, np.argmax(charge), side="right") - 1
    best = offsets[begin[run] : end[run]]
    return float(best[np.argmin(np.abs(best))])


def _counted(begin: Samples, end: Samples, timeline: Timeline, hz: float) -> Windows:
    """Return the part of each stretch of work in which, by the device's counter, it inferred.

    The rest of a stretch is the check of the input before it, and sending the result after it.
    """
    if timeline.seconds is None:
        return Windows(begin, end, "current")
    end = end - round(timeline.answer * hz)
    counted = np.rint(np.array(timeline.seconds) * hz).astype(np.int64)
    clear = end > begin
    if (counted > (end - begin) * (1 + _COUNT_TOLERANCE) + 2)[clear].any():
        raise InfrastructureError(
            f"the device counted inferences of {np.median(counted) / hz:.4g} s, but the current "
            f"shows {np.median((end - begin)[clear]) / hz:.4g} s",
            where="meter",
            remedy="does the core run at clock.hz of the target file?",
        )
    return Windows(np.where(clear, np.maximum(begin, end - counted), end), end, "current")


def _runs(level: npt.NDArray[np.bool_]) -> tuple[Samples, Samples]:
    """Return begin and end of all runs in which `level` is True, including those at both ends."""
    edges = np.diff(np.concatenate([[0], level.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _pairs(windows: Windows) -> list[tuple[int, int]]:
    return list(zip(windows.begin.tolist(), windows.end.tolist(), strict=True))


def filled(current: Floats) -> Floats:
    """Return the current with missing samples interpolated linearly between their neighbours."""
    missing = np.isnan(current)
    indices = np.arange(len(current))
    return np.where(missing, np.interp(indices, indices[~missing], current[~missing]), current)


def _inferences(count: int) -> str:
    return f"{count} inference{'s' if count != 1 else ''}"
