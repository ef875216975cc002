"""The folders of the user's repository: where inputs lie and outputs go."""

import hashlib
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from harness.errors import InfrastructureError
from harness.support import bundled_files
from harness.support.user_folders import (
    CACHES,
    RESULTS,
    chosen_folder,
    is_temporary,
    own_folder,
    read_only,
)

_OUR_FILES = ("harness.toml", "targets/*.toml", "models/*/model.toml")
# https://docs.pytest.org/en/stable/reference/customize.html
_PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_LONGEST_INDEX = 440  # bytes; SQLite takes paths of 512, and adds names of temporary files
_PYTEST_SECTIONS = {"tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def _chosen_folders() -> Mapping[str, Path | None]:
    return {variable: chosen_folder(variable) for variable in (CACHES, RESULTS)}


@dataclass(frozen=True)
class Workspace:
    """A repository root. Its targets and models take precedence over the bundled ones.

    `chosen` has the folders that the environment variables name. They are found once, so that a
    relative one stays where it is. Raises `InputError` if one cannot be used.
    """

    root: Path
    chosen: Mapping[str, Path | None] = field(default_factory=_chosen_folders, compare=False)

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

    @cached_property
    def caches(self) -> Path:
        """The folder for everything that can be made again from its inputs.

        It is `build/`, unless `HARNESS_CACHE_DIR` names another one or this user may not write
        there. Many workspaces can share it: images and golden are named by hashes of their inputs.
        """
        return self.chosen[CACHES] or (
            own_folder(CACHES) if self._read_only_caches else self.root / "build"
        )

    @cached_property
    def results(self) -> Path:
        """The folder for what runs and trainings bring.

        It is `reports/`, unless `HARNESS_RESULTS_DIR` names another one or this user may not
        write there.
        """
        return self.chosen[RESULTS] or (
            own_folder(RESULTS) / _unique_name(self.root.name, self.root)
            if self._read_only_results
            else self.root / "reports"
        )

    @property
    def images(self) -> Path:
        """Built images, with their generated C."""
        return self.caches / "images"

    @property
    def sketches(self) -> Path:
        """Compiled Arduino sketches."""
        return self.caches / "sketches"

    @property
    def bundles(self) -> Path:
        """The files of bundles that ran here."""
        return self.caches / "bundles"

    @property
    def golden(self) -> Path:
        """Computed golden outputs, for vectors without stored ones."""
        return self.caches / "golden"

    @property
    def logs(self) -> Path:
        """Logs of the emulators and of failed conversions."""
        return self.caches / "logs"

    @property
    def index(self) -> Path:
        """The index of the Records; if it is missing, it is rebuilt from them."""
        beside = self.results / "index.sqlite"
        chosen = self.chosen[CACHES]
        if not chosen and not read_only(self.results) and _can_be_index(beside):
            return beside
        folder = chosen or own_folder(CACHES)
        return folder / "index" / f"{_unique_name(self.root.name, self.results)}.sqlite"

    @property
    def runs(self) -> Path:
        """New Records, one file per run."""
        return self.results / "runs"

    @property
    def record_folders(self) -> Sequence[Path]:
        """The folders that Records are read from: this user's, and a workspace's that is shared."""
        shared = self.root / "reports" / "runs"
        return (self.runs,) if self.chosen[RESULTS] else tuple(dict.fromkeys((self.runs, shared)))

    @property
    def checks(self) -> Path:
        """The newest health check of each board, one file each."""
        return self.results / "checks"

    @property
    def failures(self) -> Path:
        """Runs that ended with an infrastructure error, the newest of each model at each place."""
        return self.results / "failures"

    @property
    def farm(self) -> Path:
        """What a farm's coordinator said when it was asked the last time."""
        return self.results / "farm.json"

    @property
    def report(self) -> Path:
        """The default file of the report."""
        return self.results / "report.html"

    @property
    def trained(self) -> Path:
        """Newly trained or converted models, one folder each."""
        inside = self.root / "build" / "models"
        elsewhere = self.chosen[RESULTS] or read_only(inside)
        return self.results / "models" if elsewhere else inside

    @property
    def baselines(self) -> Path:
        """Accepted Records, reviewed and committed, and the budgets."""
        return self.root / "reports" / "baselines"

    @property
    def note(self) -> str:
        """Which files are not in the workspace, because it cannot be written; otherwise empty."""
        every = (
            (CACHES, self._read_only_caches, "cached files", self.caches),
            (RESULTS, self._read_only_results, "Records", self.runs),
        )
        moved = [each for each in every if each[1] and not self.chosen[each[0]]]
        if not moved:
            return ""
        places = " and ".join(dict.fromkeys(str(place) for _, place, _, _ in moved))
        texts = (
            f"{what} are in {folder}{', until the machine restarts' * is_temporary(folder)} "
            f"({variable} names another folder)"
            for variable, _, what, folder in moved
        )
        return f"you may not write in {places}: {', '.join(texts)}"

    @property
    def _read_only_caches(self) -> Path | None:
        build = self.root / "build"
        return read_only(
            build, *(build / name for name in ("images", "golden", "sketches", "logs"))
        )

    @property
    def _read_only_results(self) -> Path | None:
        return read_only(self.root / "reports" / "runs")


def _can_be_index(index: Path) -> bool:
    """Tell whether this user may change all files of `index`, and its path is not too long."""
    if len(os.fsencode(index)) > _LONGEST_INDEX:
        return False
    files = (index, index.with_suffix(".digest"), index.with_suffix(".lock"))
    return all(os.access(path, os.R_OK | os.W_OK) for path in files if os.path.lexists(path))


def _unique_name(name: str, folder: Path) -> str:
    """Return `name` with a hash of `folder`, which other folders do not have."""
    return f"{name[:40]}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def _has_own_files(folder: Path) -> bool:
    """Tell whether `folder` has a target, a model or `harness.toml`."""
    return any(next(folder.glob(pattern), None) for pattern in _OUR_FILES)


def find_workspace(start: Path | None = None, pytest_root: Path | None = None) -> Workspace:
    """Return the workspace of the folder `start`, by default the current folder.

    It is the nearest folder upwards with a target, a model, `harness.toml` or a configuration of
    pytest, or the `pytest_root`; without any of these, `start` itself. The search does not leave
    the git repository or the home folder. A temporary folder that users share and the root of the
    file system only count if they are `start`. Raises `InfrastructureError` if the current folder
    was removed, `InputError` if a variable names a folder that cannot be used.
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
