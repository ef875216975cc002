"""Energy of inferences, from what a meter saw; and an estimate of it, from cycles."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InfrastructureError
from harness.measure.energy.inference_windows import (
    MAX_LEFT_OUT,
    Interval,
    Timeline,
    Windows,
    delay,
    filled,
    find_windows,
)
from harness.measure.energy.meters.meter import Capture
from harness.measure.number import Kind, Number
from harness.target.target_file import Power

MAX_MISSING = 0.05
"""Share of an inference's samples that may be missing; what was between is interpolated."""
MAX_CLOCK = 0.01
"""By which the meter's clock may be off the host's; a crystal is within 0.0001."""

VIRTUAL = "virtual meter"
"""The model of an energy that was estimated from invented currents."""

_SETTLE = 0.02  # seconds after and before the host's last and first byte, which are not idle
_HOST = 0.02  # seconds by which the host may have been late to look

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Energy:
    """The energy of N inferences.

    `joules` float [N] is all that the supply gave during each and `seconds` float [N] how long
    it took, NaN where one was left out. `idle` is the power in W while the device waits,
    `transfer` what it takes in J from the end of an inference to the begin of the next, and
    `transfer_seconds` how long that is. `delay` s is how much later the trigger came than the
    current; `clock` by how much more than the meter's the host's clock counted (1e-6: a µs
    each second). `volts` is the mean.
    """

    joules: Floats
    seconds: Floats
    idle: float
    transfer: float
    transfer_seconds: float
    volts: float
    hz: float
    found_by: str
    delay: float
    clock: float
    samples: int
    missing: int
    corrupt: int

    @property
    def left_out(self) -> int:
        """Inferences that were disturbed, or of which too many samples are missing."""
        return int(np.isnan(self.joules).sum())

    @property
    def net(self) -> Floats:
        """What each inference took more than waiting would have, J [N]."""
        return self.joules - self.idle * self.seconds

    def numbers(self, *, virtual: bool) -> dict[str, Number]:
        """Return the numbers of a record; they are no measurement if the meter is `virtual`."""
        kind: Kind = "estimated" if virtual else "measured"
        model = VIRTUAL if virtual else ""
        joules = self.joules[~np.isnan(self.joules)]
        spread = float(np.std(joules, ddof=1)) if len(joules) > 1 else 0.0
        seconds = float(np.nanmedian(self.seconds))
        values = {
            "energy_min": (float(joules.min()), "J"),
            "energy_median": (float(np.median(joules)), "J"),
            "energy_mean": (float(joules.mean()), "J"),
            "energy_max": (float(joules.max()), "J"),
            "energy_stdev": (spread, "J"),
            "energy_standard_error": (spread / math.sqrt(len(joules)), "J"),
            "energy_net_median": (float(np.nanmedian(self.net)), "J"),
            "energy_transfer": (self.transfer, "J"),
            "power_compute": (float(np.median(joules)) / seconds, "W"),
            "power_transfer": (self.transfer / max(self.transfer_seconds, 1 / self.hz), "W"),
            "power_idle": (self.idle, "W"),
        }
        return {name: Number(value, unit, kind, model) for name, (value, unit) in values.items()}


def energy_of(capture: Capture, timeline: Timeline) -> Energy:
    """Return the energy of each inference of `timeline`.

    Raises `InfrastructureError` where the capture does not show just these inferences, or what
    it shows cannot be.
    """
    _check_current(capture)
    windows = find_windows(capture, timeline)
    offset, clock = _clock(capture, windows, timeline)
    quiet = [_places(capture, interval, offset, shorter=_SETTLE) for interval in timeline.quiet]
    late = 0
    if windows.found_by == "trigger":
        late = delay(capture, windows, _mean(capture.current, quiet))
        windows = windows.shifted(-late)
    total = np.concatenate([[0.0], np.cumsum(filled(capture.current) * capture.volts)]) / capture.hz
    joules = total[windows.end] - total[windows.begin]
    seconds = (windows.end - windows.begin) / capture.hz
    busy = _places(capture, (timeline.quiet[0][1], timeline.quiet[1][0]), offset)
    between = float(total[busy.stop] - total[busy.start] - joules.sum())
    between_seconds = (busy.stop - busy.start) / capture.hz - float(seconds.sum())
    disturbed = np.array([span.disturbed for span in timeline.inferences])
    left_out = disturbed | (seconds == 0) | _incomplete(capture, windows)
    _check_complete(left_out)
    return Energy(
        joules=np.where(left_out, np.nan, joules),
        seconds=np.where(left_out, np.nan, seconds),
        idle=_mean(capture.current * capture.volts, quiet),
        transfer=between / len(joules),
        transfer_seconds=between_seconds / len(joules),
        volts=float(np.mean(capture.volts)),
        hz=capture.hz,
        found_by=windows.found_by,
        delay=late / capture.hz,
        clock=clock,
        samples=len(capture.current),
        missing=capture.missing,
        corrupt=capture.corrupt,
    )


