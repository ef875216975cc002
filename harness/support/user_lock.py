"""A lock among the sessions of this user: a locked file in the user's private folder.

The kernel's flock decides. It ends with the process that holds it, however that process ends.
The text in the file only serves the message of a session that has to wait.
"""

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from harness.errors import InfrastructureError
from harness.support.machine_lock import describe
from harness.support.printable import printable
from harness.support.private_folder import private_folder

_SUFFIX = ".lease"


class UserLock:
    """The lock for `resource`, not yet taken."""

    def __init__(self, resource: str) -> None:
        self._folder = private_folder()
        self._path = self._folder / (re.sub(r"[^A-Za-z0-9.-]+", "_", resource)[-200:] + _SUFFIX)
        self._descriptor = -1

    def take(self) -> bool:
        """Take the lock; return whether that succeeded."""
        _sweep(self._folder)
        self._descriptor = _locked(self._path, os.O_CREAT)
        if self._descriptor < 0:
            return False
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, describe(os.getpid(), os.getuid()).encode(), 0)
        return True

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._descriptor >= 0:
            with suppress(OSError):
                self._path.unlink()
            # Unlock, not only close: a child process that is just starting also has it open.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = -1

    def holder(self) -> str:
        """Return who holds the lock; empty if nobody does."""
        try:
            return printable(self._path.read_text(errors="replace"))
        except OSError:
            return ""  # the other session has just ended


def _sweep(folder: Path) -> None:
    """Remove the files of sessions that were killed: nobody holds their locks."""
    for path in folder.glob(f"*{_SUFFIX}"):
        descriptor = _locked(path, 0)
        if descriptor >= 0:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _locked(path: Path, flags: int) -> int:
    """Open and lock the file at `path`; return -1 if another session holds it, or it is gone."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
        except FileNotFoundError:
            return -1
        except OSError as error:
            raise InfrastructureError(
                f"cannot be leased: {error.strerror}", where=str(path)
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return -1
        except FileNotFoundError:
            pass  # its holder removed it between open and lock
        os.close(descriptor)
