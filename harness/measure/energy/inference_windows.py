"""Where the inferences are in what a meter saw.

The trigger says so where the meter has an input for it. Where it has none, the current does:
the core works through an inference without a pause and sleeps before its input comes.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.errors import InfrastructureError
from harness.link.link_client import Span
from harness.measure.energy.meters.meter import Capture

Interval = tuple[float, float]
Floats = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.int64]

MAX_LEFT_OUT = 0.1
"""Share of the inferences that may be left out because samples are missing."""

_CLEAR = 5.0  # times the noise by which computing must stand out from sleep
_SMOOTH = 50e-6  # seconds
_LATE = 2e-3  # seconds by which a trigger is looked for earlier and later
_ENOUGH = 0.998  # of what no shift can better: two more samples in idle are no reason to shift
_ASLEEP = 0.05  # the lowest share of all samples: in the quiet, if nowhere else, the core sleeps
_LONGER = 2.0  # times any other stretch of work that an inference must be
_UNSURE = 0.1  # seconds by which the host may be wrong about when the meter began
_COMPUTING = 0.9  # of the samples in windows draw no more than computing does
_STEP = 2e-4
_TICKS_OFF = 0.02  # by which what the device counted may be longer than what the current shows


@dataclass(frozen=True)
class Timeline:
    """What the host did when, in seconds of `time.perf_counter`.

    In the two intervals of `quiet`, before and after all inferences, it sent nothing and the
    device waited. `inferences` go from when RUN was sent to when RESULT was there. `answer` are
    the seconds that RESULT is on the line, 0 on a line without a baud rate; `seconds` how
    long each inference took by the device's own counter and clock, where those are known.
    """

    quiet: tuple[Interval, Interval]
    inferences: tuple[Span, ...]
    answer: float = 0.0
    seconds: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Windows:
    """Samples of N inferences: from `begin` up to and without `end`, int64 [N] each.

    Single ones may not be there, because samples are missing: then both are the same.
    """

    begin: Places
    end: Places
    found_by: Literal["trigger", "current"]

    def shifted(self, samples: int) -> "Windows":
        """Return them so many samples later."""
        return Windows(self.begin + samples, self.end + samples, self.found_by)


def find_windows(capture: Capture, timeline: Timeline) -> Windows:
    """Return the samples of each inference; `InfrastructureError` if they are not there."""
    if capture.trigger is None:
        return _by_current(capture, timeline)
    # A single sample is a damaged one: what it says of the level is not believed.
    level = capture.trigger.astype(np.int8)
    level[1:-1] = level[:-2] + level[1:-1] + level[2:] >= 2  # noqa: PLR2004
    begin, end = _runs(level.astype(np.bool_))
    wanted = len(timeline.inferences)
    if len(begin) != wanted:
        seen = f"seen {len(begin)} times" if len(begin) else "never seen"
        raise InfrastructureError(
            f"the trigger was {seen}, for {_inferences(wanted)}",
            where="meter",
            remedy="is the target's trigger pin (docs/energy.md) on the meter's first input, and "
            "do both share ground and the level of high?",
        )
    return Windows(begin, end, "trigger")


def between_edges(capture: Capture, count: int) -> Capture:
    """Return `capture` with a trigger that is high in `count` windows, from edge to edge.

    A falling edge begins a window and the next one ends it. Raises `InfrastructureError` if there
    are more or fewer.
    """
    if capture.trigger is None:
        raise InfrastructureError(
            "this meter has no input for the pin that marks the windows",
            where="meter",
            remedy="take one with digital inputs: docs/energy.md",
        )
    level = capture.trigger.astype(np.int8)
    falls = np.flatnonzero(np.diff(level) < 0) + 1
    if len(falls) != 2 * count:
        raise InfrastructureError(
            f"the pin fell {len(falls)} times, for {count} windows with two edges each",
            where="meter",
            remedy="is the firmware's timestamp pin on the meter's first input, and does it stay "
            f"low for more than {1e6 / capture.hz:g} µs, a sample?",
        )
    between = np.zeros(len(level), dtype=np.bool_)
    for begin, end in falls.reshape(-1, 2):
        between[begin:end] = True
    return replace(capture, trigger=between)


def delay(capture: Capture, windows: Windows, idle: float) -> int:
    """Return by how many samples the trigger came later than the current, negative if earlier.

    Before and after an inference the core is awake too: it checks the input, and sends the
    result. So windows that are off by more than that reach into sleep, `idle` A, and it shows.
    """
    reach = min(round(_LATE * capture.hz), int(windows.begin[0]), len(capture.current))
    level = filled(capture.current)
    # What draws more than computing, such as an LED beside a transfer, must not attract. Most of
    # a window may be sleep, if it is short and late.
    inside = np.concatenate([level[begin:end] for begin, end in _pairs(windows)])
    computing = np.quantile(inside, _COMPUTING)
    total = np.concatenate([[0.0], np.cumsum(np.minimum(level, computing) - idle)])
    shifts = np.arange(-reach, min(reach, len(level) - int(windows.end[-1])) + 1)
    charge = np.array([(total[windows.end + s] - total[windows.begin + s]).sum() for s in shifts])
    good = shifts[charge >= charge.max() - (1 - _ENOUGH) * abs(charge.max())]
    return -int(good[np.argmin(np.abs(good))])


def _by_current(capture: Capture, timeline: Timeline) -> Windows:
    """Take the longest stretch of work in each of the host's spans.

    Shorter ones, beside it, are bytes that came: an interrupt each, or a frame that is checked.
    """
    hz = capture.hz
    width = max(1, round(_SMOOTH * hz))
    level = np.convolve(filled(capture.current), np.ones(width) / width, mode="same")
    spans = np.array([(span.begin, span.end) for span in timeline.inferences]) - capture.began
    spans = np.clip(np.rint((spans + _offset(level, spans, hz)) * hz), 0, len(level)).astype(
        np.int64
    )
    inside = np.concatenate([level[begin:end] for begin, end in spans])
    high, low = np.median(inside), np.quantile(level, _ASLEEP)
    begin, end = _runs(level > (low + high) / 2)
    middle = (begin + end) // 2
    found = np.array([_longest(begin, end, (middle >= a) & (middle < b)) for a, b in spans])
    unclear = np.mean(found[:, 0] == found[:, 1])
    noise = np.std(level[level < (low + high) / 2])
    if unclear > MAX_LEFT_OUT or high - low < _CLEAR * noise:
        raise InfrastructureError(
            f"the current does not show where the {_inferences(len(spans))} are: it goes from "
            f"{low:.3g} to {high:.3g} A",
            where="meter",
            remedy="is the board supplied by this meter, and by nothing else? Otherwise take a "
            "meter with an input for the trigger pin: docs/energy.md",
        )
    return _counted(found[:, 0], found[:, 1], timeline, hz)


def _longest(begin: Places, end: Places, within: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return begin and end of the longest stretch `within`; the same if it is not clear which."""
    order = np.flatnonzero(within)
    order = order[np.argsort((begin - end)[order])]
    lengths = (end - begin)[order]
    if len(order) == 0 or (len(order) > 1 and lengths[0] <= _LONGER * lengths[1]):
        return 0, 0
    return int(begin[order[0]]), int(end[order[0]])


