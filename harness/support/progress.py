"""Progress on a terminal; only warnings are also written into a pipe or file."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from harness.support.terminal import Terminal


class Progress:
    """Shows the current step, and a bar while vectors stream, if `stream` is a terminal.

    `window` is entered for each output: pytest captures the terminal and must release it
    meanwhile.
    """

    def __init__(
        self,
        stream: IO[str],
        window: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        with window():
            self._terminal = Terminal(file=stream).is_terminal
        self._console = Terminal(file=stream, force_terminal=self._terminal)
        self._window = window

    def say(self, text: str) -> None:
        """Show a line about the next step."""
        if self._terminal:
            with self._window():
                self._console.print(f"{text} ...", style="dim", highlight=False)

    def warn(self, text: str) -> None:
        """Show a line that the user should know of."""
        with self._window():
            self._console.print(Text(f"harness: {text}"), highlight=False, soft_wrap=True)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a bar of `total` steps; yield a function that advances it by one."""
        if not self._terminal:
            yield lambda: None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with self._window(), RichProgress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda: bar.advance(task)
