"""Virtual meters: what stands between a virtual board and its supply, on a serial port.

The currents are invented: so much while the core runs, so much while it sleeps. What is real
is when, and how a meter shows it: a meter's driver can be tried and tested without hardware,
and since the meter also knows what it has not shown, so can all that is computed from it.
"""

from harness.simulator.meters.knobs import parse
from harness.simulator.meters.supply import Supply
from harness.simulator.meters.virtual_lpm01a import VirtualLpm01a
from harness.simulator.meters.virtual_meter import VirtualMeter
from harness.simulator.meters.virtual_ppk2 import VirtualPpk2


def connect(text: str) -> tuple[VirtualMeter, Supply]:
    """Return a meter as `text` has it, and the supply that it is in."""
    kind, knobs = parse(text)
    supply = Supply()
    return {"ppk2": VirtualPpk2, "lpm01a": VirtualLpm01a}[kind](supply, knobs), supply
