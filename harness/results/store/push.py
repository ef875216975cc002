"""Adds the Records in files to a store that lacks them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.errors import InputError
from harness.results.record import Record
from harness.results.store.index import RecordFile, batches, read_files, record_files
from harness.results.store.open_results import open_shared_store, warn_skipped
from harness.results.store.spool import Spool, forget
from harness.results.store.store import Store


class Pushed(NamedTuple):
    """How many Records were added, and how many were not, and why."""

    added: int
    existing: int
    """How many the store had."""
    left: int
    """How many are of sessions that still run, and that may change them."""
    skipped: Sequence[InputError]
    """An error for each file that is not a Record."""


def push(folders: Sequence[Path], url: str, spool: Spool | None = None) -> Pushed:
    """Add the Records in `folders` that the store at `url` lacks.

    With the `spool` of the store, those of running sessions are left out, and no other session owes
    a Record any more.
    """
    with open_shared_store(url) as store:
        owing, running = (spool.owing(), spool.running()) if spool else ({}, set())
        files = record_files(*folders)
        missing = {key: files[key] for key in sorted(store.missing(files))}
        skipped: list[InputError] = []
        added = _add(store, missing, lambda record: record.session not in running, skipped)
    forget(owing)
    left = len(missing) - added - len(skipped)
    return Pushed(added, len(files) - len(missing), left, skipped)


def push_owed(store: Store, spool: Spool, folders: Sequence[Path]) -> int:
    """Add the Records in `folders` of the ended sessions in `spool`; return how many."""
    owing = spool.owing()
    if not owing:
        return 0
    sessions = set(owing.values())
    files = record_files(*folders)
    missing = {key: files[key] for key in sorted(store.missing(files))}
    skipped: list[InputError] = []
    added = _add(store, missing, lambda record: record.session in sessions, skipped)
    warn_skipped(skipped)
    forget(owing)
    return added


def add_files(store: Store, paths: Sequence[Path]) -> list[InputError]:
    """Add the Records in the files `paths`; return an error for each that is not a Record."""
    skipped: list[InputError] = []
    _add(store, {path.stem: RecordFile(str(path)) for path in paths}, lambda _: True, skipped)
    return skipped


def _add(
    store: Store,
    files: Mapping[str, RecordFile],
    wanted: Callable[[Record], bool],
    skipped: list[InputError],
) -> int:
    added = 0
    for batch in batches(list(files)):
        read = read_files(batch, files, skipped)
        chosen = {key: parsed for key, parsed in read.items() if wanted(parsed[0])}
        store.add_read(chosen)
        added += len(chosen)
    return added
