"""Which one of several equal boards ran."""

from typing import Annotated

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z")]  # PostgreSQL has no NUL


class DeviceInfo(msgspec.Struct, frozen=True):
    """The board that ran, where equal ones can take its place. A text is empty if not known."""

    place: Text = ""
    """Name of the board's place in the farm."""
    exporter: Text = ""
    """Name of the exporter of the board's probe."""
    chip_id: Text = ""
    """Unique ID of the chip."""
