"""Energy of inferences, from a meter's capture; and its estimate from cycles."""

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
"""Share of an inference's samples that may be missing; missing samples are interpolated."""
MAX_CLOCK = 0.01
"""Largest relative difference of the meter's clock and the host's; a crystal is within 0.0001."""

VIRTUAL = "virtual meter"
"""The model name of an energy that was estimated from invented currents."""

_SETTLE = 0.02  # seconds after the host's last byte and before its first that are not idle
_HOST = 0.02  # seconds by which the host may notice an event late

_LOST_SAMPLES = "reduce the load on this machine, and connect the meter without a hub"

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Energy:
    """The energy of N inferences.

    `joules` float [N] is the energy from the supply during each inference, and `seconds`
    float [N] its length; both are NaN for an inference that was left out. `idle` is the power
    in W while the device waits; `transfer` is the energy in J, and `transfer_seconds` the time,
    from the end of one inference to the beginning of the next. `delay` is by how many seconds the
    trigger lags behind the current; `clock` is the relative excess of the host's clock over the
    meter's (1e-6: 1 µs per second). `volts` is the mean.
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
        """The number of inferences that were disturbed or have too many missing samples."""
        return int(np.isnan(self.joules).sum())

    @property
    def net(self) -> Floats:
        """The energy of each inference above the idle energy of the same time, J [N]."""
        return self.joules - self.idle * self.seconds

    def numbers(self, *, virtual: bool) -> dict[str, Number]:
        """Return the numbers of a Record; from a `virtual` meter they are estimates."""
        kind: Kind = "estimated" if virtual else "measured"
        model = VIRTUAL if virtual else ""
        joules = self.joules[~np.isnan(self.joules)]
        stdev = float(np.std(joules, ddof=1)) if len(joules) > 1 else 0.0
        seconds = float(np.nanmedian(self.seconds))
        values = {
            "energy_min": (float(joules.min()), "J"),
            "energy_median": (float(np.median(joules)), "J"),
            "energy_mean": (float(joules.mean()), "J"),
            "energy_max": (float(joules.max()), "J"),
            "energy_stdev": (stdev, "J"),
            "energy_standard_error": (stdev / math.sqrt(len(joules)), "J"),
            "energy_net_median": (float(np.nanmedian(self.net)), "J"),
            "energy_transfer": (self.transfer, "J"),
            "power_compute": (float(np.median(joules)) / seconds, "W"),
            "power_transfer": (self.transfer / max(self.transfer_seconds, 1 / self.hz), "W"),
            "power_idle": (self.idle, "W"),
        }
        return {name: Number(value, unit, kind, model) for name, (value, unit) in values.items()}


def energy_of(capture: Capture, timeline: Timeline) -> Energy:
    """Return the energy of each inference of `timeline`.

    Raises `InfrastructureError` if the capture does not show exactly these inferences, or if it
    is implausible.
    """
    _check_current(capture)
    windows = find_windows(capture, timeline)
    offset, clock = _clock(capture, windows, timeline)
    quiet = [_samples(capture, interval, offset, shorter=_SETTLE) for interval in timeline.quiet]
    late = 0
    if windows.found_by == "trigger":
        late = delay(capture, windows, _mean(capture.current, quiet))
        windows = windows.shifted(-late)
    total = np.concatenate([[0.0], np.cumsum(filled(capture.current) * capture.volts)]) / capture.hz
    joules = total[windows.end] - total[windows.begin]
    seconds = (windows.end - windows.begin) / capture.hz
    busy = _samples(capture, (timeline.quiet[0][1], timeline.quiet[1][0]), offset)
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
    ua_per_mhz · 1e-12. The number has no error: the error of `cycles` is only a part of it, because
    a datasheet's typical current is for other code, another chip, and room temperature.
    """
    return Number(
        power.volts * cycles.value * power.ua_per_mhz * 1e-12,
        "J",
        "estimated",
        " times ".join(filter(None, [cycles.model, "datasheet current"])),
    )


def _clock(capture: Capture, windows: Windows, timeline: Timeline) -> tuple[float, float]:
    """Return the host's time of the first sample, and how much faster the host's clock is.

    A larger difference than between real clocks means that the meter lost samples unnoticed.
    """
    present = windows.end > windows.begin
    ends = windows.end[present] / capture.hz
    results = np.array([span.end for span in timeline.inferences])[present] - timeline.answer
    # Medians of both halves: the host may notice single results very late.
    half = len(ends) // 2
    late = results - ends
    length = float(np.median(ends[half:]) - np.median(ends[:half])) if half else 0.0
    clock = float(np.median(late[half:]) - np.median(late[:half])) / length if length else 0.0
    if abs(clock) > MAX_CLOCK + _HOST / max(length, _HOST):
        raise InfrastructureError(
            f"the host measured {1 + clock:.3f} times the meter's time: the meter lost samples "
            "without notice, or its clock is wrong",
            where="meter",
            remedy=_LOST_SAMPLES,
        )
    return float(np.median(late)), clock


def _samples(capture: Capture, interval: Interval, offset: float, *, shorter: float = 0.0) -> slice:
    """Return the samples of a host-time interval, shortened by `shorter` seconds at both ends."""
    begin, end = (
        round((moment - offset) * capture.hz)
        for moment in (interval[0] + shorter, interval[1] - shorter)
    )
    size = len(capture.current)
    return slice(min(max(begin, 0), size), min(max(end, 0), size))


def _mean(values: Floats, idle: list[slice]) -> float:
    """Return the mean of all known samples in the `idle` slices, where the device waits."""
    known = np.concatenate([values[samples] for samples in idle])
    known = known[~np.isnan(known)]
    if not known.size:
        raise InfrastructureError(
            "the meter has no samples of the time in which the device waits",
            where="meter",
            remedy="is it slow to start? Check its cable, and try again",
        )
    return float(known.mean())


def _incomplete(capture: Capture, windows: Windows) -> npt.NDArray[np.bool_]:
    """Return [N]: whether too many samples are missing in an inference or right beside it."""
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
            f"all of the meter's {len(capture.current)} samples are invalid",
            where="meter",
            remedy="check its cable; is another program using it?",
        )
    if known.mean() <= 0:
        raise InfrastructureError(
            f"the mean current is {known.mean():.3g} A: energy cannot be negative",
            where="meter",
            remedy="are the meter's leads reversed, or is the board powered from elsewhere?",
        )


def _check_complete(left_out: npt.NDArray[np.bool_]) -> None:
    if left_out.mean() > MAX_LEFT_OUT:
        raise InfrastructureError(
            f"{left_out.sum()} of {len(left_out)} inferences were disturbed, or lack more than "
            f"{MAX_MISSING:.0%} of the meter's samples",
            where="meter",
            remedy=_LOST_SAMPLES,
        )
