"""The folders of the user's repository: where inputs lie and outputs go."""

import os
import stat
import tomllib
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from harness.errors import InfrastructureError
from harness.support import bundled_files

_OUR_FILES = ("harness.toml", "targets/*.toml", "models/*/model.toml")
# https://docs.pytest.org/en/stable/reference/customize.html
_PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_PYTEST_SECTIONS = {"tox.ini": "pytest", "setup.cfg": "tool:pytest"}


@dataclass(frozen=True)
class Workspace:
    """A repository root. Its targets and models take precedence over the bundled ones."""

    root: Path

    @property
    def has_own_files(self) -> bool:
        """Whether the repository is one of the harness: a target, a model or `harness.toml`."""
        return _has_own_files(self.root)

    @property
    def targets(self) -> Sequence[Path]:
        """The folders with target files."""
        return bundled_files.roots("targets", self.root)

    @property
    def models(self) -> Sequence[Path]:
        """The folders with model folders."""
        return bundled_files.roots("models", self.root)

    @property
    def trained(self) -> Path:
        """Newly trained or converted models, one folder each."""
        return self.root / "build" / "models"

    @property
    def images(self) -> Path:
        """Built images, with their generated C."""
        return self.root / "build" / "images"

    @property
    def sketches(self) -> Path:
        """Compiled Arduino sketches."""
        return self.root / "build" / "sketches"

    @property
    def golden(self) -> Path:
        """Computed golden outputs, for vectors without stored ones."""
        return self.root / "build" / "golden"

    @property
    def logs(self) -> Path:
        """Logs of the emulators."""
        return self.root / "build" / "logs"

    @property
    def runs(self) -> Path:
        """Records, one file per run."""
        return self.root / "reports" / "runs"

    @property
    def index(self) -> Path:
        """The index of the Records; if it is missing, it is rebuilt from them."""
        return self.root / "reports" / "index.sqlite"

    @property
    def report(self) -> Path:
        """The default file of the report."""
        return self.root / "reports" / "report.html"

    @property
    def baselines(self) -> Path:
        """Accepted Records, reviewed and committed, and the budgets."""
        return self.root / "reports" / "baselines"


def _has_own_files(folder: Path) -> bool:
    """Tell whether `folder` has a target, a model or `harness.toml`."""
    return any(next(folder.glob(pattern), None) for pattern in _OUR_FILES)


def find_workspace(start: Path | None = None, pytest_root: Path | None = None) -> Workspace:
    """Return the workspace of the folder `start`, by default the current folder.

    It is the nearest folder upwards with a target, a model, `harness.toml` or a configuration of
    pytest, or the `pytest_root`; without any of these, `start` itself. The search does not leave
    the git repository or the home folder. A temporary folder that users share and the root of the
    file system only count if they are `start`. Raises `InfrastructureError` if the current folder
    was removed.
    """
    try:
        start = Path.cwd() if start is None else start.resolve()
    except FileNotFoundError as error:
        raise InfrastructureError(
            "the current folder no longer exists", remedy="change to another folder"
        ) from error
    folders = _upwards(start)
    marked = (folder for folder in folders if folder == pytest_root or _is_marked(folder))
    return Workspace(next(marked, start))


def _upwards(start: Path) -> Iterator[Path]:
    """Yield `start` and the folders above it that may be the workspace."""
    yield start
    home = os.path.realpath(os.path.expanduser("~"))  # Path.home fails for a user without one
    for inner, folder in pairwise((start, *start.parents)):
        if os.path.exists(inner / ".git") or str(inner) == home or folder.parent == folder:
            return
        if folder.stat().st_mode & stat.S_ISVTX:
            return  # the files of other users lie there, too
        yield folder


def _is_marked(folder: Path) -> bool:
    """Tell whether a workspace is at `folder`."""
    if _has_own_files(folder):
        return True
    if any(os.path.isfile(folder / name) for name in _PYTEST_FILES):
        return True
    return _is_configured_in_toml(folder / "pyproject.toml") or any(
        _has_section(folder / name, section) for name, section in _PYTEST_SECTIONS.items()
    )


def _is_configured_in_toml(path: Path) -> bool:
    try:
        return "pytest" in tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return False  # pytest reports a damaged file


def _has_section(path: Path, section: str) -> bool:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (ConfigParserError, ValueError):
        return False
    return parser.has_section(section)
