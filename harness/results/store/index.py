"""The local index of a folder of records, for fast queries.

The JSON files are the primary data; the index can always be rebuilt from them. A new file is read,
a changed file is read again, and the run of a removed file leaves the index.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, delete, select

from harness.errors import InfrastructureError, InputError
from harness.results.record_file import read_file
from harness.results.store.database import UnusableError, reading, writing
from harness.results.store.database_tables import FILES, files, runs
from harness.results.store.store import ParsedRecord, Store, insert

_LOCK_TIMEOUT = 60  # seconds; opening the index takes less
_PAUSE = 0.01  # seconds between two attempts
_BATCH_SIZE = 250  # records in a transaction
_SUFFIX = ".json"

FileState = tuple[int, int]  # size in bytes, mtime in nanoseconds


class Index(Store):
    """A store on SQLite in the file `path`, kept up to date with a folder of records.

    A file that is damaged, or has tables of another version, is replaced. Raises
    `InfrastructureError` if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _exclusive_lock(path.with_suffix(".lock")):
                try:
                    self._open()
                except UnusableError:
                    self._replace()
        except OSError as error:
            raise InfrastructureError(
                f"the index cannot be written: {error.strerror}", where=str(path)
            ) from error

    def _open(self) -> None:
        super().__init__(f"sqlite:///{self._path}")
        with writing(self.engine) as connection:
            FILES.create_all(connection)

    def _replace(self) -> None:
        for end in ("", "-wal", "-shm"):
            self._path.with_name(f"{self._path.name}{end}").unlink(missing_ok=True)
        self._open()

    def update(self, folder: Path) -> list[InputError]:
        """Bring the index up to date with `folder`; return an error for each file it skips."""
        try:
            return self._synchronize(folder)
        except UnusableError:  # damaged in a part that opening did not read
            with _exclusive_lock(self._path.with_suffix(".lock")):
                self._replace()
            return self._synchronize(folder)

    def _synchronize(self, folder: Path) -> list[InputError]:
        # Read the index first: a file that another process adds now must not count as removed.
        with reading(self.engine) as connection:
            known = {
                key: (size, changed) for key, size, changed in connection.execute(select(files))
            }
        current = file_states(folder)
        outdated = [key for key, state in known.items() if current.get(key) != state]
        new = sorted(key for key, state in current.items() if known.get(key) != state)
        skipped: list[InputError] = []
        for batch in batches(outdated):
            with writing(self.engine) as connection:
                _remove(connection, batch)
        for batch in batches(new):
            read = read_files(folder, batch, skipped)
            with writing(self.engine) as connection:
                _remove(connection, list(read))  # another process may have added an older version
                insert(connection, read)
                if read:
                    connection.execute(files.insert(), [_row(key, current[key]) for key in read])
        return skipped


def batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield `keys` in parts, one for each transaction, so that other writers get their turn."""
    return (keys[start : start + _BATCH_SIZE] for start in range(0, len(keys), _BATCH_SIZE))


def file_states(folder: Path) -> dict[str, FileState]:
    """Return the state of each file that may be a record, by its id.

    Raises `InputError` if `folder` exists and cannot be read.
    """
    current: dict[str, FileState] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX) and not entry.name.startswith("."):
                    current[entry.name.removesuffix(_SUFFIX)] = _state(entry)
    except FileNotFoundError:
        pass  # there are no runs yet
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(folder)) from error
    return current


def _state(entry: os.DirEntry[str]) -> FileState:
    try:
        status = entry.stat()
    except OSError:
        return (0, 0)  # reading the file reports the error
    return (status.st_size, status.st_mtime_ns)


def _row(key: str, state: FileState) -> dict[str, object]:
    return {"id": key, "size": state[0], "changed": state[1]}


def read_files(
    folder: Path, keys: Sequence[str], skipped: list[InputError]
) -> dict[str, ParsedRecord]:
    """Return the records `keys` in `folder`; append an error to `skipped` for each other file."""
    read = {}
    for key in keys:
        try:
            read[key] = read_file(folder / f"{key}{_SUFFIX}")
        except InputError as error:
            skipped.append(error)
    return read


def _remove(connection: Connection, keys: Sequence[str]) -> None:
    for column in (runs.c.id, files.c.id):
        connection.execute(delete(column.table).where(column.in_(keys)))


@contextmanager
def _exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock `path`, so that no other process opens, creates or replaces the index.

    Raises `InfrastructureError` if another process holds the lock for too long.
    """
    end = time.monotonic() + _LOCK_TIMEOUT
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise InfrastructureError(
                        f"another process has held this lock for {_LOCK_TIMEOUT} s", where=str(path)
                    ) from error
                time.sleep(_PAUSE)
        yield
