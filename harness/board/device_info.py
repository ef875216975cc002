"""Which one of several equal boards ran."""

from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00]*\Z")]  # PostgreSQL has no NUL


class DeviceInfo(msgspec.Struct, frozen=True):
    """Which of several equal boards ran. A text is empty if it is not known."""

    place: Text = ""
    """Name of the board's place in the farm. It is empty for a board outside a farm."""
    exporter: Text = ""
    """Name of the exporter, the machine that the board's probe is connected to."""
    chip_id: Text = ""
    """Unique ID of the chip: its words as hexadecimal digits, in the order of their addresses."""
    coordinator_lost: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Seconds of the session for which the farm's coordinator was lost. Meanwhile only the lock of
    the probe's server kept other sessions from the board.
    """

    @property
    def board(self) -> str:
        """What no other board has: the ID of its chip. If that is not known, it is the place."""
        return self.chip_id or self.place

    def __str__(self) -> str:
        chip = f"chip {self.chip_id}" if self.chip_id else ""
        return ", ".join(filter(None, (self.place, chip)))

    def is_another(self, other: "DeviceInfo") -> bool:
        """Return whether both are known, and are two boards."""
        if self.chip_id and other.chip_id:
            return self.chip_id != other.chip_id
        return bool(self.place and other.place) and self.place != other.place
