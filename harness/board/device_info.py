"""Which one of several equal boards ran."""

import msgspec


class DeviceInfo(msgspec.Struct, frozen=True):
    """The board that ran, where equal ones can take its place."""

    place: str = ""
    """Name of the board's place in labgrid. It is empty for a board outside a farm."""
    exporter: str = ""
    """Name of the exporter of the board's probe."""
