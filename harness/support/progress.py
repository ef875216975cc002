"""What is being done now: a live display on a terminal, a line every few seconds elsewhere."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, Protocol

from harness.support.progress_log import INTERVAL, ProgressLog
from harness.support.progress_step import Step
from harness.support.shown import shown


class View(Protocol):
    """What the steps are shown on."""

    def show(self, steps: Sequence[Step]) -> None:
        """Show `steps`, from the outermost to the innermost."""

    def write(self, line: str) -> None:
        """Write `line`, which stays."""

    def postpone(self) -> None:
        """Wait again with the next line of a log."""


class Progress:
    """Shows the current steps on `stream`.

    On a terminal, a live display shows them; it is gone when the steps are done. `aside` is
    entered meanwhile. Elsewhere, a line every few seconds shows the current step; the first one
    comes after `patience` seconds. With `quiet`, only warnings are written. A `view` shows them
    instead, wherever it likes.
    """

    def __init__(
        self,
        stream: IO[str],
        *,
        patience: float = INTERVAL,
        quiet: bool = False,
        view: View | None = None,
        aside: Callable[[], AbstractContextManager[object]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._quiet = quiet
        self._steps: list[Step] = []
        self._view: View
        if view is not None:
            self._view = view
        elif not quiet and is_live(stream):
            from harness.support.live_progress import LiveProgress  # noqa: PLC0415 - rich

            self._view = LiveProgress(stream, clock, aside)
        else:
            self._view = ProgressLog(stream, clock, patience)

    @contextmanager
    def step(self, text: str, total: int = 0, unit: str = "") -> Iterator[Callable[[], None]]:
        """Show the step `text` meanwhile; yield a function that adds one to what is done.

        With a `total`, the number of units that are done is shown, too: "3 of 20 vectors". The
        unit "%" shows a share.
        """
        step = Step(text, self._clock(), total, unit)
        self._steps.append(step)
        self._show()
        try:
            yield lambda: _advance(step)
        finally:
            self._steps.remove(step)
            self._show()

    def say(self, text: str) -> None:
        """Show `text` as what the current step does now."""
        if self._steps:
            self._steps[-1].text = text
            self._show()

    def warn(self, text: str) -> None:
        """Show a line that the user should know of."""
        self.write(f"harness: {text}")

    def write(self, text: str) -> None:
        """Show lines that stay."""
        self._view.write(shown(text))

    def postpone(self) -> None:
        """Wait again with the next line of a log, because others have written something."""
        self._view.postpone()

    @contextmanager
    def shown_on(self, view: View) -> Iterator[None]:
        """Show the steps and write the lines on `view` meanwhile."""
        before, self._view = self._view, view
        try:
            yield
        finally:
            self._view = before

    def _show(self) -> None:
        if not self._quiet:
            self._view.show(tuple(self._steps))


def _advance(step: Step) -> None:
    step.done += 1


def is_live(stream: IO[str]) -> bool:
    """Tell whether `stream` is a terminal that can show a live display.

    rich would believe FORCE_COLOR, and write control characters into a log.
    """
    return stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
