"""Details that `-v` shows: which programs run, and where their logs are.

They go through Python's logging: whoever uses the harness as a library can collect them there.
"""

import logging
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

_LOGGER = logging.getLogger("harness")


class _Lines(logging.Handler):
    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message of `record`."""
        self._write(record.getMessage())


@contextmanager
def shown_details(write: Callable[[str], None]) -> Iterator[None]:
    """Give the lines of all details to `write` meanwhile."""
    handler, level = _Lines(write), _LOGGER.level
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)


def detail(text: str) -> None:
    """Tell those who asked for details."""
    _LOGGER.info("%s", text)


def detail_command(command: Sequence[str], log: object = None) -> None:
    """Tell that `command` runs, and the file that its output goes to, if `log` is its path."""
    where = f"\n  log: {log}" if isinstance(log, str) else ""
    detail(f"runs: {shlex.join(command)}{where}")


def details_are_shown() -> bool:
    """Tell whether anybody asked for details."""
    return _LOGGER.isEnabledFor(logging.INFO)
