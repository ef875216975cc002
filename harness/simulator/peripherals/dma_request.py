"""A device's request to a DMA controller: it has data, or room for data."""

from collections.abc import Callable


class DmaRequest:
    """A line from a device to the DMA channels that can serve it; `level` while it asks."""

    def __init__(self) -> None:
        self.level = False
        self._single = False
        self._servers: list[Callable[[], None]] = []

    def serve_with(self, server: Callable[[], None]) -> None:
        """Add a channel: `server` transfers while its channel selects this line and it asks."""
        self._servers.append(server)

    def set(self, level: bool) -> None:
        """Drive the line; the channels transfer before this returns."""
        self.level = level
        if level:
            for server in self._servers:
                server()

    def pulse(self, items: int = 1) -> None:
        """Ask for `items` single transfers, as a timer does."""
        for _ in range(items):
            self._single = True
            self.set(True)
            self.level = self._single = False

    def acknowledge(self) -> None:
        """Note that a channel has transferred an item."""
        if self._single:
            self.level = False
