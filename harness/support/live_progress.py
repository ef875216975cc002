"""Progress on a terminal: a live display of the current steps."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import IO

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from harness.support.progress_step import WIDTH, Step
from harness.support.terminal import Terminal

_BAR = 20  # columns
_ROOM_FOR_BAR = 60
_SIGN = 2  # columns of the spinner


class LiveProgress:
    """Shows the steps at the end of the terminal `stream`; `aside` is entered meanwhile."""

    def __init__(
        self,
        stream: IO[str],
        clock: Callable[[], float],
        aside: Callable[[], AbstractContextManager[object]],
    ) -> None:
        # rich would ask the standard streams, which pytest captures.
        width = None
        with suppress(OSError):  # it has no size
            width = os.get_terminal_size(stream.fileno()).columns or None
        self._console = Terminal(file=stream, force_terminal=True, width=width)
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
            self._shown.enter_context(self._live())
        elif before and not steps:
            self._shown.close()

    def _live(self) -> Live:
        # What is printed to the same terminal meanwhile appears above the display; what goes into
        # a file must stay there.
        ours = self._stream is sys.stderr
        return Live(
            self,
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

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yield a line for each step."""
        now = self._clock()
        for step in self._steps:
            room = min(options.max_width, WIDTH) - _SIGN
            line = Table.grid(padding=(0, 1, 0, 0))
            sign = self._spinner.render(now) if step is self._steps[-1] else " "
            if step.total and room >= _ROOM_FOR_BAR:
                room -= _BAR + 1
                bar = ProgressBar(step.total, step.done, width=_BAR)
                line.add_row(sign, bar, Text(step.line(now, room), "dim"))
            else:
                line.add_row(sign, Text(step.line(now, room), "dim"))
            yield line
