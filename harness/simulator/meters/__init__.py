"""Virtual energy meters in the supply of a virtual board, each on a serial port.

The currents are invented: one value while the core runs, another while it sleeps. Their timing
and the meter's protocol are real, so a meter's driver can be tested without hardware. A virtual
meter also knows the exact energy, so the driver's result can be checked against it.
"""

from harness.simulator.meters.meter_faults import parse
from harness.simulator.meters.supply import Supply
from harness.simulator.meters.virtual_lpm01a import VirtualLpm01a
from harness.simulator.meters.virtual_meter import VirtualMeter
from harness.simulator.meters.virtual_ppk2 import VirtualPpk2


def connect(text: str) -> tuple[VirtualMeter, Supply]:
    """Return the meter that `text` describes, and its supply."""
    kind, faults = parse(text)
    supply = Supply()
    return {"ppk2": VirtualPpk2, "lpm01a": VirtualLpm01a}[kind](supply, faults), supply
