"""The local index of folders of records, for fast queries.

The JSON files are the primary data; the index can always be rebuilt from them. A new file is read,
a changed file is read again, and the run of a removed file leaves the index.

The file beside the index holds the SHA-256 of the index. SQLite does not notice most damages, so
an index that does not match is rebuilt.
"""

import fcntl
import hashlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, Connection, Engine, delete, select

from harness.errors import InfrastructureError, InputError
from harness.results.record_file import read_file
from harness.results.store.database import connect, reading, writing
from harness.results.store.database_tables import FILES, VERSION, files, runs
from harness.results.store.store import ParsedRecord, Store, insert
from harness.results.store.table_versions import make_tables
from harness.support.owned_temporary import temporary_folder
from harness.support.whole_files import cache_remedy_of

_LOCK_TIMEOUT = 300  # seconds; to index ten years of records takes a minute
_PAUSE = 0.01  # seconds between two attempts
_BATCH_SIZE = 250  # records that are read at once
_SUFFIX = ".json"
_JOURNALS = ("-journal", "-wal", "-shm")  # SQLite's files beside a database that is being written


class RecordFile(NamedTuple):
    """A file that may be a record: its path, size in bytes, and mtime in nanoseconds."""

    path: str
    size: int = 0
    changed: int = 0


class Index(Store):
    """A store on SQLite in the file `path`, which `update` makes from folders of records."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = path.with_suffix(".digest")
        self.engine = _connect(path)

    def update(self, *folders: Path) -> list[InputError]:
        """Bring the index up to date with `folders`; return an error for each file it skips.

        An index that is damaged, or has tables of another version, is rebuilt. Other processes see
        the state before or after. Raises `InfrastructureError` if the index cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _exclusive_lock(self._path.with_suffix(".lock")):
                if self._is_whole():
                    return self._update(self.engine, folders, self._path)
                if os.path.lexists(self._path):
                    text = f"does not match {self._digest.name}; it is made again from {folders[0]}"
                    print(f"harness: {self._path}: {text}", file=sys.stderr)
                return self._rebuild(folders)
        except OSError as error:
            raise InfrastructureError(
                f"the index cannot be written: {error.strerror}",
                where=str(self._path),
                remedy=cache_remedy_of(error, self._path.parent),
            ) from error

    def _is_whole(self) -> bool:
        """Return whether the index is as it was last written. Only a process with the lock asks."""
        if any(os.path.lexists(path) for path in self._journals()):
            return False  # its writer was killed
        try:
            return self._path.is_file() and self._digest.read_text() == _digest(self._path)
        except (OSError, UnicodeDecodeError):
            return False

    def _rebuild(self, folders: Sequence[Path]) -> list[InputError]:
        with temporary_folder(self._path.parent) as new:
            path = new / self._path.name
            engine = _connect(path)
            make_tables(engine)
            with writing(engine) as connection:
                FILES.create_all(connection)
            skipped = self._update(engine, folders, path)
            for journal in self._journals():
                journal.unlink(missing_ok=True)
            path.replace(self._path)
        return skipped

    def _update(self, engine: Engine, folders: Sequence[Path], path: Path) -> list[InputError]:
        """Bring the index `engine`, in the file `path`, up to date; write its digest."""
        with reading(engine) as connection:
            known = {
                key: (size, changed) for key, size, changed in connection.execute(select(files))
            }
        current = record_files(*folders)
        states = {key: (file.size, file.changed) for key, file in current.items()}
        outdated = [key for key, state in known.items() if states.get(key) != state]
        new = {key: current[key] for key in sorted(states) if known.get(key) != states[key]}
        skipped: list[InputError] = []
        written = False
        if outdated or new:
            with writing(engine) as connection:
                written = _replace(connection, outdated, new, skipped)
        if written or path != self._path:
            self._digest.write_text(_digest(path))
        return skipped

    def _journals(self) -> list[Path]:
        return [self._path.with_name(f"{self._path.name}{end}") for end in _JOURNALS]


def _connect(path: Path) -> Engine:
    # Not parsed from a text: a path may hold the characters that URLs give a meaning.
    return connect(URL.create("sqlite", database=str(path)), journal="DELETE")


def _digest(path: Path) -> str:
    """Return the version of the tables and the SHA-256 of the file."""
    with path.open("rb") as file:
        return f"{VERSION} {hashlib.file_digest(file, 'sha256').hexdigest()}"


def _replace(
    connection: Connection,
    outdated: Sequence[str],
    new: Mapping[str, RecordFile],
    skipped: list[InputError],
) -> bool:
    """Remove the runs `outdated` and add those in `new`; return whether there were any."""
    written = bool(outdated)
    for batch in batches(outdated):
        for column in (runs.c.id, files.c.id):
            connection.execute(delete(column.table).where(column.in_(batch)))
    for batch in batches(list(new)):
        read = read_files(batch, new, skipped)
        if read:
            insert(connection, read)
            rows = ({"id": key, "size": new[key].size, "changed": new[key].changed} for key in read)
            connection.execute(files.insert(), list(rows))
            written = True
    return written


def batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield `keys` in parts, so that not all records are in memory at once."""
    return (keys[start : start + _BATCH_SIZE] for start in range(0, len(keys), _BATCH_SIZE))


def record_files(*folders: Path) -> dict[str, RecordFile]:
    """Return each file in `folders` that may be a record, by its id; the first folder wins.

    Raises `InputError` if a folder exists and cannot be read.
    """
    current: dict[str, RecordFile] = {}
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(_SUFFIX) and not entry.name.startswith("."):
                        current.setdefault(entry.name.removesuffix(_SUFFIX), _record_file(entry))
        except FileNotFoundError:
            pass  # there are no runs yet
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=str(folder)) from error
    return current


def _record_file(entry: os.DirEntry[str]) -> RecordFile:
    try:
        status = entry.stat()
    except OSError:
        return RecordFile(entry.path)  # reading the file reports the error
    return RecordFile(entry.path, status.st_size, status.st_mtime_ns)


def read_files(
    keys: Sequence[str], of: Mapping[str, RecordFile], skipped: list[InputError]
) -> dict[str, ParsedRecord]:
    """Return the records `keys` in the files `of`; append an error to `skipped` for other files."""
    read = {}
    for key in keys:
        try:
            read[key] = read_file(Path(of[key].path))
        except InputError as error:
            skipped.append(error)
    return read


@contextmanager
def _exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock `path`, so that no other process opens, creates or replaces the index.

    Raises `InfrastructureError` if another process holds the lock for too long.
    """
    end = time.monotonic() + _LOCK_TIMEOUT
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise InfrastructureError(
                        f"another process has held this lock for {_LOCK_TIMEOUT} s",
                        where=str(path),
                        remedy="end that process, or try again later",
                    ) from error
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)
