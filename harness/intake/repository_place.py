"""The folder that a new repository goes to: whether it can, and what is around it."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from harness.errors import InputError
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.whole_files import unwritable

Ci = Literal["github", "gitlab", "jenkins", "none"]

GITLAB_FILE = Path(".gitlab-ci.yml")
JENKINS_FILE = Path("Jenkinsfile")

_CI_FILES: Mapping[Path, Ci] = {GITLAB_FILE: "gitlab", JENKINS_FILE: "jenkins"}
_DISTRIBUTION = "tinyml-harness"
_REMEDY = "rename it, or name another folder: harness init DIR"


def git_root(folder: Path) -> Path | None:
    """Return the root of the git repository that `folder` lies in; None if there is none."""
    return next((path for path in _upwards(folder) if os.path.lexists(path / ".git")), None)


def used_ci(folder: Path) -> Ci:
    """Return whose CI file `folder` has; without one, whose remote, and without that `github`."""
    for file, ci in _CI_FILES.items():
        if os.path.lexists(folder / file):
            return ci
    config = folder / ".git" / "config"
    remotes = read_input(config, MAX_TEXT) if os.path.isfile(config) else b""
    return "gitlab" if b"gitlab" in remotes else "github"


def prepare_folder(folder: Path, files: Iterable[Path]) -> None:
    """Create `folder`, if it is missing, for `files`, whose paths are relative to it.

    Raises `InputError` if it lies in a checkout of the harness or cannot be created, and if a file
    takes the place of a folder or a folder that of a file.
    """
    _refuse_checkout(folder)
    _refuse_file(folder)
    for file in files:
        for parent in reversed(file.parents):
            _refuse_file(folder / parent)
        if (folder / file).is_dir():
            what = "is a folder, and a file must be there"
            raise InputError(what, where=str(folder / file), remedy=_REMEDY)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def _refuse_file(folder: Path) -> None:
    if os.path.lexists(folder) and not folder.is_dir():
        what = "is a file, and a folder must be there"
        raise InputError(what, where=str(folder), remedy=_REMEDY)


def _refuse_checkout(folder: Path) -> None:
    root = git_root(folder)
    for path in _upwards(folder):
        if _is_checkout(path):
            raise InputError(
                f"lies in a checkout of the harness, {path}",
                where=str(folder),
                remedy="name a folder outside of it: harness init DIR",
            )
        if path == root:
            return


def _upwards(folder: Path) -> tuple[Path, ...]:
    return (folder, *folder.parents)


def _is_checkout(folder: Path) -> bool:
    try:
        text = read_input(folder / "pyproject.toml", MAX_TEXT).decode()
        project = tomllib.loads(text).get("project")
    except (InputError, ValueError):
        return False  # there is none, or it is damaged, and so not ours
    return isinstance(project, dict) and project.get("name") == _DISTRIBUTION
