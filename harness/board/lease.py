"""Leases: no two sessions use one probe or port at a time.

The kernel's flock is the authority. It ends with the process that holds it, however
that ends; what the file says is only for the message to whoever finds it taken.
"""

import fcntl
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from harness.errors import InfrastructureError

_FOLDER = Path(tempfile.gettempdir()) / "tinyml-harness-leases"
_POLL = 0.1  # seconds


class Lease:
    """The right to use `resource`, such as "probe 066EFF…" or "port /dev/ttyACM0"."""

    def __init__(self, resource: str, *, wait: float) -> None:
        """Take the lease, waiting up to `wait` seconds; `InfrastructureError` if it is taken."""
        self._descriptor = _open(resource)
        end = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < end:
                    time.sleep(_POLL)
                    continue
                holder = os.pread(self._descriptor, 4096, 0).decode("utf-8", "replace")
                os.close(self._descriptor)
                raise InfrastructureError(
                    f"is in use by {holder or 'another session'}",
                    where=resource,
                    remedy="wait until it ends, or let this one wait with --board-wait=SECONDS",
                ) from None
            break
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"process {os.getpid()} ({command[:200]})".encode(), 0)

    def release(self) -> None:
        """Give the resource back; twice is no error."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _open(resource: str) -> int:
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", resource)
    try:
        # For all users of the machine: a probe is as busy with somebody else's session.
        _FOLDER.mkdir(exist_ok=True)
        if _FOLDER.stat().st_uid == os.getuid():
            _FOLDER.chmod(0o1777)
        descriptor = os.open(
            _FOLDER / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
        )
    except OSError as error:
        raise InfrastructureError(
            f"cannot be leased: {error.strerror}", where=f"{_FOLDER / name}"
        ) from error
    return descriptor
