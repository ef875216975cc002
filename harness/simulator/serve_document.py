"""The announcement of a virtual board, as JSON."""

import json

import msgspec

from harness.support.json_output import Document


class VirtualServeDocument(Document, frozen=True, tag="tinyml-harness/virtual-serve/1"):
    """`harness virtual serve`: the board that runs until the command ends, in one line."""

    probe: str
    """Id of the board's probe."""
    port: str
    """Path of the serial port."""
    chip: str
    """pyOCD's name of the chip."""
    board: str
    """Name of the board."""
    uart: str
    """UART on the serial port, or `ALL`. It is empty if the chip has none."""
    socket: str
    """Path of the socket of the probe."""
    meter: str
    """Port of the meter in the supply. It is empty without one."""

    @property
    def line(self) -> str:
        """The document in one line, in ASCII."""
        return json.dumps(msgspec.to_builtins(self))