def _offset(level: Floats, spans: Floats, hz: float) -> float:
    """Return by how many seconds the spans must be moved so that most current is in them.

    The host knows when it began to measure, but not how late the meter was.
    """
    total = np.concatenate([[0.0], np.cumsum(level - np.mean(level))])
    offsets = np.arange(-_UNSURE, _UNSURE, _STEP)
    charge = np.zeros(len(offsets))
    for place, offset in enumerate(offsets):
        moved = np.clip(np.rint((spans + offset) * hz), 0, len(level)).astype(np.int64)
        charge[place] = (total[moved[:, 1]] - total[moved[:, 0]]).sum()
    # Around the best, not a period away from it, where all but one inference fit nearly as well.
    begin, end = _runs(charge >= charge.max() - (1 - _ENOUGH) * abs(charge.max()))
    run = np.searchsorted(begin, np.argmax(charge), side="right") - 1
    best = offsets[begin[run] : end[run]]
    return float(best[np.argmin(np.abs(best))])


def _counted(begin: Places, end: Places, timeline: Timeline, hz: float) -> Windows:
    """Return the part of each stretch of work that the device says the inference took.

    The rest is the check of the input before it, and the result that is sent after it.
    """
    if timeline.seconds is None:
        return Windows(begin, end, "current")
    end = end - round(timeline.answer * hz)
    counted = np.rint(np.array(timeline.seconds) * hz).astype(np.int64)
    clear = end > begin
    if (counted > (end - begin) * (1 + _TICKS_OFF) + 2)[clear].any():
        raise InfrastructureError(
            f"the device counted inferences of {np.median(counted) / hz:.4g} s, where the current "
            f"shows {np.median((end - begin)[clear]) / hz:.4g} s",
            where="meter",
            remedy="is clock.hz in the target file what the core runs at?",
        )
    return Windows(np.where(clear, np.maximum(begin, end - counted), end), end, "current")


def _runs(level: npt.NDArray[np.bool_]) -> tuple[Places, Places]:
    """Return where `level` goes up and down; what has begun or goes on outside counts too."""
    edges = np.diff(np.concatenate([[0], level.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _pairs(windows: Windows) -> list[tuple[int, int]]:
    return list(zip(windows.begin.tolist(), windows.end.tolist(), strict=True))


def filled(current: Floats) -> Floats:
    """Return the current with missing samples on the line between their neighbours."""
    missing = np.isnan(current)
    places = np.arange(len(current))
    return np.where(missing, np.interp(places, places[~missing], current[~missing]), current)


def _inferences(count: int) -> str:
    return f"{count} inference{'s' if count != 1 else ''}"
