"""Runs a command and says every few seconds what it does.

    python .ci/progress.py TITLE COMMAND ...

A terminal sees one line that is rewritten; a log gets a line every few seconds. No line is longer
than 80 columns. If the command fails, its whole output follows. The exit code is the command's.
This runs before any package is installed, so it uses the standard library alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TextIO

_COLUMNS = 80
_REST = 1.0  # seconds for the last output
_ENDS = {signal.SIGINT, signal.SIGTERM}


def main() -> int:
    """Run the command of the arguments; SIGTERM ends it, too."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
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
    lines: list[str] = []
    process = None
    try:
        with _held_signals():  # their handlers must know the process
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # No thread has been started yet.
                preexec_fn=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _ENDS),  # noqa: PLW1509
            )
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        while (code := _exit_code(process, every)) is None:
            line = f"{time.monotonic() - started:5.0f} s  {lines[-1] if lines else title}"
            print(before + line[: _COLUMNS - 1], end=after, flush=True, file=out)
        reader.join(_REST)  # a program in the background may keep the pipe open
    except KeyboardInterrupt:
        print(f"{before}{title}: interrupted", file=out)
        return 128 + signal.SIGINT
    finally:
        with suppress(PermissionError):  # of sudo, which ends by Ctrl-C as this program does
            if process:
                process.terminate()  # does nothing to a process that has ended
    seconds = f"{time.monotonic() - started:.0f} s"
    if code:
        print(f"{before}{title} failed after {seconds}:", file=out)
        print(*lines, f"exit code {code} of: {' '.join(command)}", sep="\n", file=out)
    else:
        print(f"{before}{title}: done in {seconds}", file=out)
    return code


@contextmanager
def _held_signals() -> Iterator[None]:
    """Let the signals that end this program wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)


def _exit_code(process: subprocess.Popen[str], seconds: float) -> int | None:
    """Wait at most `seconds` for the end of `process`; return None if it still runs."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _read(process: subprocess.Popen[str], lines: list[str]) -> None:
    """Collect the lines of the output that are not empty."""
    for line in process.stdout or ():
        if text := line.expandtabs(1).rstrip():
            lines.append(text)  # noqa: PERF401 - the other thread reads each at once


if __name__ == "__main__":
    sys.exit(main())
