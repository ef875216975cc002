"""The commits of a change: what it is compared with, by git and by the variables of CI."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.errors import InputError
from harness.support.git_commit import git

_MOST = 500  # commits before the merge base whose runs may stand for it


@dataclass(frozen=True)
class Change:
    """The commit `head` that is reviewed, and `before`, the commits that it may be compared with.

    `before` begins with the merge base, then its first parents follow. `base` is the name of the
    other branch.
    """

    head: str
    base: str
    before: tuple[str, ...]

    @property
    def merge_base(self) -> str:
        """The commit that the change begins at."""
        return self.before[0]


class Base(NamedTuple):
    """A revision that a change goes to, and its name for people."""

    revision: str
    name: str


def base_of_ci(variables: Mapping[str, str]) -> Base | None:
    """Return what a pull request goes to; None if CI does not name it.

    The variables are those of GitHub, GitLab and Jenkins. GitLab's job may lack the branch, and has
    its commit, or only the merge base.
    """
    branch = variables.get("GITHUB_BASE_REF") or variables.get("CHANGE_TARGET")
    if branch:
        return Base(f"origin/{branch}", branch)
    commits = ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "CI_MERGE_REQUEST_DIFF_BASE_SHA")
    found = next((variables[name] for name in commits if variables.get(name)), "")
    name = variables.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", found)
    return Base(found, name) if found else None


def change_since(root: Path, base: Base) -> Change:
    """Return the change from the merge base of `base` and what is checked out at `root`.

    Raises `InputError` without git, if `base` is unknown, or if git lacks the history.
    """
    head = _commit(root, "HEAD", "run the command in a git repository with a commit")
    other = _commit(
        root,
        base.revision,
        "name a branch or commit that git has; in CI, fetch the whole history: `fetch-depth: 0` "
        "(GitHub), `GIT_DEPTH: 0` (GitLab)",
    )
    try:
        start = git(root, "merge-base", other, head)
    except (OSError, subprocess.SubprocessError) as error:
        raise InputError(
            f"git finds no commit that {base.name} and HEAD have in common",
            where=str(root),
            remedy="fetch the whole history: `git fetch --unshallow`",
        ) from error
    before = git(root, "rev-list", "--first-parent", f"--max-count={_MOST}", start)
    return Change(head, base.name, tuple(before.split()))


def _commit(root: Path, revision: str, remedy: str) -> str:
    """Return the hash of a `revision`; raises `InputError` if git does not know it."""
    try:
        return git(root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except (OSError, subprocess.SubprocessError) as error:
        what = f"git knows no commit {revision!r}"
        raise InputError(what, where=str(root), remedy=remedy) from error
