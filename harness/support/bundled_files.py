"""Where targets, models and the firmware's sources are found."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def bundled(name: str) -> Path:
    """Return what comes with the harness: `firmware`, `targets`, `models` or `LICENSE`.

    An installed package carries it inside; in a checkout it is at the top level.
    """
    installed = _PACKAGE / "bundled" / name
    return installed if installed.exists() else _PACKAGE.parent / name


def roots(folder: str, root: Path) -> Sequence[Path]:
    """Return where to look for targets or models, the user's own first."""
    own = (root / folder).resolve()
    ours = bundled(folder).resolve()
    return (own,) if own == ours else (own, ours)


def is_path(name: str) -> bool:
    """Tell a path that the user gave from the name of a target or model."""
    return "/" in name or "\\" in name or name.endswith(".toml")


def first_by_name(paths: Iterable[Path], name_of: Callable[[Path], str]) -> dict[str, Path]:
    """Return the paths by name; of two with one name the first wins."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(name_of(path), path)
    return found
