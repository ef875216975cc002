"""The commits of a change: what it is compared with, by git and by the variables of CI."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError
from harness.support.git_commit import git

_MOST = 500  # commits before the merge base whose runs may stand for it


@dataclass(frozen=True)
class Change:
    """The commit `head` that is reviewed, and `before`, the commits that it may be compared with.

    `before` begins with the merge base, then its first parents follow. `base` is how the user or
    CI names the other branch.
    """

    head: str
    base: str
    before: tuple[str, ...]

    @property
    def merge_base(self) -> str:
        """The commit that the change begins at."""
        return self.before[0]


def base_of_ci(variables: Mapping[str, str] = os.environ) -> str:
    """Return the revision that a pull request goes to; empty if CI does not say so.

    The variables are those of GitHub, GitLab and Jenkins.
    """
    for name, prefix in (
        ("GITHUB_BASE_REF", "origin/"),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
        ("CHANGE_TARGET", "origin/"),
    ):
        if variables.get(name):
            return prefix + variables[name]
    return ""


def change_since(root: Path, base: str) -> Change:
    """Return the change from the merge base of `base` and what is checked out at `root`.

    Raises `InputError` without git, if `base` is unknown, or if git lacks the history.
    """
    head = _commit(root, "HEAD", "run the command in a git repository with a commit")
    other = _commit(
        root,
        base,
        "name a branch or commit that git has; in CI, fetch the whole history: `fetch-depth: 0` "
        "(GitHub), `GIT_DEPTH: 0` (GitLab)",
    )
    try:
        start = git(root, "merge-base", other, head)
    except (OSError, subprocess.SubprocessError) as error:
        raise InputError(
            f"git finds no commit that {base} and HEAD have in common",
            where=str(root),
            remedy="fetch the whole history: `git fetch --unshallow`",
        ) from error
    before = git(root, "rev-list", "--first-parent", f"--max-count={_MOST}", start)
    return Change(head, base, tuple(before.split()))


def _commit(root: Path, revision: str, remedy: str) -> str:
    """Return the hash of a `revision`; raises `InputError` if git does not know it."""
    try:
        return git(root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except (OSError, subprocess.SubprocessError) as error:
        what = f"git knows no commit {revision!r}"
        raise InputError(what, where=str(root), remedy=remedy) from error
