"""Reads files that a user named: never a FIFO or a device, never more than a limit."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.errors import InputError

MAX_BYTES = 512 << 20
"""Size of the largest file that is read: test vectors, or an ELF with debug information."""

MAX_TEXT = 4 << 20
"""Size of the largest file that people write, such as `model.toml`."""

_MIB = 1 << 20
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_input(
    path: Path, limit: int = MAX_BYTES, *, where: str | None = None, remedy: str = ""
) -> bytes:
    """Return the bytes of the file `path`; raises `InputError` as `open_input` does."""
    with open_input(path, limit, where=where, remedy=remedy) as file:
        data = file.read(limit + 1)
    if len(data) > limit:  # it has just grown, or its file system does not state its size
        raise _error(path, _no_file(limit, "it is larger"), where, remedy)
    return data


@contextmanager
def open_input(
    path: Path, limit: int = MAX_BYTES, *, where: str | None = None, remedy: str = ""
) -> Iterator[BinaryIO]:
    """Open the file `path` for reading.

    Raises `InputError` if it cannot be opened or read, is not a regular file, or is larger than
    `limit` bytes. If the place to mend is not the file itself, `where` names it.
    """
    try:
        # O_NONBLOCK: otherwise, opening a FIFO waits for a program that writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise _error(path, _reason(path, limit, error), where, remedy) from error
    except ValueError as error:
        raise _error(path, "cannot be read: its name holds a null byte", where, remedy) from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise _error(path, _no_file(limit, _kind(status.st_mode)), where, remedy)
        if status.st_size > limit:
            size = f"it has {status.st_size / _MIB:,.0f} MiB"
            raise _error(path, _no_file(limit, size), where, remedy)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror or error}", where, remedy) from error
    finally:
        os.close(descriptor)


def _reason(path: Path, limit: int, error: OSError) -> str:
    """Return why `path` could not be opened; a socket and some devices cannot be."""
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = stat.S_IFREG
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return f"cannot be read: {error.strerror}"
    return _no_file(limit, _kind(mode))


def _kind(mode: int) -> str:
    return f"it is {_KINDS.get(stat.S_IFMT(mode), 'a special file')}"


def _no_file(limit: int, why: str) -> str:
    return f"is not a regular file of at most {limit // _MIB:,} MiB: {why}"


def _error(path: Path, what: str, where: str | None, remedy: str) -> InputError:
    if where is None:
        return InputError(what, where=str(path), remedy=remedy)
    return InputError(f"{path} {what}", where=where, remedy=remedy)
