"""The power of a place, switched by labgrid's own client.

labgrid has drivers for dozens of power switches, and they run in its client. So the client does it,
under the name with which this session has acquired the place.
"""

import os
from collections.abc import Mapping

from harness.board.labgrid.farm_state import Resource
from harness.board.pyocd.power_cycle import PowerCycle

_CLIENT = "labgrid-client"


def power_of(
    place: str, resources: Mapping[str, Resource], coordinator: str, session: str
) -> PowerCycle | None:
    """Return what power cycles `place`, which `session` has; None if no resource is a switch."""
    # NetworkPowerPort, USBPowerPort, PDUDaemonPort, TasmotaPowerPort, SiSPMPowerPort ...
    if not any("Power" in each.cls or "PDU" in each.cls for each in resources.values()):
        return None
    host, _, user = session.partition("/")
    return PowerCycle(
        (_CLIENT, "-x", coordinator, "-p", place, "power", "cycle"),
        f"place {place}",
        os.environ | {"LG_HOSTNAME": host, "LG_USERNAME": user},
    )
