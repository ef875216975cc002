"""The commit that a repository has checked out."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from harness.support.printable import printable

_DEADLINE = 10.0  # seconds
_MOST_ANCESTORS = 1000
_TRUST = "git config --global --add safe.directory"  # git's advice on another user's repository
_NO_BRANCH = "HEAD"  # git's name for "no branch"


class Commit(msgspec.Struct, frozen=True):
    """The commit of the repository."""

    hash: Annotated[str, Meta(pattern=r"\A([0-9a-f]{40}|[0-9a-f]{64})\Z")]
    """Hash of the commit."""
    dirty: bool
    """Whether tracked files differed from the commit."""
    branch: Annotated[str, Meta(pattern=r"\A[^\x00]*\Z")] = ""
    """Name of the branch. It is empty if none is checked out."""
    time: str = ""
    """Time of the commit, ISO 8601 with the time zone. Old records leave it empty."""


def commit_of(root: Path) -> Commit | None:
    """Return the commit that is checked out at `root`; None without git or a repository."""
    try:
        hash_, time = git(root, "log", "-1", "--format=%H %cI").split()
        dirty = bool(git(root, "status", "--porcelain", "-uno"))
        return Commit(hash_, dirty, branch_of(root), time)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        for line in str(getattr(error, "stderr", "")).splitlines():
            if line.strip().startswith(_TRUST):
                _warn_of_distrust(root, printable(line.strip()))
        return None


@cache
def _warn_of_distrust(root: Path, remedy: str) -> None:
    # We do not overrule git: the configuration of another user's repository can start programs.
    print(
        f"harness: {root}: Records have no commit, because the repository belongs to another user\n"
        f"  -> if you trust it: {remedy}",
        file=sys.stderr,
    )


def git(root: Path, *command: str) -> str:
    """Return the output of a git command in the repository at `root`.

    Raises `OSError` or `subprocess.SubprocessError` without git or a repository.
    """
    done = subprocess.run(
        ["git", "-C", str(root), *command],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_DEADLINE,
        check=True,
    )
    return done.stdout.strip()


def commit_named(root: Path, revision: str) -> str:
    """Return the hash of the commit that `revision` names, such as `HEAD~1` or a tag.

    Empty if git does not know it, or without git or a repository.
    """
    if revision.startswith("-") or "\0" in revision:  # an option of git; no argument at all
        return ""
    try:
        return git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except (OSError, subprocess.SubprocessError):
        return ""


def ancestors(root: Path, commit: str) -> list[str]:
    """Return the hashes of the commits before `commit`, the nearest ones first."""
    try:
        return git(root, "rev-list", f"--max-count={_MOST_ANCESTORS}", commit).split()[1:]
    except (OSError, subprocess.SubprocessError):
        return []


def branch_of(root: Path) -> str:
    """Return the branch that is checked out; empty if there is none.

    CI checks out a commit. The variables of GitHub and GitLab have the branch:
    https://docs.github.com/actions/reference/variables-reference,
    https://docs.gitlab.com/ci/variables/predefined_variables
    """
    name = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    if name != _NO_BRANCH:
        return name
    head = os.environ.get("GITHUB_HEAD_REF", "")
    if not head and os.environ.get("GITHUB_REF_TYPE") == "branch":
        head = os.environ.get("GITHUB_REF_NAME", "")
    return head or os.environ.get("CI_COMMIT_BRANCH", "")
