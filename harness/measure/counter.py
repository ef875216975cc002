"""Whether what a device's counter says can be. A measurement that cannot be is none."""

from harness.errors import InfrastructureError
from harness.link.messages import Result, Welcome
from harness.target.target_file import Target

_WRAP = 1 << 32  # the device's counter has 32 bits

# What the coarse counter's frequency may be off by: it is measured at start, by looking at it
# from time to time.
_TOLERANCE = 0.05

# By how much longer than the host waited an inference may seem to take: internal oscillators
# are off by some per cent.
_CLOCK_TOLERANCE = 1.1

# What the link may take, several times what it does: to receive a byte takes about 80.
_LINK_INSTRUCTIONS = 100_000
_LINK_INSTRUCTIONS_PER_BYTE = 500


def check_ticks(result: Result, welcome: Welcome, where: str) -> None:
    """Raise `InfrastructureError` if the counter wrapped, stood still, or cannot be right.

    Around the two readings of the counter, the device reads a coarse one, of which each tick
    is `welcome.coarse_ticks`. Where it has none, a counter that wrapped cannot be told.
    """
    name, overhead = welcome.counter, welcome.counter_overhead
    counted = (result.ticks + overhead) % _WRAP  # between the two readings
    least, most = _by_coarse(result, welcome)
    if result.coarse * welcome.coarse_ticks >= _WRAP * (1 - _TOLERANCE):
        raise InfrastructureError(
            f"the 32-bit counter {name!r} wrapped: its coarse counter says that an inference took "
            f"about {result.coarse * welcome.coarse_ticks:,} ticks, and 2^32 are "
            f"{_WRAP:,}",
            where=where,
            remedy="measure a smaller model, or count more slowly: a prescaler in the port, a "
            "smaller board.icount_shift on QEMU",
        )
    if counted <= overhead:
        raise InfrastructureError(
            f"the counter {name!r} {'stands still' if counted == 0 else 'counted nothing'}: it "
            f"counted {counted} from before an inference until after it, and {overhead} around "
            "nothing",
            where=where,
            remedy="does something stop it, a debugger or a low-power mode? Is it the port's?",
        )
    if not least <= counted <= most:
        raise InfrastructureError(
            f"the counter {name!r} counted {counted:,} during an inference, which its coarse "
            f"counter says took {least:,.0f} to {most:,.0f} ticks",
            where=where,
            remedy="does one of them stop or change its clock meanwhile? docs/latency.md",
        )


def check_clock(ticks: int, waited: float, target: Target) -> None:
    """Raise `InfrastructureError` if cycles take longer than the host waited, in seconds.

    The other way round nothing can be told: the host also waits for the line.
    """
    clock = target.clock
    if target.counter.ticks != "cycles" or clock is None:
        return
    if ticks / clock.hz > waited * _CLOCK_TOLERANCE:
        raise InfrastructureError(
            f"{ticks:,} cycles at {clock.hz:,} Hz are {ticks / clock.hz:.4g} s, and the result "
            f"was there after {waited:.4g} s: the clock is stated wrong",
            where=f"{target.path}: clock.hz",
            remedy=f"it is not {clock.source!r}, the port sets another, or this is a virtual "
            'board, which has none: its target says counter.ticks = "instructions"',
        )


def check_executed(result: Result, welcome: Welcome, executed: int, where: str) -> None:
    """Make sure that ticks are instructions, if `executed` were since before the input.

    Apart from the inference, the firmware has received, checked and sent bytes.
    """
    sent = welcome.input_size + welcome.output_size
    link = _LINK_INSTRUCTIONS + _LINK_INSTRUCTIONS_PER_BYTE * sent
    if result.ticks <= executed <= 2 * result.ticks + link:
        return
    raise InfrastructureError(
        f"the counter {welcome.counter!r} counted {result.ticks:,} during an inference, "
        f"and the core executed {executed:,} instructions from before its input came until "
        "after its output went",
        where=where,
        remedy='make a tick an instruction on this platform: docs/renode.md, "Counting"; '
        "a firmware of your own sleeps (WFI) while it waits, and counts without a prescaler",
    )


def _by_coarse(result: Result, welcome: Welcome) -> tuple[float, float]:
    """Return between how many ticks the coarse counter saw."""
    if welcome.coarse_ticks == 0:
        return 0, _WRAP
    least = (result.coarse - 1) * welcome.coarse_ticks * (1 - _TOLERANCE)
    most = (result.coarse + 1) * welcome.coarse_ticks * (1 + _TOLERANCE)
    return max(0, least), most
