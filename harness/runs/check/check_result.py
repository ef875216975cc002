"""What a health check of a board found."""

from typing import Annotated

import msgspec
from msgspec import Meta

from harness.board.device_info import DeviceInfo, Text

Name = Annotated[str, Meta(min_length=1, pattern=r"\A[^\x00]*\Z")]


class CheckLine(msgspec.Struct, frozen=True):
    """One part of the check."""

    part: Name
    """What was checked: `place`, `flash`, `hello`, `vectors`, `line` or `clock`."""
    ok: bool | None
    """Whether it is as it should be. It is null if that was not checked."""
    text: Text
    """What was found."""
    remedy: Text = ""
    """What to do about it."""


class BoardCheck(msgspec.Struct, frozen=True):
    """The health of one board, as it is written to a file."""

    target: Name
    """Name of the target."""
    place: Text
    """Name of the place in the farm. It is empty for a board on the desk."""
    healthy: bool
    """Whether every part is as it should be."""
    checked: Name
    """When the check began, ISO 8601 with the time zone."""
    seconds: Annotated[float, Meta(ge=0)]
    """How long it took."""
    host: Text
    """Name of the machine that checked."""
    harness: Text
    """Version of the harness."""
    lines: Annotated[list[CheckLine], Meta(min_length=1)]
    """The parts of the check."""
    device: DeviceInfo | None = None
    """Which board it was, as far as it is known."""

    @property
    def name(self) -> str:
        """The place, or else the target."""
        return self.place or self.target

    @property
    def wrong(self) -> list[CheckLine]:
        """The parts that are not as they should be."""
        return [line for line in self.lines if line.ok is False]

    @property
    def summary(self) -> str:
        """The health in a few words: the first part that is wrong."""
        wrong = (f"{line.part}: {line.text.partition(chr(10))[0]}" for line in self.wrong)
        return next(wrong, "healthy")
