"""What carries the bytes of the link: a serial line, or RTT through the device's memory."""

from typing import Protocol


class Carrier(Protocol):
    """Bytes to and from a device; each wait has a deadline.

    `burst` is how many bytes the carrier handles well at once, if that is less than the device's
    window.
    """

    name: str
    burst: int | None

    @property
    def host_time(self) -> float:
        """Seconds in which this process could read: see `DeviceClock`."""

    @property
    def device_time(self) -> float:
        """Seconds in which the device could answer: see `DeviceClock`."""

    @property
    def looks(self) -> int:
        """How often the host has looked at the device's memory since the last `rest`, in vain.

        Each look may have cost the device a cycle on its bus.
        """

    @property
    def latency(self) -> float:
        """Seconds that the end of a computation is known later here than its beginning."""

    def gather(self) -> None:
        """Give the rest of a frame time to arrive."""

    def rest(self, inferences: int = 1) -> None:
        """Leave the device alone until the `inferences` that begin now are due to end."""

    def read(self, timeout: float) -> bytes:
        """Return the bytes received, waiting up to `timeout` seconds; b"" if there are none.

        Raises `LineClosedError` or another `InfrastructureError` if the device is gone.
        """

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; `InfrastructureError` if that takes the device over `timeout` s."""
