"""Reads zip files from people; checks first what Python's zipfile trusts."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from harness.errors import InputError

ENCRYPTED = 1
"""The bit of a member's `flag_bits` that says that it is encrypted."""

_END = struct.Struct("<4s4H2LH")  # end of central directory: APPNOTE.TXT, 4.3.16
_LOCATOR = 20  # bytes before it, with which another directory replaces the one in it: 4.3.15
_MAX_DIRECTORY = 1 << 20  # bytes of the list of a zip's members
# What zipfile raises for damaged, encrypted or unusual archives.
_BAD_ZIP = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, IndexError, struct.error),
    *(NotImplementedError, RuntimeError, OverflowError),
)


@contextmanager
def explained_damage(what: str, where: str, remedy: str) -> Iterator[None]:
    """Raise `InputError` for what zipfile raises; its texts are for programmers."""
    try:
        yield
    except _BAD_ZIP as error:
        raise InputError(what, where=where, remedy=remedy) from error


def check_end(file: BinaryIO, where: str, holds: str, remedy: str) -> None:
    """Refuse a zip whose list of members is long, before zipfile makes objects of them all.

    `holds` is what its members are, for messages. Raises `InputError`.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _END.size - _LOCATOR, 0))
    tail = file.read()
    file.seek(0)
    locator, end = tail[: -_END.size], tail[-_END.size :]
    if not end.startswith(b"PK\5\6") or len(end) < _END.size:
        what = f"is cut short: its list of {holds} is not at the end of its {size:,} bytes"
        raise InputError(what, where=where, remedy=remedy)
    if _END.unpack(end)[5] > _MAX_DIRECTORY or locator.startswith(b"PK\6\7"):
        raise InputError("has too many members", where=where, remedy=remedy)


def content_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the member's content: never more than the size it declares."""
    with archive.open(member) as file:
        content = file.read(member.file_size)  # without a number, zipfile decompresses 2 GiB
    if len(content) != member.file_size:
        raise zipfile.BadZipFile
    return content
