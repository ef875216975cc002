"""The terminal: what the harness prints there is printable, and holds no secret.

Names and messages from devices, files and tools reach a terminal in many sentences. The output is
therefore cleaned in one place, whoever writes it.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import IO, Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from harness.support.printable import printable_lines
from harness.support.secrets import without_secrets

_WIDTH = 80
"""Columns of a terminal that does not know its width."""


def shown(text: object) -> str:
    """Return `text`, or the message of an error, as a terminal may show it."""
    return printable_lines(without_secrets(str(text)))


class Terminal(Console):
    """A rich console that shows each text as it is: without markup, and printable.

    Styles come from arguments and from `Text`, never from a text itself.
    """

    def __init__(self, file: IO[str] | None = None, **options: Any) -> None:
        super().__init__(file=file, markup=False, emoji=False, **options)
        # With COLUMNS=0, rich would print nothing. For a file, it would ask the other streams.
        asked_others = not (self.is_terminal or "COLUMNS" in os.environ or "width" in options)
        if self.width < 1 or asked_others:
            self.width = _WIDTH

    def render_str(self, text: str, **options: Any) -> Text:
        """Return `text` with a style; rich calls this for every str that it shows."""
        return super().render_str(shown(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render anything; rich calls this for each of its parts, too."""
        if isinstance(renderable, Text) and shown(renderable.plain) != renderable.plain:
            renderable = Text(shown(renderable.plain), renderable.style)
        return super().render(renderable, options)


class _ShownStream:
    """A text stream that cleans what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # rich writes its own control sequences: a `Terminal` cleans the texts between them.
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        self._stream.write(shown(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def shown_output() -> Iterator[None]:
    """Clean everything that is printed to the standard streams meanwhile."""
    output, errors = (cast(TextIO, _ShownStream(stream)) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(output), redirect_stderr(errors):
        yield
