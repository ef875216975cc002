"""Reads NumPy's files, `.npy` and `.npz`, from people: untrusted, bounded, never unpickled.

NumPy's own reader trusts the sizes that a file declares, and its messages recommend unpickling.
"""

import io
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.support.file_kind import kind_of, remedy_for_kind
from harness.support.input_file import MAX_BYTES, open_input, read_input

Array = npt.NDArray[Any]

SAVE_PLAIN = "save plain numbers, without Python objects"
_NPY = b"\x93NUMPY"
_KINDS = "biufcUS"  # of `dtype.kind`: numbers and text
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # that np.savez and np.savez_compressed use
_OTHER_METHODS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}
_ENCRYPTED = 1  # bit of `flag_bits`
_END = struct.Struct("<4s4H2LH")  # end of central directory: APPNOTE.TXT, 4.3.16
_LOCATOR = 20  # bytes before it, with which another directory replaces the one in it: 4.3.15
_LARGEST = 1 << 63  # bytes that a message shows
_MAX_DIRECTORY = 1 << 20  # bytes of the list of a zip's members
# What NumPy's parser of a header raises, which evaluates it as a Python literal.
_BAD_HEADER = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, SyntaxError, OverflowError),
    *(RecursionError, MemoryError, tokenize.TokenError),
)
# What zipfile raises for damaged, encrypted or unusual archives.
_BAD_ZIP = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, IndexError, struct.error),
    *(NotImplementedError, RuntimeError, OverflowError),
)


def read_npy(path: Path, *, remedy: str) -> Array:
    """Return the array in the `.npy` file `path`; read-only.

    Raises `InputError`, with this `remedy` if it is another kind of file.
    """
    data = read_input(path, remedy=remedy)
    if not data.startswith(_NPY):
        what = f"is not an .npy file of plain numbers: it is {kind_of(data)}"
        raise InputError(what, where=str(path), remedy=remedy_for_kind(data, remedy))
    return _parse(data, str(path))


def read_npz(
    path: Path, check_name: Callable[[str], None], *, remedy: str, only: str = ""
) -> dict[str, Array]:
    """Return the arrays in the `.npz` file `path` by name; read-only.

    `check_name` raises an error for an unknown name; nothing is decompressed before that. With
    `only`, the other arrays are not looked at. Raises `InputError` naming the file and array, with
    this `remedy` if it is another kind of file.
    """
    arrays = {}
    with _open_archive(path, remedy) as archive:
        for name, member in _members(archive, path, check_name, remedy, only).items():
            what = (
                f"is damaged: its {member.file_size:,} bytes, packed at byte "
                f"{member.header_offset:,} of the file, cannot be unpacked"
            )
            with _explained_damage(what, f"{path}: {name}", remedy):
                arrays[name] = _parse(_content(archive, member), f"{path}: {name}")
    return arrays


def npz_names(path: Path, *, remedy: str) -> list[str]:
    """Return the names of the arrays in the `.npz` file `path`; raises as `read_npz` does."""
    with _open_archive(path, remedy) as archive:
        return [member.filename.removesuffix(".npy") for member in archive.infolist()]


@contextmanager
def _open_archive(path: Path, remedy: str) -> Iterator[zipfile.ZipFile]:
    with open_input(path, remedy=remedy) as file:
        start = file.read(4096)
        kind = kind_of(start)
        if not kind.startswith("a zip"):
            raise InputError(
                f"is not an .npz file: it is {kind}",
                where=str(path),
                remedy=remedy_for_kind(start, remedy),
            )
        what = "is damaged: its list of arrays cannot be read"
        with _explained_damage(what, str(path), remedy):
            _check_end(file, path, remedy)
            with zipfile.ZipFile(file) as archive:
                yield archive


@contextmanager
def _explained_damage(what: str, where: str, remedy: str) -> Iterator[None]:
    """Raise `InputError` for what zipfile raises; its texts are for programmers."""
    try:
        yield
    except _BAD_ZIP as error:
        raise InputError(what, where=where, remedy=remedy) from error


def _check_end(file: BinaryIO, path: Path, remedy: str) -> None:
    """Refuse a zip whose list of members is long, before zipfile makes objects of them all."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _END.size - _LOCATOR, 0))
    tail = file.read()
    file.seek(0)
    locator, end = tail[: -_END.size], tail[-_END.size :]
    if not end.startswith(b"PK\5\6") or len(end) < _END.size:
        what = f"is cut short: its list of arrays is not at the end of its {size:,} bytes"
        raise InputError(what, where=str(path), remedy=remedy)
    if _END.unpack(end)[5] > _MAX_DIRECTORY or locator.startswith(b"PK\6\7"):
        raise InputError("has too many members for an .npz file", where=str(path), remedy=remedy)


def _members(
    archive: zipfile.ZipFile,
    path: Path,
    check_name: Callable[[str], None],
    remedy: str,
    only: str,
) -> dict[str, zipfile.ZipInfo]:
    """Return the members by the name of their array: known, readable, and not too large."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if only and name != only:
            continue
        check_name(name)
        what = ""
        if name in members:
            what = "is in the file more than once"
        elif name == member.filename:
            what = "is not an .npy file"
        elif member.flag_bits & _ENCRYPTED:
            what = "is encrypted"
        elif member.compress_type not in _METHODS:
            method = _OTHER_METHODS.get(member.compress_type, f"method {member.compress_type}")
            what = f"is compressed with {method}, which np.savez_compressed does not use"
        if what:
            raise InputError(what, where=f"{path}: {name}", remedy=remedy)
        members[name] = member
    total = sum(member.file_size for member in members.values())
    if total > MAX_BYTES:
        raise InputError(
            f"has {total >> 20:,} MiB after decompression, more than the {MAX_BYTES >> 20} MiB "
            "that are read",
            where=str(path),
            remedy="store fewer vectors",
        )
    return members


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the member's content: never more than the size it declares."""
    with archive.open(member) as file:
        content = file.read(member.file_size)  # without a number, zipfile decompresses 2 GiB
    if len(content) != member.file_size:
        raise zipfile.BadZipFile
    return content


def _shown(size: int) -> str:
    return f"{size:,} bytes" if abs(size) < _LARGEST else "too many bytes"


def _parse(data: bytes, where: str) -> Array:
    """Return the array in the bytes `data` of an `.npy` file."""
    file = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about files of Python 2
            version = np.lib.format.read_magic(file)
            if version == (1, 0):
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            else:
                shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        count = math.prod(shape)
        content = len(data) - file.tell()
    except _BAD_HEADER as error:
        raise InputError(
            "is damaged: its header is not that of an .npy file", where=where, remedy=SAVE_PLAIN
        ) from error
    if dtype.hasobject or dtype.kind not in _KINDS:
        kind = "Python objects" if dtype.hasobject else f"values of type {dtype}"
        raise InputError(f"holds {kind}", where=where, remedy=SAVE_PLAIN)
    if min(shape, default=0) < 0 or not dtype.itemsize or count * dtype.itemsize != content:
        raise InputError(
            f"is damaged: it declares {'x'.join(map(str, shape))[:80] or 'one'} values of type "
            f"{dtype}, {_shown(count * dtype.itemsize)}, but holds {content:,}",
            where=where,
            remedy="save it again",
        )
    try:
        values = np.frombuffer(data, dtype, offset=file.tell()) if count else np.empty(0, dtype)
        return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
    except ValueError as error:  # too many dimensions, or one that is too large
        raise InputError(
            f"is damaged: NumPy has no arrays of the shape {'x'.join(map(str, shape))[:80]}",
            where=where,
            remedy="save it again",
        ) from error
