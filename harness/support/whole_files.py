"""Atomic writes: files appear complete or not at all, even if the process is killed."""

import errno
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError, InfrastructureError, InputError
from harness.support.owned_temporary import temporary_file, temporary_folder
from harness.support.user_folders import CACHES

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BROKEN = {*_FULL, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE}


def npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return `arrays` as a compressed `.npz`; the same arrays give the same bytes."""
    file = io.BytesIO()
    np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]
    return file.getvalue()


def replace_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files`, by name, into `folder`; existing ones are replaced in the last step.

    Raises `InputError` if the place cannot be written, `InfrastructureError` if the disk is full
    or broken.
    """
    try:
        write_files(folder, files)
    except OSError as error:
        raise unwritable(folder, error) from error


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Do the same as `replace_files`, but raise `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        written = {}
        for name, data in files.items():
            path, file = stack.enter_context(temporary_file(folder))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            written[path] = name
        for path, name in written.items():
            path.replace(folder / name)
    sync_names(folder)


def create_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Create `folder` with `files`, by name or by path within it.

    Raises `InputError` if `folder` exists, and the errors of `replace_files`.
    """
    if folder.exists():
        raise InputError(
            "already exists", where=str(folder), remedy="remove it, or give another name"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder.parent) as partial:
            for name, data in files.items():
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                (partial / name).write_bytes(data)
            partial.rename(folder)
    except OSError as error:
        raise unwritable(folder, error) from error


@contextmanager
def explained_errors(what: str, where: Path) -> Iterator[None]:
    """Turn an `OSError` in a cache into an `InfrastructureError`: "WHAT: File too large"."""
    try:
        yield
    except OSError as error:
        raise InfrastructureError(
            f"{what}: {error.strerror}",
            where=str(error.filename or where),
            remedy=cache_remedy_of(error, where),
        ) from error


def remedy_of(error: OSError, where: Path) -> str:
    """Return what to do about `error`, which happened when something at `where` was written."""
    if error.errno in _FULL:
        return f"free space on the disk of {where}"
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return f"make {where} writable"
    return f"check {where}"


def cache_remedy_of(error: OSError, where: Path) -> str:
    """Return what `remedy_of` does, and how to choose another folder for caches."""
    return f"{remedy_of(error, where)}, or set {CACHES} to another folder"


def unwritable(place: Path, error: OSError) -> HarnessError:
    """Return the error for a file or folder that a person named and that cannot be written."""
    what = f"cannot be written: {error.strerror}"
    if error.errno in _BROKEN:
        return InfrastructureError(what, where=str(place), remedy=remedy_of(error, place))
    return InputError(what, where=str(place), remedy="check this path, or name another place")


def sync_names(folder: Path) -> None:
    """Sync the names in `folder` to disk, if the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
