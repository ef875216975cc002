"""A window of MLPerf Tiny: inferences without a pause, and how long they took."""

import msgspec

_MICRO = 1e-6


class Window(msgspec.Struct, frozen=True):
    """`iterations` inferences of input `vector` without a pause."""

    vector: int
    """Index of the vector."""
    iterations: int
    """Inferences in the window."""
    warmups: int
    """Inferences just before the window."""
    microseconds: int | None
    """Length of the window by the device's clock. It is null in energy mode."""
    waited: float
    """Length of the window by the host's clock, in seconds."""

    @property
    def seconds(self) -> float:
        """Length of the window, by the device's clock if it is known."""
        return self.waited if self.microseconds is None else self.microseconds * _MICRO

    @property
    def throughput(self) -> float:
        """Inferences per second."""
        return self.iterations / max(self.seconds, _MICRO)
