"""The output of `harness watch`: drawn again in place on a terminal, lines elsewhere."""

import os
import time
from collections.abc import Iterator, Sequence
from threading import Event, Thread
from typing import IO, Protocol, Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from harness.report.terminal_lines import INDENT, wrapped
from harness.report.watch_table import details_of, line_of, table_of
from harness.results.judge.watched_run import WatchedRun
from harness.support.progress_step import Step
from harness.support.shown import shown
from harness.support.terminal import Terminal

_FRAME = 0.125  # seconds between two drawings while something is done
_END = "The second lines show the change since the run before. Ctrl-C ends."


class Watching(Protocol):
    """Shows the watched runs."""

    def draw(self, runs: Sequence[WatchedRun], new: Sequence[WatchedRun], note: Text) -> None:
        """Show all `runs`; those in `new` have just ended. The `note` is about all of them."""


class WatchLog:
    """Writes a line for each new run to `stream`."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def draw(self, runs: Sequence[WatchedRun], new: Sequence[WatchedRun], note: Text) -> None:  # noqa: ARG002 - a view's method
        """Write a line for each run that is `new`; without any, write the `note`."""
        now = time.strftime("%H:%M:%S")
        lines = [line_of(run) for run in new] or [note.plain]
        for line in lines:
            print(f"{now} {shown(line)}", file=self._stream, flush=True)


class WatchScreen:
    """Draws the table of runs on the terminal `stream`, and below it the current step."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._runs: Sequence[WatchedRun] = ()
        self._note = Text()
        self._steps: Sequence[Step] = ()
        self._ended = Event()
        self._thread: Thread | None = None
        self._console = Terminal(file=stream, force_terminal=True)
        self._live = Live(
            get_renderable=self._drawn,
            console=self._console,
            auto_refresh=False,  # otherwise nobody could mark a text with the mouse
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.show(())
        self._live.stop()

    def draw(self, runs: Sequence[WatchedRun], new: Sequence[WatchedRun], note: Text) -> None:  # noqa: ARG002 - a view's method
        """Draw all `runs`, and the `note` about them."""
        self._runs, self._note = runs, note
        self._live.refresh()

    # As the view of a progress:

    def show(self, steps: Sequence[Step]) -> None:
        """Draw the last of `steps` below the table until there are none."""
        self._steps = steps
        if steps and self._thread is None:
            self._ended.clear()
            self._thread = Thread(target=self._animate, name="progress", daemon=True)
            self._thread.start()
        elif not steps and self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None
            self._live.refresh()

    def write(self, line: str) -> None:
        """Write `line` above the table, where it stays."""
        self._console.print(Text(shown(line)), highlight=False, soft_wrap=True)

    def postpone(self) -> None:
        """Do nothing: the step has a place of its own."""

    def _animate(self) -> None:
        while not self._ended.wait(_FRAME):
            self._live.refresh()

    def _drawn(self) -> Group:
        width = self._width()
        lines = table_of(self._runs).lines(width) if self._runs else []
        for run in self._runs:
            lines += self._details(run, width)
        step = self._steps[-1].line(time.monotonic(), width) if self._steps else ""
        last = [Text(step, "dim")] if step else wrapped(self._note, width)
        return Group(*lines, Text(), *last, Text(_END, "dim"))

    def _details(self, run: WatchedRun, width: int) -> Iterator[Text]:
        details = list(details_of(run))
        if details and len(self._runs) > 1:
            yield Text(f"{run.names.model} on {run.names.target}:")
        for line in details:
            for part in wrapped(Text(shown(line.plain), line.style), width - len(INDENT)):
                yield Text.assemble(INDENT, part)

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or self._console.width
        except OSError:
            return self._console.width
