"""A folder that only this user can enter, for sockets and locks of running sessions.

It also holds caches and Records if no home folder can be written.
"""

import os
import shlex
import stat
import tempfile
from pathlib import Path

from harness.errors import InfrastructureError

_PRIVATE = 0o700


def private_folder(chosen: str = "", variable: str = "XDG_RUNTIME_DIR") -> Path:
    """Return the folder `chosen`, by default one for this user; create it if needed.

    The default is `$XDG_RUNTIME_DIR/tinyml-harness`; without that variable, or if it names the
    folder of another user, it is a folder in the temporary directory. Others may have put
    something of that name there: raises `InfrastructureError` unless it is a folder of this user
    that nobody else may enter. The message names `variable` as a way to choose another one.
    """
    path = Path(chosen) if chosen else _default()
    try:
        path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        status = path.lstat()  # of the path itself, not of where a symbolic link leads
    except OSError as error:
        raise _unusable(path, str(error.strerror), variable) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise _unusable(path, "it is not a directory of yours", variable)
    if status.st_mode & 0o077:
        raise InfrastructureError(
            "others may enter this directory of yours",
            where=str(path),
            remedy=f"chmod 700 {shlex.quote(str(path))}, or set {variable} to another directory",
        )
    return path


def _default() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and _is_own(Path(runtime)):
        return Path(runtime) / "tinyml-harness"
    return Path(tempfile.gettempdir()) / f"tinyml-harness-{os.getuid()}"


def _is_own(path: Path) -> bool:
    """Tell whether `path` is a directory of this user; after `su` it is still the other one's."""
    try:
        return path.is_dir() and path.stat().st_uid == os.getuid()
    except OSError:
        return False


def _unusable(path: Path, why: str, variable: str) -> InfrastructureError:
    return InfrastructureError(
        f"this directory cannot be used: {why}",
        where=str(path),
        remedy=f"set {variable} to a directory of yours, or remove this one",
    )
