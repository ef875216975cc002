"""What the harness prints is printable, and holds no secret.

Names and messages from devices, files and tools reach a terminal in many sentences. The output is
therefore cleaned in one place, whoever writes it.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from harness.support.printable import printable_lines
from harness.support.secrets import without_secrets


def shown(text: object) -> str:
    """Return `text`, or the message of an error, as a terminal may show it."""
    return printable_lines(without_secrets(str(text)))


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
