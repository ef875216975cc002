"""Runs a command and says every few seconds what it does.

    python .ci/progress.py TITLE COMMAND ...

A terminal sees one line that is rewritten; a log gets a line every few seconds. No line is longer
than 80 columns. If the command fails, its whole output follows. The exit code is the command's.
This runs before any package is installed, so it uses the standard library alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TextIO

_COLUMNS = 80


def main() -> int:
    """Run the command of the arguments."""
    title, *command = sys.argv[1:]
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return run(title, command, out=sys.stdout, terminal=terminal)


def run(
    title: str, command: list[str], *, out: TextIO, terminal: bool, every: float | None = None
) -> int:
    """Run `command`, write its progress to `out`, and return its exit code.

    `every` is the time between two lines, in seconds; the default is 0.5 in a terminal, else 5.
    """
    every = every or (0.5 if terminal else 5.0)
    before, after = ("\r\x1b[K", "") if terminal else ("", "\n")
    started = time.monotonic()
    print(f"{title} ..."[:_COLUMNS], end=after, flush=True, file=out)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    lines: list[str] = []
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    try:
        while _is_alive(reader, every):
            line = f"{time.monotonic() - started:5.0f} s  {lines[-1] if lines else title}"
            print(before + line[: _COLUMNS - 1], end=after, flush=True, file=out)
        code = process.wait()
    finally:
        process.kill()  # does nothing to a process that has ended
    seconds = f"{time.monotonic() - started:.0f} s"
    if code:
        print(f"{before}{title} failed after {seconds}:", file=out)
        print(*lines, f"exit code {code} of: {' '.join(command)}", sep="\n", file=out)
    else:
        print(f"{before}{title}: done in {seconds}", file=out)
    return code


def _is_alive(thread: threading.Thread, seconds: float) -> bool:
    """Wait at most `seconds` for the end of `thread`."""
    thread.join(seconds)
    return thread.is_alive()


def _read(process: subprocess.Popen[str], lines: list[str]) -> None:
    """Collect the lines of the output that are not empty."""
    for line in process.stdout or ():
        if text := line.expandtabs(1).rstrip():
            lines.append(text)  # noqa: PERF401 - the other thread reads each at once


if __name__ == "__main__":
    sys.exit(main())
