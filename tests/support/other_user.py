"""Commands of a user who is not root: root may write everywhere, whatever the mode."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.models import ROOT

USER = 4301 if os.getuid() == 0 else os.getuid()

needs_user = pytest.mark.skipif(
    os.getuid() == 0 and shutil.which("setpriv") is None, reason="setpriv is not on PATH"
)

# The Python of the tests may lie where only root can read.
_AS_USER = (
    *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


def as_user(
    arguments: Sequence[str], folder: Path, home: Path, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run Python with `arguments` in `folder`, as a user with this `home`."""
    # CI's compiler cache is in the checkout, where the other user may not write.
    own = ("XDG_", "CCACHE_", "CMAKE_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    more = {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*(_AS_USER if os.getuid() == 0 else ()), sys.executable, *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=kept | more | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def give(path: Path) -> Path:
    """Let `path` and everything in it belong to the user."""
    for each in (path, *path.rglob("*")):
        os.chown(each, USER, -1)
    return path
