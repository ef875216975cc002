"""Leases: only one session at a time uses a probe or port.

On Linux a lease excludes the sessions of all users (`machine_lock`). Other systems have no such
lock that needs no shared folder. There a lease excludes the sessions of one user (`user_lock`);
between users the kernel decides, which opens a probe and a serial port for one process only.
"""

import sys
import time

from harness.errors import InUseError
from harness.support.machine_lock import MachineLock
from harness.support.user_lock import UserLock

_POLL = 0.1  # seconds
_LOCK = MachineLock if sys.platform == "linux" else UserLock


class Lease:
    """The right to use `resource`, such as "probe 066EFF…" or "port /dev/ttyACM0"."""

    def __init__(self, resource: str, *, wait: float) -> None:
        """Take the lease, waiting up to `wait` seconds; then `InUseError`."""
        self._lock = _LOCK(resource)
        end = time.monotonic() + wait
        while not self._lock.take():
            if time.monotonic() >= end:
                raise InUseError(
                    f"is in use by {self._lock.holder() or 'another session'}",
                    where=resource,
                    remedy="wait until it ends, or set a waiting time with --lock-timeout=SECONDS",
                )
            time.sleep(_POLL)

    def release(self) -> None:
        """Release the resource; a second call does nothing."""
        self._lock.release()
