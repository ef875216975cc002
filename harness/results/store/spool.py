"""The spool: which sessions may still owe Records to a store.

A Record is a file with the name of its session, so the spool needs no list of Records. It has one
file for each session with a store: from before the first run until the store has all Records of
the session. The session holds an exclusive `flock` on its file while it runs. The kernel releases
the lock when the process ends, in whatever way. A later session that finds a file without a lock
adds what the store lacks, and removes the file.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from harness.results.store.database import parse_url
from harness.support.owned_temporary import temporary_file
from harness.support.whole_files import sync_names, unwritable

_SUFFIX = ".session"


class Spool:
    """The sessions in the folder `results` that may owe Records to the store at `url`.

    Raises `InputError` if `url` is not the URL of a store.
    """

    def __init__(self, results: Path, url: str) -> None:
        self._folder = results / "spool"
        self._store = store_name(url)
        self._prefix = hashlib.sha256(self._store.encode()).hexdigest()[:12]
        self._path = self._folder / f"{self._prefix}-{os.urandom(8).hex()}{_SUFFIX}"
        self._lock = ExitStack()

    def begin(self, session: str) -> None:
        """Note that `session`, which this process runs, may owe Records.

        Raises the errors of `replace_files`.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # The file has its lock before it has its name, and keeps it until `end`.
            partial, file = self._lock.enter_context(temporary_file(self._folder))
            file.write(f"{self._store}\n{session}".encode())
            file.flush()
            os.fsync(file.fileno())
            partial.rename(self._path)
            sync_names(self._folder)
        except OSError as error:
            self._lock.close()
            raise unwritable(self._folder, error) from error

    def end(self, *, owes: bool) -> None:
        """End the session of this process; with `owes`, a later one delivers its Records."""
        if not owes:
            self._path.unlink(missing_ok=True)
        self._lock.close()

    def owing(self) -> dict[Path, str]:
        """Return the files of sessions that have ended and may owe Records, and the sessions."""
        return {path: session for path, session, runs in self._sessions() if not runs}

    def running(self) -> set[str]:
        """Return the sessions that still run; they deliver their Records themselves."""
        return {session for _, session, runs in self._sessions() if runs}

    def _sessions(self) -> Iterator[tuple[Path, str, bool]]:
        for path in sorted(self._folder.glob(f"{self._prefix}-*{_SUFFIX}")):
            try:
                with path.open("rb") as file:
                    store, _, session = file.read().decode(errors="replace").partition("\n")
                    if store == self._store:
                        yield path, session, _is_locked(file.fileno())
            except OSError:
                continue  # it has just ended, or belongs to another user


def forget(delivered: Iterable[Path]) -> None:
    """Remove the files of sessions whose Records the store has."""
    for path in delivered:
        path.unlink(missing_ok=True)


def store_name(url: str) -> str:
    """Return what tells the store at `url` from others: no user, no password, few options."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return str(Path(parsed.database or "").absolute())
    query = {key: parsed.query[key] for key in ("host", "port", "service") if key in parsed.query}
    place = parsed.set(drivername="postgresql", query=query)
    return place._replace(username=None, password=None).render_as_string()


def _is_locked(descriptor: int) -> bool:
    with suppress(OSError):  # where nothing can be locked, no session counts as running
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
