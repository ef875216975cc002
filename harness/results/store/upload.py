"""Records on their way to a store that others read too."""

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError, InputError
from harness.results.record import read_record

if TYPE_CHECKING:
    from harness.results.store.store import Store


class StoreUpload:
    """Adds what is recorded to the store at `url`; empty: to none.

    A store that fails ends no run: the record is a file already, and `errors` says in the end
    what the store lacks. Raises what `Store` does, before anything has run.
    """

    def __init__(self, url: str) -> None:
        self.errors: list[str] = []
        self._store = _opened(url) if url else None

    def add(self, path: Path) -> None:
        """Add the record that was written to `path`."""
        if self._store is None:
            return
        try:
            self._store.add(read_record(path))
        except HarnessError as error:
            self.errors.append(
                f"{path.name} is not in the store\n{error}\n"
                "  -> harness push, with the same --store, adds what it lacks"
            )


def _opened(url: str) -> "Store":
    from harness.results.store.store import Store  # noqa: PLC0415 - sqlalchemy

    return Store(url)


def push(folder: Path, url: str) -> tuple[int, int, list[InputError]]:
    """Add to the store at `url` the records in `folder` that it lacks.

    Returns how many those were, how many it had, and an error for each file that is no record.
    """
    from harness.results.store.index import batches, read_files, states  # noqa: PLC0415 - sqlalchemy

    skipped: list[InputError] = []
    added = 0
    with _opened(url) as store:
        found = states(folder).keys()
        had = found & {entry.id for entry in store.find()}
        for some in batches(sorted(found - had)):
            read = read_files(folder, some, skipped)
            store.add_read(read)
            added += len(read)
    return added, len(had), skipped
