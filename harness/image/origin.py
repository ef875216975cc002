"""Where an image was built, if that was not in the repository that runs it."""

from dataclasses import dataclass

from harness.support.git_commit import Commit


@dataclass(frozen=True)
class Origin:
    """A bundle, by its SHA-256; the `commit` that it was built from, and with which harness."""

    bundle: str
    commit: Commit | None
    harness: str
