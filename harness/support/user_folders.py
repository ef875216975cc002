"""Folders outside the workspace: the ones that the user chose, or this user's own (XDG).

Caches can be made again; results cannot.
"""

import os
import tempfile
from pathlib import Path

from harness.errors import InfrastructureError, InputError
from harness.support.private_folder import private_folder

CACHES = "HARNESS_CACHE_DIR"
"""The environment variable with another folder for what can be made again."""

RESULTS = "HARNESS_RESULTS_DIR"
"""The environment variable with another folder for Records, reports and trained models."""

_NAME = "tinyml-harness"
# https://specifications.freedesktop.org/basedir/latest/
_XDG = {CACHES: ("XDG_CACHE_HOME", "~/.cache"), RESULTS: ("XDG_STATE_HOME", "~/.local/state")}
_NEEDED = os.R_OK | os.W_OK | os.X_OK


def chosen_folder(variable: str) -> Path | None:
    """Return the folder that the environment variable names; None if it is unset or empty.

    A relative path starts at the current folder. Raises `InputError` if nothing can be written
    there.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        folder = Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise _unusable(variable, text, "this home folder is unknown") from error
    existing = _nearest(folder)
    if not existing.is_dir():
        raise _unusable(variable, text, f"{existing} is not a folder")
    if read_only(folder):
        raise _unusable(variable, text, f"you may not write in {existing}")
    return folder


def own_folder(variable: str) -> Path:
    """Return the folder of this user that stands in for the one that `variable` could name.

    It is in `$XDG_CACHE_HOME` or `$XDG_STATE_HOME`. Without a home folder that can be written, as
    in a container, it is in the folder for temporary files. Raises `InfrastructureError` if that
    cannot be used.
    """
    xdg, default = _XDG[variable]
    parent = os.environ.get(xdg, "")
    if not os.path.isabs(parent):  # the specification says to ignore it
        parent = os.path.expanduser(default)
    folder = Path(parent, _NAME)
    if folder.is_absolute() and not read_only(folder):
        return folder
    try:
        temporary = Path(tempfile.gettempdir(), _temporary_name())
    except FileNotFoundError as error:
        raise InfrastructureError(
            "no folder can be written, not even one for temporary files",
            remedy=f"set {CACHES} and {RESULTS} to folders that you may write",
        ) from error
    return private_folder(str(temporary), variable) / Path(default).name.lstrip(".")


def is_temporary(folder: Path) -> bool:
    """Tell whether `folder` is one of `own_folder` among temporary files, which do not last."""
    return _temporary_name() in folder.parts


def read_only(*folders: Path) -> Path | None:
    """Return where this user may not create files in one of `folders`; None if all are writable.

    For a folder that does not exist, the nearest one above counts. A file in the place of a folder
    is not read-only: the attempt to write there reports it.
    """
    nearest = (_nearest(folder) for folder in folders)
    return next(
        (place for place in nearest if place.is_dir() and not os.access(place, _NEEDED)), None
    )


def _temporary_name() -> str:
    return f"{_NAME}-{os.getuid()}"


def _nearest(path: Path) -> Path:
    """Return `path` if it exists, or else the nearest folder above it."""
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def _unusable(variable: str, text: str, why: str) -> InputError:
    return InputError(
        f"cannot be used: {why}",
        where=f"{variable}={text}",
        remedy=f"name a folder that you may write, or unset {variable}",
    )
