"""A Python that has TensorFlow: this one, or one in an environment of its own in the cache.

Keras before 3.11.3 runs Python code that a model holds, in spite of its safe mode (CVE-2025-9905,
CVE-2025-9906, CVE-2025-8747). A Python with such a Keras is not used.

TensorFlow is large, and few commands need it. The environment is made once for all workspaces of
this user, and appears in one step: a half-made one is never used.
"""

import hashlib
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

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
_SIZE = "about 1.5 GB on the disk"
_SAFE_KERAS = Version("3.11.3")
_WHAT = f"TensorFlow with Keras {_SAFE_KERAS} or later"
# Prints the version of Keras; nothing without TensorFlow or Keras.
_FIND = """
import importlib.metadata, importlib.util
if importlib.util.find_spec("tensorflow"):
    print(*[each.version for each in importlib.metadata.distributions(name="keras")][:1])
"""


def find_python(folder: Path, progress: Progress) -> Path:
    """Return the path of a Python that has TensorFlow; make one in the cache `folder` if needed.

    Raises `InfrastructureError`, with what to do by hand, if it cannot be made.
    """
    if _has_tensorflow(sys.executable, "repair this Python environment"):
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
        f"{_WHAT} is missing here. Once, it goes into an environment of its own: {_SIZE}, in "
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
    if not _has_tensorflow(str(entry / "bin" / "python"), remedy):
        raise InfrastructureError(
            f"has no {_WHAT}",
            where=str(entry),
            remedy=f"{remedy}, or run: {entry}/bin/python -m pip install '{requirement}' "
            f"'keras>={_SAFE_KERAS}'",
        )


def _has_tensorflow(python: str, remedy: str) -> bool:
    """Tell whether `python` finds TensorFlow and a safe Keras, started as for a conversion."""
    found = output_of([python, "-I", "-c", _FIND], remedy).strip()
    return bool(found) and Version(found) >= _SAFE_KERAS


def _by_hand(entry: Path, requirement: str) -> str:
    return (
        "with a Python for which TensorFlow has wheels, and a connection to a package index, run:\n"
        f"     python3.12 -m venv {entry}\n"
        f"     {entry}/bin/pip install '{requirement}'\n"
        "     Or convert the model elsewhere, and give the .tflite file: docs/models.md"
    )
