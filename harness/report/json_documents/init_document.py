"""The document of `harness init`."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.intake.new_repository import Part
from harness.support.json_output import Document


class RepositoryPart(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder of the repository."""

    path: str
    """Path in the repository."""
    new: bool
    """Whether it was written. Otherwise it was there before, and was kept."""
    note: str
    """What it is for; of a part that was kept, what it lacks. It may be empty."""


class InitDocument(Document, frozen=True, tag="tinyml-harness/init/1"):
    """`harness init`: the repository that was written."""

    folder: str
    """Path of the repository."""
    parts: list[RepositoryPart]
    """Its parts."""
    next: list[str]
    """Commands to go on with."""


def init_document(folder: Path, parts: Iterable[Part], commands: Iterable[str]) -> InitDocument:
    """Return the `parts` of the repository in `folder`, and the `commands` to go on with."""
    return InitDocument(
        folder=str(folder),
        parts=[RepositoryPart(path=str(part.path), new=part.new, note=part.note) for part in parts],
        next=list(commands),
    )
