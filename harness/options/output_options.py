"""How much a command says: `-v`, `-q` and `--no-progress`, the same for all commands."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from harness.support.details import shown_details
from harness.support.progress import Progress

_VERBOSE = ("-v", "--verbose")
_QUIET = ("-q", "--quiet")
_NO_PROGRESS = "--no-progress"


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options; `parser` may be that of `harness` or of any command."""
    one = parser.add_mutually_exclusive_group()
    # Without a default: that of a command would replace what stands before its name.
    one.add_argument(
        *_VERBOSE,
        action="store_true",
        default=argparse.SUPPRESS,
        help="also print the commands that run, of compilers and emulators, and where their logs "
        "are",
    )
    one.add_argument(
        *_QUIET,
        action="store_true",
        default=argparse.SUPPRESS,
        help="print only the result, warnings and errors: no progress and no notes",
    )
    parser.add_argument(
        _NO_PROGRESS,
        action="store_true",
        default=argparse.SUPPRESS,
        help="do not show what is being done",
    )


class Talk(NamedTuple):
    """How much a command says."""

    verbose: bool = False
    quiet: bool = False
    no_progress: bool = False

    @classmethod
    def of(cls, arguments: Sequence[str]) -> "Talk":
        """Return what the `arguments` ask for, before a parser has read them."""
        given = set(arguments)
        return cls(
            verbose=not given.isdisjoint(_VERBOSE),
            quiet=not given.isdisjoint(_QUIET),
            no_progress=_NO_PROGRESS in given,
        )

    @property
    def shows_progress(self) -> bool:
        """Whether what is being done is shown."""
        return not (self.quiet or self.no_progress)

    @contextmanager
    def details(self, progress: Progress) -> Iterator[None]:
        """Show details meanwhile if they are asked for."""
        if not self.verbose:
            yield
            return
        with shown_details(progress.write):
            yield
