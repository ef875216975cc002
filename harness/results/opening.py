"""Where results are read from: the local index, or the store that `--store` names.

Nothing heavy is loaded here: runs that share nothing need no database.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.workspace import Workspace

if TYPE_CHECKING:
    from harness.results.store import Store

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


def open_store(
    url: str, workspace: Workspace, warn: Callable[[str], None] | None = None
) -> "Store":
    """Return the store at `url`; without, the local index, brought up to date.

    `warn` gets a line for each file in `reports/runs` that is no record; without, standard
    error does. Errors are those of `Store`.
    """
    from harness.results.index import Index  # noqa: PLC0415 - sqlalchemy
    from harness.results.store import Store  # noqa: PLC0415

    if url:
        return Store(url)
    index = Index(workspace.index)
    skipped = index.update(workspace.runs)
    for error in skipped[:_SHOWN]:
        (warn or _warn)(f"skipped: {error}")
    if len(skipped) > _SHOWN:
        (warn or _warn)(f"skipped: {len(skipped) - _SHOWN} files more")
    return index


def _warn(text: str) -> None:
    print(f"harness: {text}", file=sys.stderr)
