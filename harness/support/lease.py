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
        self._path = _FOLDER / re.sub(r"[^A-Za-z0-9.-]+", "_", resource)
        self._descriptor = -1
        end = time.monotonic() + wait
        while not self._take():
            if time.monotonic() >= end:
                raise InfrastructureError(
                    f"is in use by {self._holder() or 'another session'}",
                    where=resource,
                    remedy="wait until it ends, or let this one wait with --lock-timeout=SECONDS",
                )
            time.sleep(_POLL)
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        with suppress(OSError):  # another user's file is not ours to write
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"process {os.getpid()} ({command[:200]})".encode(), 0)

    def release(self) -> None:
        """Give the resource back; twice is no error."""
        if self._descriptor >= 0:
            with suppress(OSError):  # nor to remove
                self._path.unlink()
            # Unlocked, not only closed: a child that is just being started has it open as well.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = -1

    def _take(self) -> bool:
        """Lock the file; return whether nobody else has."""
        while True:
            self._descriptor = _open(self._path)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._descriptor)
                return False
            if self._is_there():
                return True
            os.close(self._descriptor)  # its holder removed it between open and lock

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _holder(self) -> str:
        try:
            return self._path.read_text(errors="replace")
        except OSError:
            return ""  # it has just ended


def _open(path: Path) -> int:
    try:
        # For all users of the machine: a probe is as busy with somebody else's session.
        _FOLDER.mkdir(exist_ok=True)
        if _FOLDER.stat().st_uid == os.getuid():
            _FOLDER.chmod(0o1777)
        flags = os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
        except PermissionError:
            return os.open(path, os.O_RDONLY | flags)  # another user's, which locks as well
    except OSError as error:
        raise InfrastructureError(f"cannot be leased: {error.strerror}", where=str(path)) from error
