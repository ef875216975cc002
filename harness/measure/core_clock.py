"""The core's clock, measured: its counter is read twice, a second apart on the host's clock."""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from harness.errors import InfrastructureError
from harness.link.host_clock import Reading
from harness.target.target_file import Target

APART = 1.0
"""Seconds between the first and the last readings of the counter."""

_WRAP = 1 << 32  # the device's counter has 32 bits
_LONGEST = 4.0  # seconds; no later, because a counter at 1 GHz wraps around in 4.3
_READINGS = 16  # at each end; the luckiest ones narrow the bounds
_READING_TIME = 0.1  # seconds for them, on a slow line
_TRIES = 3  # the host may be stopped between the readings
_SHORTEST = 1e-9  # seconds; perf_counter counts no less
_VAGUE = 0.05  # above this relative error, a measured clock converts no ticks to time
_HOST = 1e-4  # relative error of the host's clock; a crystal's is less


class ClockBounds(NamedTuple):
    """The least and the most that a clock's frequency can be, in Hz."""

    least: float
    most: float

    @property
    def hz(self) -> float:
        """The middle of the bounds."""
        return (self.least + self.most) / 2

    @property
    def error(self) -> float:
        """The uncertainty of `hz`, as a share of it: the bounds are that far away."""
        return (self.most - self.least) / (self.most + self.least)

    @property
    def is_vague(self) -> bool:
        """Whether the clock says too little to convert ticks to time."""
        return self.error > _VAGUE

    def __str__(self) -> str:
        if math.isinf(self.most):
            return f"{self.least / 1e6:.4g} MHz or more"
        return f"{self.hz / 1e6:.5g} MHz ± {100 * self.error:.2g} %"


def measure_clock(count: Callable[[], Reading | None], target: Target) -> ClockBounds | None:
    """Measure the clock of a device whose counter `count` reads. It takes a second.

    Returns None if the firmware does not tell what its counter reads, or this process gets no time.
    Raises `InfrastructureError` if the target states another clock, or the counter stands still.
    """
    for _ in range(_TRIES):
        first = _readings(count)
        if not first:
            return None
        time.sleep(max(first[0].sent + APART - time.perf_counter(), 0))
        last = _readings(count)
        if last and last[-1].received - first[0].sent < _LONGEST:
            bounds = bounds_of(first, last)
            _check_counts(bounds, target)
            check_clock(bounds, target)
            return bounds
    return None


def _readings(count: Callable[[], Reading | None]) -> list[Reading]:
    readings: list[Reading] = []
    while len(readings) < _READINGS:
        reading = count()
        if reading is None:
            break
        readings.append(reading)
        if reading.received - readings[0].sent > _READING_TIME:
            break
    return readings


def bounds_of(first: Sequence[Reading], last: Sequence[Reading]) -> ClockBounds:
    """Return the bounds of a clock's frequency from the `first` and `last` readings of its counter.

    The counter was read at some moment between `sent` and `received`. So each pair of readings
    bounds the frequency, and the narrowest bounds hold. Those of a clock that is not constant
    contradict each other; then the bounds are as far apart as they are.
    """
    least, most = 0.0, math.inf
    for old in first:
        for new in last:
            ticks = (new.ticks - old.ticks) % _WRAP
            least = max(least, ticks / (new.received - old.sent))
            most = min(most, ticks / (new.sent - old.received))
    return ClockBounds(min(least, most) * (1 - _HOST), max(least, most) * (1 + _HOST))


def _check_counts(bounds: ClockBounds, target: Target) -> None:
    if bounds.most == 0:
        raise InfrastructureError(
            "the device's counter stands still: it read the same a second apart",
            where=target.name,
            remedy="does the chip have the counter? Some chips have no SysTick, such as the nRF51, "
            "and others stop it while the core sleeps",
        )


def check_clock(bounds: ClockBounds, target: Target) -> None:
    """Raise `InfrastructureError` if the clock that `target` states is out of `bounds`."""
    stated = target.clock
    if stated is None or agrees(bounds, target):
        return
    raise InfrastructureError(
        f"the core runs at {bounds}, but the stated clock is {stated.hz / 1e6:g} MHz, with a "
        f"tolerance of {100 * stated.tolerance:g} %",
        where=f"{target.path}: clock.hz",
        remedy=f"does the core run from {stated.source!r}, and does the port set this frequency? "
        "For a less exact oscillator, set clock.tolerance; without [clock], the measured one is "
        'used. A virtual board has no clock: its target needs counter.ticks = "instructions"',
    )


def agrees(bounds: ClockBounds, target: Target) -> bool:
    """Return whether the clock that `target` states, if it does, is within `bounds`."""
    stated = target.clock
    if stated is None or target.counter.ticks != "cycles":
        return True
    off = stated.tolerance * stated.hz
    return bounds.least <= stated.hz + off and stated.hz - off <= bounds.most


def with_own_clock(target: Target, measured: ClockBounds | None) -> Target:
    """Return `target` without its clock if the `measured` one of prebuilt firmware contradicts it.

    The target's clock is that of the harness's port. Other firmware may set another one.
    """
    if measured is None or agrees(measured, target):
        return target
    return msgspec.structs.replace(target, clock=None)


def check_waited(ticks: int, waited: float, target: Target) -> None:
    """Do the same with an inference of `ticks`, whose result the host `waited` for, in seconds.

    There is no upper bound, because the host also waits for the line.
    """
    check_clock(ClockBounds(ticks / max(waited, _SHORTEST), math.inf), target)


def hz_of(target: Target, measured: ClockBounds | None) -> float | None:
    """Return the frequency that converts the ticks of `target` to time; None if there is none.

    It is the stated one, which the measured one has confirmed, or else the measured one, unless
    that is too vague.
    """
    if target.counter.ticks != "cycles":
        return None
    if target.clock is not None:
        return target.clock.hz
    return None if measured is None or measured.is_vague else measured.hz


def why_no_time(target: Target, measured: ClockBounds | None) -> str:
    """Return why cycles on `target` are not converted to time; empty if they are."""
    if target.counter.ticks != "cycles" or hz_of(target, measured) is not None:
        return ""
    if measured is None:
        return "the clock could not be measured, and the target file does not state it"
    return f"the clock could only be measured as {measured}, and the target file does not state it"
