"""What a command left behind: processes that inherited its mark, and temporary files."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

MARK = "HARNESS_FAULT_CASE"
"""An environment variable that every process of a case inherits, whoever is its parent."""

_TEMPORARY = ("*.partial", ".*.partial", ".build-*")


def processes(mark: str) -> dict[int, str]:
    """Return the command lines of the living processes with `mark`, by process ID."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile, or belongs to another user
        if line and int(folder.name) != os.getpid():
            found[int(folder.name)] = line.strip()
    return found


def orphans(mark: str, patience: float) -> dict[int, str]:
    """Return the processes with `mark` that still live after `patience` seconds."""
    end = time.monotonic() + patience
    while (living := processes(mark)) and time.monotonic() < end:
        time.sleep(0.02)
    return living


def files(repository: Path, temporary: Path) -> Sequence[Path]:
    """Return the temporary files in `repository`, and everything in the folder `temporary`."""
    ours = [path for pattern in _TEMPORARY for path in repository.rglob(pattern)]
    return sorted({*ours, *temporary.iterdir()})
