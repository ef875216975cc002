"""Processes of this machine, as a test sees them."""

import time
from collections.abc import Callable
from pathlib import Path


def until(
    condition: Callable[[], object], seconds: float, what: Callable[[], object] = lambda: ""
) -> None:
    """Wait for `condition`, at the most `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what()}"
        time.sleep(0.02)


def processes(text: str) -> dict[int, str]:
    """Return the processes in whose command line `text` is, by number."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if text in line:
            found[int(file.parent.name)] = line
    return found


def marked(mark: str) -> dict[int, str]:
    """Return the command lines of the processes with `NAME=value` in their environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if mark.encode() in variables and line:  # a process that has ended has no command line
            found[int(folder.name)] = line.replace(b"\0", b" ").decode(errors="replace")
    return found


def cpu_seconds(number: int) -> float:
    """Return how long a process has computed."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
