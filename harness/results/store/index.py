"""The local index: what the JSON files of a folder hold, quickly found; it can be made anew.

Files are the truth. A file that is new is read, one that changed is read again, and the run of
one that vanished leaves the index.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, delete, select

from harness.errors import InfrastructureError, InputError
from harness.results.record import read_file
from harness.results.store.database import UnusableError, reading, writing
from harness.results.store.database_tables import FILES, files, runs
from harness.results.store.store import Read, Store, insert

_WAIT = 60  # seconds, longer than anybody needs to open the index
_PAUSE = 0.01  # seconds, until it is tried again
_BATCH = 250  # records a transaction
_SUFFIX = ".json"

State = tuple[int, int]  # bytes, mtime in nanoseconds


class Index(Store):
    """A store on SQLite in the file `path` that follows a folder of records.

    A file that is broken, or of another version's tables, is replaced. Raises
    `InfrastructureError` if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _alone(path.with_suffix(".lock")):
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
        """Follow the records in `folder`; return an error for each file that is none."""
        try:
            return self._follow(folder)
        except UnusableError:  # what opening did not read is broken
            with _alone(self._path.with_suffix(".lock")):
                self._replace()
            return self._follow(folder)

    def _follow(self, folder: Path) -> list[InputError]:
        # In this order: a file that another process adds meanwhile is not one that vanished.
        with reading(self.engine) as connection:
            known = {
                key: (size, changed) for key, size, changed in connection.execute(select(files))
            }
        found = states(folder)
        gone = [key for key, state in known.items() if found.get(key) != state]
        new = sorted(key for key, state in found.items() if known.get(key) != state)
        skipped: list[InputError] = []
        for some in batches(gone):
            with writing(self.engine) as connection:
                _remove(connection, some)
        for some in batches(new):
            read = read_files(folder, some, skipped)
            with writing(self.engine) as connection:
                _remove(connection, list(read))  # another process may have read what they were
                insert(connection, read)
                if read:
                    connection.execute(files.insert(), [_row(key, found[key]) for key in read])
        return skipped


def batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield `keys` in parts, for a transaction each: others that write get their turn."""
    return (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))


def states(folder: Path) -> dict[str, State]:
    """Return the size and time of each file that may be a record, by its id.

    Raises `InputError` if `folder` is there and cannot be read.
    """
    found: dict[str, State] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX) and not entry.name.startswith("."):
                    found[entry.name.removesuffix(_SUFFIX)] = _state(entry)
    except FileNotFoundError:
        pass  # there was no run yet
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(folder)) from error
    return found


def _state(entry: os.DirEntry[str]) -> State:
    try:
        status = entry.stat()
    except OSError:
        return (0, 0)  # reading it will say why
    return (status.st_size, status.st_mtime_ns)


def _row(key: str, state: State) -> dict[str, object]:
    return {"id": key, "size": state[0], "changed": state[1]}


def read_files(folder: Path, keys: Sequence[str], skipped: list[InputError]) -> dict[str, Read]:
    """Return the records `keys` of `folder`; an error for each file that is none is `skipped`."""
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
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock `path`: nobody else opens, makes or replaces the index meanwhile.

    Raises `InfrastructureError` if somebody else holds it for too long.
    """
    end = time.monotonic() + _WAIT
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise InfrastructureError(
                        f"another process has held it for {_WAIT} s", where=str(path)
                    ) from error
                time.sleep(_PAUSE)
        yield
