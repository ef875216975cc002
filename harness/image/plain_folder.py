"""A build happens in folders whose paths every build tool takes; its results may be copied."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import InputError
from harness.support.build_path import is_plain
from harness.support.owned_temporary import temporary_folder

_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - parents of folders with random names


@contextmanager
def plain_folders(build: Path, model: Path) -> Iterator[tuple[Path, Path]]:
    """Yield folders that stand for `build` and `model`; in the end, copy the former to `build`.

    They are the same folders if their paths are plain.
    """
    if is_plain(build) and is_plain(model):
        yield build, model
        return
    with temporary_folder(Path(plain_temporary())) as folder:
        shutil.copytree(model, folder / "model")
        yield folder / "build", folder / "model"
        shutil.copytree(folder / "build", build, dirs_exist_ok=True)


def plain_temporary() -> str:
    """Return the folder for temporary files, or another one if its path is not plain."""
    for folder in (tempfile.gettempdir(), *_TEMPORARY):
        if is_plain(Path(folder)) and Path(folder).is_dir():
            return folder
    raise InputError(
        "its path has characters that build tools do not take",
        where=f"TMPDIR={tempfile.gettempdir()}",
        remedy="set TMPDIR to a folder whose path has only letters, digits and . _ - + / @",
    )
