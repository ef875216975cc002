"""Where running virtual boards are found: a directory of this user.

A board holds an exclusive `flock` on its file for as long as it lives; the kernel
lets go of it however the board ends. The lock alone says that a board is there:
what is left of one that was killed is removed by whoever comes across it.
"""

import fcntl
import os
import re
import stat
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.errors import InfrastructureError, InputError

DIRECTORY_VARIABLE = "HARNESS_VIRTUAL_DIR"
"""An environment variable that names another directory."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CLAIM_DEADLINE = 1.0  # seconds; somebody who looks around holds a lock for a moment
_PRIVATE = 0o700


class Record(msgspec.Struct, frozen=True):
    """What a board says of itself to those who look around."""

    probe_id: str
    chip: str
    board: str
    port: str
    socket: str
    meter: str = ""


def directory() -> Path:
    """Return the directory, made if need be: nobody else may write there."""
    chosen = os.environ.get(DIRECTORY_VARIABLE)
    if chosen:
        path = Path(chosen)
    elif os.environ.get("XDG_RUNTIME_DIR"):
        path = Path(os.environ["XDG_RUNTIME_DIR"]) / "tinyml-harness"
    else:
        path = Path(tempfile.gettempdir()) / f"tinyml-harness-{os.getuid()}"
    try:
        path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise _unusable(path, "it is not a directory of yours")
    if status.st_mode & 0o077:
        raise _unusable(path, "others may enter it")
    return path


def running() -> Sequence[Record]:
    """Return the boards that are there, by probe id; sweep away what dead ones left."""
    records = []
    for lock in sorted(directory().glob("*.lock")):
        if _sweep(lock):
            continue
        try:
            records.append(msgspec.json.decode(lock.with_suffix(".json").read_bytes(), type=Record))
        except (OSError, msgspec.DecodeError):
            continue  # it is just starting, or was unplugged
    return records


def find(probe_id: str) -> Record | None:
    """Return the board with exactly this probe id, if it is there."""
    return next((record for record in running() if record.probe_id == probe_id), None)


class Place:
    """The place of one board in the directory, from `claim` until `leave`."""

    def __init__(self, probe_id: str) -> None:
        if not _ID.fullmatch(probe_id):
            raise InputError(
                f"{probe_id!r} is no probe id: 1 to 40 of A-Z, a-z, 0-9, - and _",
                where="--serial",
            )
        self._lock = directory() / f"{probe_id}.lock"
        self._descriptor = _claim(self._lock, probe_id)
        self.socket = self._lock.with_suffix(".sock")
        self.socket.unlink(missing_ok=True)

    def announce(self, record: Record) -> None:
        """Let others find the board."""
        partial = self._lock.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(record))
        partial.replace(self._lock.with_suffix(".json"))

    def withdraw(self) -> None:
        """Let nobody find it any more, though it is still there."""
        self._lock.with_suffix(".json").unlink(missing_ok=True)

    def leave(self) -> None:
        """Leave nothing behind."""
        _remove(self._lock)
        os.close(self._descriptor)


def _claim(lock: Path, probe_id: str) -> int:
    end = time.monotonic() + _CLAIM_DEADLINE
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        if _try_lock(descriptor):
            if _is_same(lock, descriptor):
                return descriptor
            os.close(descriptor)  # somebody swept it away between open and lock
            continue
        os.close(descriptor)
        if time.monotonic() > end:
            raise InfrastructureError(
                f"a virtual board with the probe id {probe_id!r} is running already",
                where=str(lock),
                remedy="choose another id with --serial, or stop that board",
            )
        time.sleep(0.01)


def _sweep(lock: Path) -> bool:
    """Remove what belongs to `lock` if nobody holds it; return whether nobody did."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return True
    try:
        if not _try_lock(descriptor):
            return False
        if _is_same(lock, descriptor):
            _remove(lock)
        return True
    finally:
        os.close(descriptor)


def _remove(lock: Path) -> None:
    """Remove the files of a board; the lock, which is held, last."""
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


def _unusable(path: Path, why: str) -> InfrastructureError:
    return InfrastructureError(
        f"virtual boards cannot meet there: {why}",
        where=str(path),
        remedy=f"remove it, or set {DIRECTORY_VARIABLE} to a directory with mode 0700",
    )
