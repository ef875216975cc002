"""The two clocks of a connection to a device.

`host_time` is that of this process: it stands still while the process is stopped, because a late
answer is then not the device's fault. `device_time` is the time in which the device could have
answered: for an emulator, the CPU time that it gets.
"""

import time
from collections.abc import Callable

from harness.support.process_activity import Activity

_LATE = 0.25  # seconds by which this process may wake up late on a busy machine
_SHORT = 0.1  # seconds; a shorter wait is not worth a look at the emulator
_STARVED = 0.1  # of the time that counts for an emulator that gets no CPU


class DeviceClock:
    """The clocks of one connection, in seconds.

    `activity` returns what the emulator at the other end does; None for hardware.
    """

    def __init__(self, activity: Callable[[], Activity | None]) -> None:
        self._activity = activity
        self._last_activity = activity()
        self._last = time.monotonic()
        self._asked = 0.0
        self._host_time = 0.0
        self._device_time = 0.0

    @property
    def host_time(self) -> float:
        """Seconds in which this process could read."""
        self._count()
        return self._host_time

    @property
    def device_time(self) -> float:
        """Seconds in which the device could answer: a tenth of `host_time`, or more."""
        self._count()
        return self._device_time

    def will_wait(self, seconds: float) -> None:
        """Say that this process waits up to `seconds` from now on."""
        self._count()
        self._asked = seconds

    def _count(self) -> None:
        """Advance both clocks by the time since the last call."""
        now = time.monotonic()
        elapsed = min(now - self._last, self._asked + _LATE)
        self._last, self._asked = now, 0.0
        self._host_time += elapsed
        self._device_time += elapsed if elapsed <= _SHORT else self._computed(elapsed)

    def _computed(self, elapsed: float) -> float:
        """Return how many of the `elapsed` seconds count for the device."""
        before, now = self._last_activity, self._activity()
        self._last_activity = now
        if before is None or now is None or now.idle:
            return elapsed
        return max(min(now.seconds - before.seconds, elapsed), _STARVED * elapsed)
