"""Recognizes Keras models and SavedModels, and identifies their content."""

import hashlib
import zipfile
from pathlib import Path

from harness.errors import InputError
from harness.support.input_file import open_input, read_input

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_PARTS = {"config.json": "config.json", "model.weights.h5": "model.weights."}
"""The files in a model, with the start of their names: the weights may have another suffix."""


def is_keras_model(path: Path) -> bool:
    """Tell whether `path` is a `.keras` file, a Keras model in HDF5, or a SavedModel folder."""
    if path.is_dir():
        return (path / "saved_model.pb").is_file()
    if not path.is_file():
        return False
    with open_input(path) as file:
        start = file.read(len(_HDF5))
    return start == _HDF5 or (path.suffix == ".keras" and start.startswith(_ZIP))


def check_parts(path: Path) -> None:
    """Raise `InputError` if `path` is a zip archive without the files of a Keras model."""
    if path.is_dir() or path.suffix != ".keras":
        return
    with open_input(path) as file:
        if file.read(len(_ZIP)) != _ZIP:
            return
        try:
            names = zipfile.ZipFile(file).namelist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
            raise _no_model("is a damaged zip archive", path) from None
    for part, start in _PARTS.items():
        if not any(name.startswith(start) for name in names):
            raise _no_model(f"is a zip archive, but no Keras model: it has no {part}", path)


def _no_model(what: str, path: Path) -> InputError:
    remedy = "save the whole model in the program that trained it: model.save('model.keras')"
    return InputError(what, where=str(path), remedy=remedy)


def digest_of(source: Path) -> str:
    """Return the SHA-256 of a file; of a folder, that of the names and digests of its files."""
    if source.is_file():
        return hashlib.sha256(read_input(source)).hexdigest()
    sha = hashlib.sha256()
    for path in sorted(each for each in source.rglob("*") if each.is_file()):
        sha.update(f"{path.relative_to(source).as_posix()}\0{digest_of(path)}\n".encode())
    return sha.hexdigest()
