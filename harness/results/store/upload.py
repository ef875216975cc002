"""Adds Records to a store that a team shares."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError, InputError
from harness.results.record_file import read_record
from harness.results.store.open_results import open_shared_store


class StoreUpload:
    """Adds each record to the store at `url`; does nothing if `url` is empty.

    If the store fails later, runs go on, because the record is a file already; `errors` then has
    the records that the store lacks. The constructor raises the errors of `Store`, so that a wrong
    URL is reported before anything runs.
    """

    def __init__(self, url: str) -> None:
        self.errors: list[str] = []
        self._store = open_shared_store(url) if url else None

    def add(self, path: Path) -> None:
        """Add the record in the file `path`."""
        if self._store is None:
            return
        try:
            self._store.add(read_record(path))
        except HarnessError as error:
            self.errors.append(
                f"{path.name} is not in the store\n{error}\n"
                "  -> harness push with the same --store adds the missing records"
            )


def push(folders: Sequence[Path], url: str) -> tuple[int, int, list[InputError]]:
    """Add the records in `folders` that the store at `url` lacks.

    Returns how many were added, how many the store already had, and an error for each file that is
    not a record.
    """
    from harness.results.store.index import batches, read_files, record_files  # noqa: PLC0415 - sqlalchemy

    skipped: list[InputError] = []
    added = 0
    with open_shared_store(url) as store:
        files = record_files(*folders)
        existing = files.keys() & {entry.id for entry in store.find()}
        for batch in batches(sorted(files.keys() - existing)):
            read = read_files(batch, files, skipped)
            store.add_read(read)
            added += len(read)
    return added, len(existing), skipped
