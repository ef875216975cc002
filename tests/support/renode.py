"""The Renodes that tests run on: the machine's own, where it has one, and the stand-in."""

import shlex
import sys
from pathlib import Path

import pytest

from harness.board.renode.installation import find_renode
from harness.errors import InfrastructureError

ROOT = Path(__file__).parents[2]


def real_renode() -> Path:
    """Return this machine's Renode; skips where there is none."""
    try:
        return find_renode().executable
    except InfrastructureError as error:
        pytest.skip(f"without Renode: {error.what}")


def make_double(folder: Path) -> Path:
    """Return an executable `renode` in `folder` that is tests/support/renode_double.py."""
    path = folder / "renode"
    command = f"exec {shlex.quote(sys.executable)} -m tests.support.renode_double"
    path.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} {command} "$@"\n')
    path.chmod(0o755)
    return path
