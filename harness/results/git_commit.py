"""The commit that a repository has checked out."""

import os
import subprocess
from pathlib import Path

_DEADLINE = 10.0  # seconds
_NO_BRANCH = "HEAD"  # git's name for "no branch"


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
