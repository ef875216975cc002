"""Temporary files and folders that do not outlive their owner, however it ends.

The owner holds an exclusive `flock` on each of them. The kernel releases the lock when the process
ends. So `sweep` can tell what a killed process left from what a running process still needs.
"""

import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_OURS = ".*.harness.partial"
_ATTEMPTS = 5  # a compiler of a killed build may still write
_PAUSE = 0.02  # seconds


@contextmanager
def temporary_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield the path of a new, empty file in `folder`, and the file; remove it at the end.

    A file that was renamed stays. Files of killed processes in `folder` are removed first.
    """
    sweep(folder)
    path, descriptor = _own(folder, is_folder=False)
    with os.fdopen(descriptor, "wb") as file:
        try:
            yield path, file
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder in `folder`, as `temporary_file` does."""
    sweep(folder)
    path, descriptor = _own(folder, is_folder=True)
    try:
        yield path
    finally:
        remove(path)
        os.close(descriptor)


def unused_path(folder: Path) -> Path:
    """Return a path in `folder` for something that is about to be removed."""
    return folder / f".{secrets.token_hex(6)}.harness.partial"


def sweep(folder: Path, pattern: str = _OURS) -> None:
    """Remove the temporary files and folders in `folder` whose owners do not run any more.

    Another `pattern` is for a folder in which all such names are the harness's own.
    """
    for path in folder.glob(pattern):
        with suppress(OSError):  # its owner has just ended, or it belongs to another user
            _remove_if_abandoned(path)


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all its contents, as far as possible."""
    for _ in range(_ATTEMPTS):
        with suppress(OSError):
            if not stat.S_ISDIR(path.lstat().st_mode):
                path.unlink()
                return
            path.chmod(stat.S_IRWXU)
            shutil.rmtree(path)
        if not os.path.lexists(path):
            return
        time.sleep(_PAUSE)


def _own(folder: Path, *, is_folder: bool) -> tuple[Path, int]:
    """Create a file or folder and lock it; return its path and its descriptor."""
    while True:
        path = unused_path(folder)
        if is_folder:
            path.mkdir()
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                continue  # a sweep has just removed it
        else:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):  # some network file systems cannot lock; then `sweep` cannot, too
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_same(path, descriptor):
            return path, descriptor
        os.close(descriptor)  # a sweep removed it between open and lock


def _remove_if_abandoned(path: Path) -> None:
    if not stat.S_ISREG(path.lstat().st_mode) and not path.is_dir():
        return  # a FIFO, which would block
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_same(path, descriptor):
            remove(path)
    finally:
        os.close(descriptor)


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
