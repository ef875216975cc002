"""Plausibility checks on the device's counter. An implausible measurement is rejected."""

import math
from dataclasses import replace
from fractions import Fraction

from harness.errors import InfrastructureError
from harness.link.messages import Result, Welcome
from harness.target.target_file import Target

_WRAP = 1 << 32  # the device's counter has 32 bits
_ALMOST = 0.9
_FASTEST = 1_000_000_000  # instructions or cycles per second; no emulator and no core is faster

# Relative error of the coarse counter's frequency, which the firmware measures at start by
# polling.
_TOLERANCE = 0.05
_AROUND = 1000  # ticks from a reading of the coarse counter to that of the counter, and back


def whole_ticks(result: Result, welcome: Welcome, where: str) -> Result:
    """Return `result` with all its ticks, even if the 32-bit counter wrapped around meanwhile.

    Before and after the two readings of the counter, the device reads a coarse counter; each of
    its ticks is `welcome.coarse_ticks`. So it tells how often the counter wrapped around. Without
    a coarse counter, that cannot be detected.

    Raises `InfrastructureError` if the counter stood still, contradicts the coarse counter, or
    wrapped around more often than the coarse counter can tell.
    """
    name, overhead = welcome.counter, welcome.counter_overhead
    counted = (result.ticks + overhead) % _WRAP  # between the two readings
    if counted <= overhead:
        raise InfrastructureError(
            f"the counter {name!r} {'stands still' if counted == 0 else 'counted nothing'}: it "
            f"counted {counted} ticks around an inference, and {overhead} around an empty bracket",
            where=where,
            remedy="does a debugger or a low-power mode stop it? Does the port read the right "
            "counter?"
            + (
                " In QEMU, the DWT always stands still: define port_ticks(), docs/firmware.md"
                * (name == "dwt")
            ),
        )
    least, most = _coarse_limits(result, welcome)
    first = max(0, math.ceil((least - counted) / _WRAP))
    last = math.floor((most - counted) / _WRAP)
    if first > last:
        raise InfrastructureError(
            f"the counter {name!r} counted {counted:,} ticks during an inference, but according to "
            f"the coarse counter it took {least:,.0f} to {most:,.0f}",
            where=where,
            remedy="does one of the counters stop or change its clock during the inference? "
            "docs/latency.md",
        )
    if first < last:
        raise InfrastructureError(
            f"the 32-bit counter {name!r} wrapped around {first:,} to {last:,} times: the coarse "
            f"counter, which is exact to {100 * _TOLERANCE:g} %, tells it for inferences of up to "
            f"about {0.5 * _WRAP / _TOLERANCE:,.0f} ticks; this one took {least:,.0f} to "
            f"{most:,.0f}",
            where=where,
            remedy="measure a smaller model, or count more slowly: a prescaler in the port, a "
            "smaller board.icount_shift on QEMU",
        )
    return replace(result, ticks=counted - overhead + first * _WRAP)


def nearest_ticks(result: Result, executed: Fraction) -> Result:
    """Return `result` with the wrap-arounds that an emulator's own count, in ticks, tells."""
    wraps = round((executed - result.ticks) / _WRAP)
    return replace(result, ticks=result.ticks + max(wraps, 0) * _WRAP)


def check_wrap(
    ticks: int, waited: float, hz: float | None, welcome: Welcome, target: Target, which: str
) -> None:
    """Raise `InfrastructureError` if the counter may have wrapped around unnoticed.

    That is so if no coarse counter tells, and the host `waited`, in seconds, almost a whole
    wrap-around longer than the counted `ticks` take at `hz`. Without `hz`, the core may be as fast
    as any.
    """
    if welcome.coarse_ticks:
        return
    fastest = float(_FASTEST * target.instruction_ticks)
    known = fastest if hz is None else hz
    if waited < (ticks + _ALMOST * _WRAP) / known:
        return
    clock = f"at {known / 1e6:g} MHz" if hz else f"if it counts {known:,.0f} ticks a second"
    raise InfrastructureError(
        f"the result came after {waited:.3g} s, but the 32-bit counter {welcome.counter!r} wraps "
        f"around after {_WRAP / known:.3g} s {clock}, and no slower counter tells how often",
        where=f"{target.name}: {which}",
        remedy="run a smaller model, or use a port whose port_coarse() counts: docs/latency.md"
        + ("" if hz or target.counter.ticks != "cycles" else "; or state clock.hz"),
    )


def check_instructions(
    counted: int, executed: int, welcome: Welcome, remedy: str, where: str
) -> None:
    """Raise `InfrastructureError` if the emulator `executed` another number than was `counted`.

    Both are counted between the same two readings, so they are equal, not just close.
    """
    if counted != executed:
        raise InfrastructureError(
            f"the counter {welcome.counter!r} counted {counted:,} instructions in an inference, "
            f"but the emulator executed {executed:,}",
            where=where,
            remedy=remedy,
        )


def _coarse_limits(result: Result, welcome: Welcome) -> tuple[float, float]:
    """Return the fewest and the most ticks that the coarse counter allows."""
    if welcome.coarse_ticks == 0:
        return 0, _WRAP - 1
    least = (result.coarse - 1) * welcome.coarse_ticks * (1 - _TOLERANCE) - _AROUND
    most = (result.coarse + 1) * welcome.coarse_ticks * (1 + _TOLERANCE)
    return max(0, least), most
