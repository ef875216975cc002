"""Progress on a terminal: a live display of the current steps."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import IO

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from harness.support.progress_step import WIDTH, Step
from harness.support.terminal import Terminal

_BAR = 20  # columns
_SIGN = 2  # columns of the spinner


class LiveProgress:
    """Shows the steps at the end of the terminal `stream`; `aside` is entered meanwhile."""

    def __init__(
        self,
        stream: IO[str],
        clock: Callable[[], float],
        aside: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._console = Terminal(file=stream, force_terminal=True)
        self._clock = clock
        self._aside = aside
        self._stream = stream
        self._spinner = Spinner("line")
        self._steps: Sequence[Step] = ()
        self._shown = ExitStack()

    def show(self, steps: Sequence[Step]) -> None:
        """Show `steps`, from the outermost to the innermost; without any, show nothing."""
        before, self._steps = self._steps, steps
        if steps and not before:
            self._shown.enter_context(self._aside())
            self._shown.enter_context(self._live()).refresh()
        elif before and not steps:
            self._shown.close()

    def _live(self) -> Live:
        # What is printed to the same terminal meanwhile appears above the display; what goes into
        # a file must stay there.
        ours = self._stream is sys.stderr
        return Live(
            get_renderable=self._lines,
            console=self._console,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=ours and sys.stdout.isatty(),
            redirect_stderr=ours,
        )

    def write(self, line: str) -> None:
        """Write `line` above the display."""
        self._console.print(Text(line), highlight=False, soft_wrap=True)

    def postpone(self) -> None:
        """Do nothing: the display has no lines of its own."""

    def _lines(self) -> Group:
        """Return a line for each step; rich asks for them at each refresh."""
        # rich would ask the standard streams, which pytest captures.
        with suppress(OSError):  # it has no size
            width = os.get_terminal_size(self._stream.fileno()).columns
            self._console.width = width or self._console.width
        now = self._clock()
        return Group(*(self._line(step, now) for step in self._steps))

    def _line(self, step: Step, now: float) -> Table:
        room = min(self._console.width, WIDTH) - _SIGN
        text = step.line(now, room)
        parts: list[RenderableType] = [
            self._spinner.render(now) if step is self._steps[-1] else " ",
            Text(text, "dim"),
        ]
        if step.total and cell_len(text) <= room - _BAR - 1:  # a name is worth more than a bar
            parts.insert(1, ProgressBar(step.total, step.done, width=_BAR))
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_row(*parts)
        return line
