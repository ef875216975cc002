"""Progress without a terminal: a line every few seconds about the current step."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import IO

from harness.support.progress_step import Step

INTERVAL = 4.0
"""Seconds between two lines."""

_LOOK = 0.5  # seconds between two looks at the clock


class ProgressLog:
    """Writes lines to `stream`, the first one after `patience` seconds.

    A step that begins while no line is due has none until one is: a quick step has no line.
    """

    def __init__(self, stream: IO[str], clock: Callable[[], float], patience: float) -> None:
        self._stream = stream
        self._clock = clock
        self._steps: Sequence[Step] = ()
        self._due = clock() + patience
        self._lock = Lock()
        self._ended = Event()
        self._thread: Thread | None = None

    def show(self, steps: Sequence[Step]) -> None:
        """Write lines about the last of `steps`; without any, stop."""
        self._steps = steps
        self.look()
        if steps and self._thread is None and self._due < math.inf:
            self._ended.clear()
            self._thread = Thread(target=self._watch, name="progress", daemon=True)
            self._thread.start()
        elif not steps and self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None

    def look(self) -> None:
        """Write a line about the current step if one is due."""
        with self._lock:
            now, steps = self._clock(), self._steps
            if not steps or now < self._due:
                return
            self._due = now + INTERVAL
            self.write(steps[-1].line(now))

    def write(self, line: str) -> None:
        """Write `line`, unless nobody reads it."""
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def postpone(self) -> None:
        """Wait for the interval again, because others have written something."""
        self._due = max(self._due, self._clock() + INTERVAL)

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            self.look()
