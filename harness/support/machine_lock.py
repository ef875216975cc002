"""A lock among all users of this machine that needs no file (Linux).

The lock is the name of a socket in Linux's abstract namespace. Only one socket can have a name,
the kernel frees it however its process ends, and it tells who holds it. No folder is shared, so
nobody can put a link in the way or leave a file behind. Containers with networks of their own do
not see each other's names: between them the kernel's own locks of the devices decide.
"""

import errno
import hashlib
import os
import pwd
import socket
import struct
import time
import weakref
from contextlib import suppress
from pathlib import Path

from harness.errors import InfrastructureError

_PREFIX = "tinyml-harness"
_BACKLOG = 4096  # sessions that ask who holds the lock; none of them is answered
_CREDENTIALS = struct.Struct("3i")  # process, user, group
_CLOSING = 1.0  # seconds; a child that is just starting shares the socket for a moment
_POLL = 0.01
_held: "weakref.WeakSet[socket.socket]" = weakref.WeakSet()


class MachineLock:
    """The lock for `resource`, not yet taken."""

    def __init__(self, resource: str) -> None:
        self._resource = resource
        digest = hashlib.sha256(resource.encode(errors="surrogateescape")).hexdigest()
        self._name = f"\0{_PREFIX}/{digest[:40]}"
        self._socket: socket.socket | None = None

    def take(self) -> bool:
        """Take the lock; return whether that succeeded."""
        end = time.monotonic() + _CLOSING
        while not (taken := self._bind()) and self._is_closing() and time.monotonic() < end:
            time.sleep(_POLL)
        return taken

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # also for a child that shares it
            self._socket.close()
            self._socket = None

    def holder(self) -> str:
        """Return who holds the lock, as the kernel reports it; empty if nobody does."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.setblocking(False)
            try:
                asking.connect(self._name)
            except OSError:
                return ""
            credentials = asking.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
            )
        process, user, _ = _CREDENTIALS.unpack(credentials)
        return describe(process, user)

    def _bind(self) -> bool:
        bound = socket.socket(socket.AF_UNIX)
        try:
            bound.bind(self._name)
            bound.listen(_BACKLOG)
        except OSError as error:
            bound.close()
            if error.errno == errno.EADDRINUSE:
                return False
            raise InfrastructureError(
                f"cannot be leased: {error.strerror}", where=self._resource
            ) from error
        self._socket = bound
        _held.add(bound)
        return True

    def _is_closing(self) -> bool:
        """Tell whether the holder has released the lock, and only a starting child shares it."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.setblocking(False)
            return asking.connect_ex(self._name) == errno.ECONNREFUSED


def describe(process: int, user: int) -> str:
    """Return a process for a message: its user, its number and when it started."""
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = str(user)
    if not process:  # it is in another container
        return f"a session of user {name}"
    began = _start_of(process)
    since = time.strftime(", started %Y-%m-%d %H:%M:%S", time.localtime(began)) if began else ""
    return f"process {process} of user {name}{since}"


def _start_of(process: int) -> float | None:
    """Return when a process started, in seconds since the epoch; None if that is unknown."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(") ")[2]
        seconds = int(fields.split()[19]) / os.sysconf("SC_CLK_TCK")  # since boot
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
    except (OSError, IndexError, ValueError, AttributeError):
        return None


def _close_in_child() -> None:
    for held in list(_held):
        held.close()


os.register_at_fork(after_in_child=_close_in_child)
