"""A Python that has TensorFlow: this one, or one in an environment of its own in the cache.

TensorFlow is large, and few commands need it. The environment is made once for all workspaces of
this user, and appears in one step: a half-made one is never used.
"""

import hashlib
import importlib.util
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from harness.errors import InfrastructureError
from harness.intake.convert.long_command import run_long
from harness.support.checked_cache import discard
from harness.support.lease import Lease
from harness.support.owned_temporary import temporary_folder
from harness.support.progress import Progress
from harness.support.tool_output import output_of
from harness.support.whole_files import explained_errors

_WAIT = 3600.0  # seconds for another session that makes it
_DISTRIBUTION = "tinyml-harness"
_EXTRA = "train"
_SIZE = "about 1.5 GB on the disk, after a download of 350 MB"
_FIND = "import importlib.util as u; print(u.find_spec('tensorflow') is not None)"


def find_python(folder: Path, progress: Progress) -> Path:
    """Return the path of a Python that has TensorFlow; make one in the cache `folder` if needed.

    Raises `InfrastructureError`, with what to do by hand, if it cannot be made.
    """
    if importlib.util.find_spec("tensorflow") is not None:
        return Path(sys.executable)
    return provide_environment(folder, tensorflow_requirement(), progress)


def tensorflow_requirement() -> str:
    """Return what the extra `train` requires of TensorFlow here, such as "tensorflow>=2.21"."""
    every = map(Requirement, metadata.requires(_DISTRIBUTION) or ())
    return next(
        f"{each.name}{each.specifier}"
        for each in every
        if each.name.startswith("tensorflow")
        and each.marker is not None
        and each.marker.evaluate({"extra": _EXTRA})
    )


def provide_environment(folder: Path, requirement: str, progress: Progress) -> Path:
    """Return the Python of the environment with `requirement` in `folder`; make it if needed."""
    base = f"{sys.version} {sys.base_prefix} {requirement}"
    number = hashlib.sha256(base.encode()).hexdigest()[:8]
    entry = folder / f"tensorflow-python{sys.version_info[0]}.{sys.version_info[1]}-{number}"
    python = entry / "bin" / "python"
    lease = Lease(f"environment {entry}", wait=_WAIT)
    try:
        if not python.exists():
            with explained_errors("TensorFlow cannot be installed", folder):
                _make(entry, requirement, progress)
    finally:
        lease.release()
    _check(entry, requirement)
    return python


def _make(entry: Path, requirement: str, progress: Progress) -> None:
    progress.warn(
        f"TensorFlow is missing here. Once, it goes into an environment of its own: {_SIZE}, in "
        f"{entry}"
    )
    entry.parent.mkdir(parents=True, exist_ok=True)
    if entry.is_symlink() or entry.exists():  # the Python that it was made with is gone
        discard(entry)
    remedy = _by_hand(entry, requirement)
    with (
        progress.step("installing TensorFlow"),
        temporary_folder(entry.parent) as staging,
    ):
        python = str(staging / "bin" / "python")
        pip = [python, "-I", "-m", "pip", "install", "--disable-pip-version-check"]
        # -I: the environment must not see the paths of this one.
        for command in (
            [sys.executable, "-I", "-m", "venv", str(staging)],
            [*pip, "--no-compile", "--progress-bar=off", requirement],
        ):
            run_long(command, "installing TensorFlow", remedy, progress)
        staging.rename(entry)


def _check(entry: Path, requirement: str) -> None:
    """Raise `InfrastructureError` if the environment `entry` has no TensorFlow."""
    remedy = f"remove {entry}"
    found = output_of([str(entry / "bin" / "python"), "-I", "-c", _FIND], remedy)
    if found.strip() != "True":
        raise InfrastructureError(
            "has no TensorFlow",
            where=str(entry),
            remedy=f"{remedy}, or run: {entry}/bin/python -m pip install '{requirement}'",
        )


def _by_hand(entry: Path, requirement: str) -> str:
    return (
        "with a Python for which TensorFlow has wheels, and a connection to a package index, run:\n"
        f"     python3.12 -m venv {entry}\n"
        f"     {entry}/bin/pip install '{requirement}'\n"
        "     Or convert the model elsewhere, and give the .tflite file: docs/models.md"
    )
