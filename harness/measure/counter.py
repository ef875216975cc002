"""Plausibility checks on the device's counter. An implausible measurement is rejected."""

from harness.errors import InfrastructureError
from harness.link.messages import Result, Welcome

_WRAP = 1 << 32  # the device's counter has 32 bits
_ALMOST = 0.9

# Relative error of the coarse counter's frequency, which the firmware measures at start by
# polling.
_TOLERANCE = 0.05


def check_ticks(result: Result, welcome: Welcome, where: str) -> None:
    """Raise `InfrastructureError` if the counter wrapped around, stood still, or is implausible.

    Before and after the two readings of the counter, the device reads a coarse counter; each of
    its ticks is `welcome.coarse_ticks`. Without a coarse counter, a wrap-around cannot be
    detected.
    """
    name, overhead = welcome.counter, welcome.counter_overhead
    counted = (result.ticks + overhead) % _WRAP  # between the two readings
    least, most = _coarse_limits(result, welcome)
    if result.coarse * welcome.coarse_ticks >= _WRAP * (1 - _TOLERANCE):
        raise InfrastructureError(
            f"the 32-bit counter {name!r} wrapped around: according to the coarse counter, an "
            f"inference took about {result.coarse * welcome.coarse_ticks:,} ticks; the range is "
            f"{_WRAP:,}",
            where=where,
            remedy="measure a smaller model, or count more slowly: a prescaler in the port, a "
            "smaller board.icount_shift on QEMU",
        )
    if counted <= overhead:
        raise InfrastructureError(
            f"the counter {name!r} {'stands still' if counted == 0 else 'counted nothing'}: it "
            f"counted {counted} ticks around an inference, and {overhead} around an empty bracket",
            where=where,
            remedy="does a debugger or a low-power mode stop it? Does the port read the right "
            "counter?",
        )
    if not least <= counted <= most:
        raise InfrastructureError(
            f"the counter {name!r} counted {counted:,} ticks during an inference, but according to "
            f"the coarse counter it took {least:,.0f} to {most:,.0f}",
            where=where,
            remedy="does one of the counters stop or change its clock during the inference? "
            "docs/latency.md",
        )


def check_wrap(waited: float, hz: float | None, welcome: Welcome, where: str) -> None:
    """Raise `InfrastructureError` if the counter may have wrapped around in an inference.

    That is so if the host `waited`, in seconds, almost as long as the counter takes at `hz`, and no
    coarse counter tells. Without `hz`, nothing is known.
    """
    if welcome.coarse_ticks or hz is None or waited < _ALMOST * _WRAP / hz:
        return
    raise InfrastructureError(
        f"the result came after {waited:.3g} s, but the counter {welcome.counter!r} wraps around "
        f"after {_WRAP / hz:.3g} s at {hz / 1e6:g} MHz, and there is no slower counter that tells",
        where=where,
        remedy="run a smaller model, or use a port whose port_coarse() counts: docs/latency.md",
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
        return 0, _WRAP
    least = (result.coarse - 1) * welcome.coarse_ticks * (1 - _TOLERANCE)
    most = (result.coarse + 1) * welcome.coarse_ticks * (1 + _TOLERANCE)
    return max(0, least), most
