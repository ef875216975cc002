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
from contextlib import suppress
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
        _sign(self._descriptor)

    def release(self) -> None:
        """Give the resource back; twice is no error."""
        if self._descriptor >= 0:
            # Unlocked, not only closed: a child that is just being started has it open as well.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = -1


def _open(resource: str) -> int:
    """Open the file of `resource`, which any user of the machine may have made."""
    path = _FOLDER / re.sub(r"[^A-Za-z0-9.-]+", "_", resource)
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        _FOLDER.mkdir(exist_ok=True)
        if _FOLDER.stat().st_uid == os.getuid():
            _FOLDER.chmod(0o1777)
        try:
            descriptor = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            # Of somebody else's file reading is allowed, and enough for a lock.
            mode = os.O_RDWR if path.stat().st_uid == os.getuid() else os.O_RDONLY
            descriptor = os.open(path, flags | mode)
    except OSError as error:
        raise InfrastructureError(f"cannot be leased: {error.strerror}", where=str(path)) from error
    return descriptor


def _sign(descriptor: int) -> None:
    """Write down who holds the lease, as far as the file is ours to write."""
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    text = f"process {os.getpid()} ({command[:200]})"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
