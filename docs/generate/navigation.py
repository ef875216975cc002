"""The groups of the navigation, from `docs/navigation.toml`."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HOME = "docs/index.md"


class Group(NamedTuple):
    """Pages that stand together in the navigation, as paths in the repository.

    `title` is the group's, or empty where the pages stand below the page `under`. Pages in
    `docs/reference` are generated.
    """

    title: str
    under: str
    pages: Sequence[str]


def read_navigation(repository: Path) -> list[Group]:
    """Return the groups in order; a pattern such as `models/*/README.md` stands for its files."""
    with (repository / "docs" / "navigation.toml").open("rb") as file:
        groups = tomllib.load(file)["group"]
    return [
        Group(
            group.get("title", ""),
            group.get("under", HOME),
            [page for text in group["pages"] for page in _pages(repository, text)],
        )
        for group in groups
    ]


def _pages(repository: Path, text: str) -> list[str]:
    if "*" not in text:
        return [text]
    return sorted(path.relative_to(repository).as_posix() for path in repository.glob(text))
