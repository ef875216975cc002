"""The terminal: tables and styles, in which each text is printable and holds no secret."""

import os
from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from harness.support.shown import shown

_WIDTH = 80
"""Columns of a terminal that does not know its width."""


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
