"""Finds targets, models and the firmware's sources."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def bundled(name: str) -> Path:
    """Return the path of `firmware`, `targets`, `models` or `LICENSE` of the harness.

    An installed package contains them; in a checkout they lie at the top level.
    """
    installed = _PACKAGE / "bundled" / name
    return installed if installed.exists() else _PACKAGE.parent / name


def roots(folder: str, root: Path) -> Sequence[Path]:
    """Return the folders to search for targets or models, the user's own first."""
    users = (root / folder).resolve()
    harness = bundled(folder).resolve()
    return (users,) if users == harness else (users, harness)


def is_path(name: str) -> bool:
    """Return whether `name` is a path, not the name of a target or model."""
    return "/" in name or "\\" in name or name.endswith(".toml")


def first_by_name(paths: Iterable[Path], name_of: Callable[[Path], str]) -> dict[str, Path]:
    """Return the paths by name; if two have the same name, the first wins."""
    by_name: dict[str, Path] = {}
    for path in paths:
        by_name.setdefault(name_of(path), path)
    return by_name
