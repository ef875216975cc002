"""The standard output of a command with `--json`: one document, and nothing else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, TextIO

from harness.errors import HarnessError

if TYPE_CHECKING:  # msgspec
    from harness.support.json_output import Document


class JsonOutput:
    """The standard output of a command with `--json`."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None  # the present one
        self._printed = False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Send whatever else is printed meanwhile to the standard error."""
        self._stream = sys.stdout
        with redirect_stdout(sys.stderr):
            yield

    def print(self, document: "Document") -> None:
        """Print `document`, the only one of the command."""
        from harness.support.json_output import as_json  # noqa: PLC0415 - msgspec

        text = as_json(document)
        self._printed = True
        stream = self._stream or sys.stdout
        stream.write(text)
        stream.flush()

    def complain(self, error: HarnessError) -> None:
        """Print `error` as a document, if there is none yet."""
        from harness.support.json_output import ErrorDocument  # noqa: PLC0415 - msgspec

        if not self._printed:
            self.print(ErrorDocument.of(error))
