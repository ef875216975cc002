"""Opens the source of results: the local index, or the store that `--store` names.

The database package is imported late: runs without a store do not need it.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.results.store.store_errors import DownError
from harness.support.secrets import Secret, without_secrets
from harness.workspace import Workspace

if TYPE_CHECKING:
    from harness.results.store.index import Index
    from harness.results.store.store import Store

STORE_VARIABLE = "HARNESS_STORE"
"""The environment variable with the URL of the store; others cannot read it, unlike an option."""

MAKE_RUNS = "make one with harness run or pytest --target=NAME, or use --store=URL"
"""The remedy where there are no runs."""

_PAUSE = 30.0  # seconds in which a store that was down is not tried again
_down: dict[str, tuple[float, DownError]] = {}  # by URL: when this process tried it, and the error

_MAX_SKIPPED = 10  # skipped files that are named; the rest is counted


def add_store_option(add: Callable[..., Any]) -> None:
    """Declare `--store` through `add`, which is argparse's or pytest's."""
    add(
        "--store",
        default=Secret(os.environ.get(STORE_VARIABLE, "")),
        type=Secret,
        metavar="URL",
        help="database with the results of a team: postgresql://USER@HOST/DATABASE or "
        f"sqlite:///PATH (default: ${STORE_VARIABLE}, or else the files in reports/runs)",
    )


def open_store(url: str, workspace: Workspace) -> "Store":
    """Return the store at `url`; if `url` is empty, the local index, up to date.

    Files in `reports/runs` that are not records are named on standard error. Raises the errors of
    `Store`.
    """
    return open_shared_store(url) if url else open_index(workspace.index, *workspace.record_folders)


def open_shared_store(url: str) -> "Store":
    """Return the store at `url`; see `open_store`.

    Raises `InputError` if it is not the URL of a store, or if other users can read its password. A
    store that was down is not tried again at once, so that not each of many runs waits for it.
    """
    from harness.results.store.database import parse_url  # noqa: PLC0415 - sqlalchemy
    from harness.results.store.store import Store  # noqa: PLC0415

    parse_url(url)  # before any advice on its password
    if without_secrets(url) != url and any(url in argument for argument in sys.argv):
        raise InputError(
            "other users of this machine can read the password in the command line",
            where="--store",
            remedy="put the password into ~/.pgpass, or into the file that PGPASSFILE names, or "
            f"put the URL into the variable {STORE_VARIABLE}; and change the password",
        )
    failed_at, failure = _down.get(url, (0.0, None))
    if failure and time.monotonic() - failed_at < _PAUSE:
        raise failure
    try:
        return Store(url)
    except DownError as error:
        _down[url] = time.monotonic(), error
        raise


def open_index(path: Path, *folders: Path) -> "Index":
    """Return the index in the file `path`, up to date with `folders`; see `open_store`."""
    from harness.results.store.index import Index  # noqa: PLC0415 - sqlalchemy

    index = Index(path)
    warn_skipped(index.update(*folders))
    return index


def warn_skipped(skipped: Sequence[InputError]) -> None:
    """Print the files that are not records to standard error."""
    for error in skipped[:_MAX_SKIPPED]:
        print("harness: skipped:", "; ".join(str(error).split("\n  -> ")), file=sys.stderr)
    if len(skipped) > _MAX_SKIPPED:
        print(f"harness: skipped: {len(skipped) - _MAX_SKIPPED} more files", file=sys.stderr)
