"""Recognizes Keras models and SavedModels, and identifies their content."""

import hashlib
from pathlib import Path

from harness.support.input_file import open_input, read_input

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"


def is_keras_model(path: Path) -> bool:
    """Tell whether `path` is a `.keras` file, a Keras model in HDF5, or a SavedModel folder."""
    if path.is_dir():
        return (path / "saved_model.pb").is_file()
    if not path.is_file():
        return False
    with open_input(path) as file:
        start = file.read(len(_HDF5))
    return start == _HDF5 or (path.suffix == ".keras" and start.startswith(_ZIP))


def digest_of(source: Path) -> str:
    """Return the SHA-256 of a file; of a folder, that of the names and digests of its files."""
    if source.is_file():
        return hashlib.sha256(read_input(source)).hexdigest()
    sha = hashlib.sha256()
    for path in sorted(each for each in source.rglob("*") if each.is_file()):
        sha.update(f"{path.relative_to(source).as_posix()}\0{digest_of(path)}\n".encode())
    return sha.hexdigest()