def estimate_energy(cycles: Number, power: Power) -> Number:
    """Return the energy in J of `cycles` at the current that a datasheet states per MHz.

    I = ua_per_mhz · 1e-6 · f/1e6 and t = cycles / f, so f drops out: E = V · cycles ·
    ua_per_mhz · 1e-12. No error is stated, not even that of `cycles`, which would be the least:
    a datasheet's typical current is that of other code, another chip and a room's temperature.
    """
    return Number(
        power.volts * cycles.value * power.ua_per_mhz * 1e-12,
        "J",
        "estimated",
        " times ".join(filter(None, [cycles.model, "datasheet current"])),
    )


def _clock(capture: Capture, windows: Windows, timeline: Timeline) -> tuple[float, float]:
    """Return the host's time of the first sample, and how much faster the host's clock is.

    Where that is more than clocks differ, samples are missing that nothing else tells of.
    """
    there = windows.end > windows.begin
    ends = windows.end[there] / capture.hz
    results = np.array([span.end for span in timeline.inferences])[there] - timeline.answer
    # From half to half: single results are late by much, where the host had something else to do.
    half = len(ends) // 2
    late = results - ends
    length = float(np.median(ends[half:]) - np.median(ends[:half])) if half else 0.0
    clock = float(np.median(late[half:]) - np.median(late[:half])) / length if length else 0.0
    if abs(clock) > MAX_CLOCK + _HOST / max(length, _HOST):
        raise InfrastructureError(
            f"the meter counted {1 + clock:.3f} times less time than the host: it lost samples "
            "without a trace, or its clock is wrong",
            where="meter",
            remedy="let the machine do less meanwhile, and plug the meter in without a hub",
        )
    return float(np.median(late)), clock


def _places(capture: Capture, interval: Interval, offset: float, *, shorter: float = 0.0) -> slice:
    """Return the samples of an interval of the host's time, `shorter` seconds at both ends."""
    begin, end = (
        round((moment - offset) * capture.hz)
        for moment in (interval[0] + shorter, interval[1] - shorter)
    )
    size = len(capture.current)
    return slice(min(max(begin, 0), size), min(max(end, 0), size))


def _mean(values: Floats, places: list[slice]) -> float:
    """Return the mean of what is known at the `places`, where the device waits."""
    known = np.concatenate([values[place] for place in places])
    known = known[~np.isnan(known)]
    if not known.size:
        raise InfrastructureError(
            "the meter shows nothing of the time in which the device waits",
            where="meter",
            remedy="is it slow to start? Look at its cable, and try again",
        )
    return float(known.mean())


def _incomplete(capture: Capture, windows: Windows) -> npt.NDArray[np.bool_]:
    """Tell of which inferences too much is missing, in them or right beside them."""
    missing = np.concatenate([[0], np.cumsum(np.isnan(capture.current))])
    beside = np.rint((windows.end - windows.begin) * MAX_MISSING).astype(np.int64)
    begin = np.maximum(windows.begin - beside, 0)
    end = np.minimum(windows.end + beside, len(capture.current))
    share = (missing[end] - missing[begin]) / np.maximum(windows.end - windows.begin, 1)
    return np.asarray(share > MAX_MISSING)


def _check_current(capture: Capture) -> None:
    known = capture.current[~np.isnan(capture.current)]
    if not known.size:
        raise InfrastructureError(
            f"none of the meter's {len(capture.current)} samples is one",
            where="meter",
            remedy="look at its cable; is another program using it?",
        )
    if known.mean() <= 0:
        raise InfrastructureError(
            f"the mean current is {known.mean():.3g} A: energy cannot be negative",
            where="meter",
            remedy="are the meter's leads reversed, or is the board not supplied through it?",
        )


def _check_complete(left_out: npt.NDArray[np.bool_]) -> None:
    if left_out.mean() > MAX_LEFT_OUT:
        raise InfrastructureError(
            f"{left_out.sum()} of {len(left_out)} inferences were disturbed, or more than "
            f"{MAX_MISSING:.0%} of the meter's samples of them are missing",
            where="meter",
            remedy="let the machine do less meanwhile, and plug the meter in without a hub",
        )
