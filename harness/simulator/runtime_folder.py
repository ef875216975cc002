"""The directory of this user in which running virtual boards register.

A board holds an exclusive `flock` on its file while it exists; the kernel releases the lock
however the board ends. Only the lock shows that a board exists. If a board was killed, the next
process that lists the boards removes its files.
"""

import fcntl
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.errors import InfrastructureError, InputError
from harness.simulator.chip_names import is_board
from harness.support.private_folder import private_folder

DIRECTORY_VARIABLE = "HARNESS_VIRTUAL_DIR"
"""The environment variable that sets another directory."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CLAIM_DEADLINE = 1.0  # seconds; a process that lists the boards holds a lock for a moment


class Announcement(msgspec.Struct, frozen=True):
    """The description of a running board."""

    probe_id: str
    chip: str
    board: str
    port: str
    socket: str
    meter: str = ""
    private: bool = False
    """Whether it belongs to one program: others find it only by the whole ID of its probe."""


def directory() -> Path:
    """Return the directory, and create it if needed; only this user may enter it."""
    return private_folder(os.environ.get(DIRECTORY_VARIABLE, ""), DIRECTORY_VARIABLE)


def running() -> Sequence[Announcement]:
    """Return the running boards, sorted by probe ID; remove the files of dead ones."""
    announcements = []
    for lock in sorted(directory().glob("*.lock")):
        if _remove_if_dead(lock):
            continue
        try:
            announcements.append(
                msgspec.json.decode(lock.with_suffix(".json").read_bytes(), type=Announcement)
            )
        except (OSError, msgspec.DecodeError):
            continue  # the board is starting, or was unplugged
    return announcements


def find(probe_id: str) -> Announcement | None:
    """Return the running board with exactly this probe ID, or None."""
    return next(
        (announcement for announcement in running() if announcement.probe_id == probe_id), None
    )


def is_served(board: str) -> bool:
    """Return whether a board with the name `board` runs that any program may use."""
    return any(not found.private and is_board(found.board, board) for found in running())


class Registration:
    """The entry of one board in the directory; `remove` ends it."""

    def __init__(self, probe_id: str) -> None:
        if not _ID.fullmatch(probe_id):
            raise InputError(
                f"{probe_id!r} is not a valid probe ID",
                where="--serial",
                remedy="use 1 to 40 of the characters A-Z, a-z, 0-9, - and _",
            )
        self._lock = directory() / f"{probe_id}.lock"
        self._descriptor = _claim(self._lock, probe_id)
        self.socket = self._lock.with_suffix(".sock")
        self.socket.unlink(missing_ok=True)

    def announce(self, announcement: Announcement) -> None:
        """Publish the description of the board."""
        partial = self._lock.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(announcement))
        partial.replace(self._lock.with_suffix(".json"))

    def withdraw(self) -> None:
        """Hide the board, although it still exists."""
        self._lock.with_suffix(".json").unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all files of the entry."""
        _remove_files(self._lock)
        os.close(self._descriptor)


def _claim(lock: Path, probe_id: str) -> int:
    end = time.monotonic() + _CLAIM_DEADLINE
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        if _try_lock(descriptor):
            if _is_same(lock, descriptor):
                return descriptor
            os.close(descriptor)  # another process removed it between open and lock
            continue
        os.close(descriptor)
        if time.monotonic() > end:
            raise InfrastructureError(
                f"a virtual board with the probe ID {probe_id!r} is running already",
                where=str(lock),
                remedy="choose another ID with --serial, or stop that board",
            )
        time.sleep(0.01)


def _remove_if_dead(lock: Path) -> bool:
    """Remove the files of `lock` if no process holds it; return whether none does."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return True
    try:
        if not _try_lock(descriptor):
            return False
        if _is_same(lock, descriptor):
            _remove_files(lock)
        return True
    finally:
        os.close(descriptor)


def _remove_files(lock: Path) -> None:
    """Remove the files of a board; the lock file, which is locked, goes last."""
    for suffix in (".json", ".partial", ".sock", ".lock"):
        lock.with_suffix(suffix).unlink(missing_ok=True)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
