"""Progress in a notebook: a line below the cell, which is replaced and gone at the end."""

import sys
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any

from harness.support.progress_step import Step
from harness.support.shown import shown

_LOOK = 0.25  # seconds between two looks at the steps


def notebook_progress() -> "NotebookProgress | None":
    """Return the progress for the notebook that this process is the kernel of; otherwise None."""
    # A kernel has imported IPython; importing it here would take time everywhere else.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or "IPKernelApp" not in shell.config:
        return None
    return NotebookProgress(sys.modules["IPython.display"].display)


class NotebookProgress:
    """Shows the current step below the cell by `display`, IPython's function."""

    def __init__(
        self, display: Callable[..., Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._display = display
        self._clock = clock
        self._steps: Sequence[Step] = ()
        self._line = ""
        self._ended = Event()
        self._thread: Thread | None = None
        self._handle: Any = None

    def show(self, steps: Sequence[Step]) -> None:
        """Show the last of `steps`; without any, remove the line."""
        self._steps = steps
        if steps and self._thread is None:
            if self._handle is None:  # each one is an output of the cell, which stays
                self._handle = self._display(_as_text(""), raw=True, display_id=True)
            self._ended.clear()
            self._thread = Thread(target=self._watch, name="progress", daemon=True)
            self._thread.start()
        elif not steps and self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None
            self._replace("")

    def write(self, line: str) -> None:
        """Write `line`, which stays."""
        print(shown(line), file=sys.stderr)

    def postpone(self) -> None:
        """Do nothing: the line is in a place of its own."""

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            if steps := self._steps:
                self._replace(steps[-1].line(self._clock()))

    def _replace(self, line: str) -> None:
        if line != self._line:
            self._line = line
            self._handle.update(_as_text(line), raw=True)


def _as_text(line: str) -> dict[str, str]:
    return {"text/plain": line}
