"""Adds the Records of a session to a store that a team shares, whether it is up or down."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.errors import InfrastructureError
from harness.results.current_session import current_session
from harness.results.store.open_results import open_shared_store
from harness.results.store.store_errors import DownError
from harness.support.plural import count_of
from harness.workspace import Workspace

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import Store

_PAUSE = 60.0  # seconds after which the end of a session tries a store that failed once more
_NAMED = 3  # Records that a message names
_LATER = "the next session with the same --store adds the missing Records, and so does harness push"


class StoreUpload:
    """Adds the Records of this session to the store at `url`; does nothing if `url` is empty.

    The constructor adds what earlier sessions could not add. It raises the errors of `Store`, so
    that a wrong URL is reported before anything runs. But if the store is down, then or later, runs
    go on, because each Record is a file already. Then the spool keeps the session for a later one,
    and `errors` names what the store lacks. The store is not tried for each Record again, because
    each attempt may take until the time-out.
    """

    def __init__(self, url: str, workspace: Workspace, session: str = "") -> None:
        self.errors: list[str] = []
        self._url = url
        self._store: Store | None = None
        self._missing: dict[Path, None] = {}
        self._failure: InfrastructureError | None = None
        self._failed_at = 0.0
        if url:
            from harness.results.store.spool import Spool  # noqa: PLC0415 - sqlalchemy

            self._spool = Spool(workspace.results, url)
            self._open(workspace.record_folders)
            self._spool.begin(session or current_session())

    @property
    def history(self) -> str:
        """The URL of the store that history is read from; empty, for the local index, if down."""
        return "" if self._failure else self._url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end(complete=kind is None)

    def add(self, *paths: Path) -> None:
        """Add the Records in the files `paths`."""
        if self._url and paths:
            self._missing |= dict.fromkeys(paths)
            if self._failure is None:
                self._try()

    def end(self, *, complete: bool = True) -> None:
        """Try a last time to add what is missing; note it in `errors` and in the spool.

        If the session is not `complete`, there may be Records that nobody has named here.
        """
        if not self._url:
            return
        if self._missing and time.monotonic() - self._failed_at > _PAUSE:
            self._try()
        self._spool.end(owes=bool(self._missing) or not complete)
        if self._missing:
            self.errors.append(f"{_names(self._missing)}\n{self._failure}\n  -> {_LATER}")

    def _open(self, folders: Sequence[Path]) -> None:
        """Open the store and add the Records that earlier sessions owe."""
        from harness.results.store.push import push_owed  # noqa: PLC0415 - sqlalchemy

        try:
            self._store = open_shared_store(self._url)
        except DownError as error:
            self._fail(error)
            print(f"harness: {error}\n  -> runs go on; {_LATER}", file=sys.stderr)
            return
        try:
            added = push_owed(self._store, self._spool, folders)
        except InfrastructureError as error:  # they wait for another session; this one goes on
            print(f"harness: {error}", file=sys.stderr)
        else:
            if added:
                text = f"added {count_of(added, 'Record')} of earlier sessions to the store"
                print(f"harness: {text}", file=sys.stderr)

    def _try(self) -> None:
        """Add what is missing; a file that is not a Record any more is an error."""
        from harness.results.store.push import add_files  # noqa: PLC0415 - sqlalchemy

        try:
            self._store = self._store or open_shared_store(self._url)
            self.errors += map(str, add_files(self._store, list(self._missing)))
        except InfrastructureError as error:
            self._fail(error)
        else:
            self._missing.clear()
            self._failure = None

    def _fail(self, error: InfrastructureError) -> None:
        self._failure = error
        self._failed_at = time.monotonic()


def _names(paths: dict[Path, None]) -> str:
    """Return which Records are not in the store, as the beginning of a message."""
    names = [path.name for path in paths]
    if len(names) == 1:
        return f"{names[0]} is not in the store"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names):,} Records are not in the store: {', '.join(names[:_NAMED])}{more}"
