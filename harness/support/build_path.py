"""Paths for build tools: which ones they take, and which ones must be refused."""

import re
from pathlib import Path

from harness.errors import InputError

# CMake splits paths at a semicolon, linkers at a comma, Ninja and dependency files at a colon or
# a bar; compilers replace % and =.
_PLAIN = re.compile(r"[\w ./+@()&~-]+")
# With these, CMake or Ninja cannot read a source file, wherever it builds.
_IMPOSSIBLE = re.compile(r"[\x00-\x1f\x7f\"$:;\\|\ud800-\udfff]")


def is_plain(path: Path) -> bool:
    """Return whether every build tool takes `path` as it is, also as the place to build in."""
    return _PLAIN.fullmatch(str(path)) is not None


def cmake_path(path: Path) -> str:
    """Return `path` as CMake writes it; `InputError` if build tools cannot read a file there."""
    found = _IMPOSSIBLE.search(str(path))
    if found:
        raise InputError(
            f"build tools cannot read it: its path holds {found[0]!r}",
            where=str(path),
            remedy="move it to a folder whose path has only letters, digits and . _ - + / @",
        )
    return path.as_posix()
