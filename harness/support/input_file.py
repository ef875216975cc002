"""Reads files that a user named. It never waits for a FIFO or device and never reads without end."""

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
    stat.S_IFDIR: "a folder",
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
        raise _error(path, _too_large(limit), where, remedy)
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
        raise _error(path, _reason(path, error), where, remedy) from error
    except ValueError as error:
        raise _error(path, "cannot be read: its name holds a null byte", where, remedy) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _error(path, _not_regular(status.st_mode), where, remedy)
        if status.st_size > limit:
            raise _error(path, _too_large(limit, status.st_size), where, remedy)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror or error}", where, remedy) from error
    finally:
        os.close(descriptor)


def _reason(path: Path, error: OSError) -> str:
    """Return why `path` could not be opened; a socket and some devices cannot be."""
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = stat.S_IFREG
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return f"cannot be read: {error.strerror}"
    return _not_regular(mode)


def _not_regular(mode: int) -> str:
    return f"is {_KINDS.get(stat.S_IFMT(mode), 'a special file')}, not a regular file"


def _too_large(limit: int, size: int | None = None) -> str:
    has = "is larger than" if size is None else f"has {size / _MIB:,.0f} MiB, more than"
    return f"{has} the {limit // _MIB:,} MiB that are read"


def _error(path: Path, what: str, where: str | None, remedy: str) -> InputError:
    if where is None:
        return InputError(what, where=str(path), remedy=remedy)
    return InputError(f"{path} {what}", where=where, remedy=remedy)
