"""Leases: only one session at a time uses a probe or port.

The kernel's flock decides. It ends with the process that holds it, however that process ends.
The text in the file only serves the error message of a session that has to wait.
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
        """Take the lease, waiting up to `wait` seconds; then `InfrastructureError`."""
        self._path = _FOLDER / re.sub(r"[^A-Za-z0-9.-]+", "_", resource)
        self._descriptor = -1
        end = time.monotonic() + wait
        while not self._take():
            if time.monotonic() >= end:
                raise InfrastructureError(
                    f"is in use by {self._holder() or 'another session'}",
                    where=resource,
                    remedy="wait until it ends, or set a waiting time with --lock-timeout=SECONDS",
                )
            time.sleep(_POLL)
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        with suppress(OSError):  # another user's file may be read-only
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"process {os.getpid()} ({command[:200]})".encode(), 0)

    def release(self) -> None:
        """Release the resource; a second call does nothing."""
        if self._descriptor >= 0:
            with suppress(OSError):  # another user's file
                self._path.unlink()
            # Unlock, not only close: a child process that is just starting also has it open.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = -1

    def _take(self) -> bool:
        """Lock the file; return whether that succeeded."""
        while True:
            self._descriptor = _open(self._path)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._descriptor)
                return False
            if self._is_linked():
                return True
            os.close(self._descriptor)  # its holder removed it between open and lock

    def _is_linked(self) -> bool:
        """Return whether the locked file is still the one at the path."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _holder(self) -> str:
        try:
            return self._path.read_text(errors="replace")
        except OSError:
            return ""  # the other session has just ended


def _open(path: Path) -> int:
    try:
        # One folder for all users of the machine: they share its probes and ports.
        _FOLDER.mkdir(exist_ok=True)
        if _FOLDER.stat().st_uid == os.getuid():
            _FOLDER.chmod(0o1777)
        flags = os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
        except PermissionError:
            return os.open(path, os.O_RDONLY | flags)  # another user's file; it can be locked too
    except OSError as error:
        raise InfrastructureError(f"cannot be leased: {error.strerror}", where=str(path)) from error
