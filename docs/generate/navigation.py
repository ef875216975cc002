"""The groups of the navigation, from `docs/navigation.toml`."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HOME = "docs/index.md"
NOTEBOOK = ".ipynb"
"""The ending of a page that is a Jupyter notebook."""


class Group(NamedTuple):
    """Pages that stand together in the navigation, as paths in the repository.

    `title` is the group's, or empty where the pages stand below the page `under`. Pages in
    `docs/reference` are generated.
    """

    title: str
    under: str
    pages: Sequence[str]


def read_navigation(repository: Path) -> list[Group]:
    """Return the groups in order; a pattern such as `models/*/README.md` stands for its files.

    Raises `LookupError` if a page of `docs/` is in no group.
    """
    with (repository / "docs" / "navigation.toml").open("rb") as file:
        groups = tomllib.load(file)["group"]
    found = [
        Group(
            group.get("title", ""),
            group.get("under", HOME),
            [page for text in group["pages"] for page in _pages(repository, text)],
        )
        for group in groups
    ]
    placed = {HOME, *(page for group in found for page in group.pages)}
    written = {*_pages(repository, "docs/*.md"), *_pages(repository, f"docs/*{NOTEBOOK}")}
    if lost := sorted(written - placed):
        raise LookupError(f"docs/navigation.toml: {lost[0]} is in no group")
    return found


def _pages(repository: Path, text: str) -> list[str]:
    if "*" not in text:
        return [text]
    return sorted(path.relative_to(repository).as_posix() for path in repository.glob(text))
