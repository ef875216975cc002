"""Progress without a terminal: a line every few seconds about the current step."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import IO

from harness.support.progress_step import Step

INTERVAL = 4.0
"""Seconds between two lines."""

_STALE = 2.0  # seconds that a step waits at most for its line if the last line's step is over
_LOOK = 0.5  # seconds between two looks at the clock


class ProgressLog:
    """Writes lines to `stream`, the first one after `patience` seconds.

    A step that begins while no line is due has none until one is: a quick step has no line. But
    a line about a step that is over does not stay the last one while another step works.
    """

    def __init__(self, stream: IO[str], clock: Callable[[], float], patience: float) -> None:
        self._stream = stream
        self._clock = clock
        self._steps: Sequence[Step] = ()
        self._since = 0.0  # when the current step became that
        self._written: Step | None = None  # of the last line
        self._due = clock() + patience
        self._lock = Lock()
        self._ended = Event()
        self._thread: Thread | None = None

    def show(self, steps: Sequence[Step]) -> None:
        """Write lines about the last of `steps`; without any, stop."""
        if steps and self._steps[-1:] != steps[-1:]:
            self._since = self._clock()
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
            if not steps or (now < self._due and not self._is_stale(now)):
                return
            self._due = now + INTERVAL
            self._written = steps[-1]
            self.write(steps[-1].line(now))

    def _is_stale(self, now: float) -> bool:
        over = self._written is not None and self._written not in self._steps
        return over and now - self._since >= _STALE

    def write(self, line: str) -> None:
        """Write `line`, unless nobody reads it."""
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def postpone(self) -> None:
        """Wait for the interval again, because others have written something."""
        self._due = max(self._due, self._clock() + INTERVAL)
        self._written = None

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            self.look()
