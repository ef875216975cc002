"""Where results are read from: the local index, or the store that `--store` names.

Nothing heavy is loaded here: runs that share nothing need no database.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.workspace import Workspace

if TYPE_CHECKING:
    from harness.results.store.index import Index
    from harness.results.store.store import Store

_SHOWN = 10  # skipped files; the rest is counted


def add_store_option(add: Callable[..., Any]) -> None:
    """Declare `--store` through `add`, which is argparse's or pytest's."""
    add(
        "--store",
        default="",
        metavar="URL",
        help="results are shared in the database at URL, postgresql://USER@HOST/DATABASE or "
        "sqlite:///PATH (default: reports/runs and its index here)",
    )


def open_store(url: str, workspace: Workspace) -> "Store":
    """Return the store at `url`; without, the local index, brought up to date.

    Files in `reports/runs` that are no records are named on standard error. Errors are those
    of `Store`.
    """
    if not url:
        return open_index(workspace.index, workspace.runs)
    from harness.results.store.store import Store  # noqa: PLC0415 - sqlalchemy

    return Store(url)


def open_index(path: Path, folder: Path) -> "Index":
    """Return the index in the file `path`, brought up to date with `folder`; see `open_store`."""
    from harness.results.store.index import Index  # noqa: PLC0415 - sqlalchemy

    index = Index(path)
    warn_skipped(index.update(folder))
    return index


def warn_skipped(skipped: Sequence[InputError]) -> None:
    """Say on standard error which files were no records."""
    for error in skipped[:_SHOWN]:
        print(f"harness: skipped: {error}", file=sys.stderr)
    if len(skipped) > _SHOWN:
        print(f"harness: skipped: {len(skipped) - _SHOWN} files more", file=sys.stderr)
