"""Atomic writes: files appear complete or not at all, even if the process is killed."""

import io
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError


def npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return `arrays` as a compressed `.npz`; the same arrays give the same bytes."""
    file = io.BytesIO()
    np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]
    return file.getvalue()


def replace_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files`, by name, into `folder`; existing ones are replaced in the last step.

    Raises `InputError` if they cannot be written.
    """
    partial = {name: folder / f".{name}.partial" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            partial[name].write_bytes(data)
        for name in files:
            partial[name].replace(folder / name)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        for path in partial.values():
            with suppress(OSError):
                path.unlink()


def create_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Create `folder` with `files`, by name or by path within it.

    Raises `InputError` if `folder` exists or cannot be written.
    """
    if folder.exists():
        raise InputError(
            "already exists", where=str(folder), remedy="remove it, or give another name"
        )
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(3)}.partial")
    try:
        partial.mkdir(parents=True)
        for name, data in files.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_bytes(data)
        partial.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"cannot be written: {error.strerror}", where=str(folder))
