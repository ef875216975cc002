"""Reads NumPy's files, `.npy` and `.npz`, from people: untrusted, bounded, never unpickled.

NumPy's own reader trusts the sizes that a file declares, and its messages recommend unpickling.
"""

import io
import math
import tokenize
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.support.file_kind import kind_of, remedy_for_kind
from harness.support.input_file import MAX_BYTES, open_input, read_input
from harness.support.zip_members import ENCRYPTED, check_end, content_of, explained_damage

Array = npt.NDArray[Any]

SAVE_PLAIN = "save plain numbers, without Python objects"
_NPY = b"\x93NUMPY"
_KINDS = "biufcUS"  # of `dtype.kind`: numbers and text
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # that np.savez and np.savez_compressed use
_OTHER_METHODS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}
_LARGEST = 1 << 63  # bytes that a message shows
# What NumPy's parser of a header raises, which evaluates it as a Python literal.
_BAD_HEADER = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, SyntaxError, OverflowError),
    *(RecursionError, MemoryError, tokenize.TokenError),
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
            with explained_damage(what, f"{path}: {name}", remedy):
                arrays[name] = _parse(content_of(archive, member), f"{path}: {name}")
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
        with explained_damage(what, str(path), remedy):
            check_end(file, str(path), "arrays", remedy)
            with zipfile.ZipFile(file) as archive:
                yield archive


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
        elif member.flag_bits & ENCRYPTED:
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
