"""What a board can do that is one of several equal ones, which sessions share."""

from typing import Protocol, runtime_checkable

from harness.board.device_info import DeviceInfo


@runtime_checkable
class SharedBoard(Protocol):
    """A board of a farm: another one may take its place."""

    @property
    def device(self) -> DeviceInfo | None:
        """Which place it has; None if it has none yet."""

    def free_places(self) -> int:
        """Return how many places this session could take now."""

    def leave(self, why: str) -> bool:
        """Release the place, and leave it out of the session; the next start takes another one.

        Returns False, and does nothing, if there is no other.
        """

    def take_back(self, place: str) -> None:
        """Use a place again that was left out."""
