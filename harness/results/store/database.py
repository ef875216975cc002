"""Opens the databases of stores: how to connect, and how long to wait for them."""

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from harness.errors import InfrastructureError, InputError
from harness.results.store.database_errors import printable_url, translated_errors
from harness.results.store.store_errors import DownError
from harness.support.secrets import without_secrets

_LOCK_TIMEOUT = 30  # seconds to wait for another writer
_PAUSE = 0.01  # seconds between two attempts
_CONNECT_TIMEOUT = 10  # seconds
_STATEMENT_TIMEOUT = 120  # seconds
# Seconds for a transaction. The limits of the server itself do not count while it is stopped.
_WRITE_TIMEOUT = 60
_READ_TIMEOUT = 300
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
_SQLITE = (
    "PRAGMA synchronous = NORMAL",  # the JSON files are the primary data, and are synced
    "PRAGMA foreign_keys = ON",
)
_POSTGRESQL = (
    f"SET statement_timeout = '{_STATEMENT_TIMEOUT}s'",
    f"SET lock_timeout = '{_LOCK_TIMEOUT}s'",
    "SET client_encoding = 'UTF8'",
)
_LIBPQ = {  # in seconds; a vanished server is detected after a minute
    "connect_timeout": _CONNECT_TIMEOUT,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # in milliseconds
}


def connect(url: str | URL, *, journal: str = "WAL") -> Engine:
    """Return the database at `url`, as it is; errors as for `Store`.

    With SQLite's `journal` mode WAL, readers do not wait for writers. With DELETE, the database is
    one file whenever nobody writes.
    """
    parsed = parse_url(url) if isinstance(url, str) else url
    try:
        engine = create_engine(parsed, **_options(parsed))
    except ModuleNotFoundError as error:
        raise InfrastructureError(
            f"the database driver {error.name} is not installed",
            where=printable_url(parsed),
            remedy="pip install 'tinyml-harness[postgres]'",
        ) from error
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_configure_sqlite, journal))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _configure_postgresql)
    return engine


def parse_url(url: str) -> URL:
    """Return the parts of the URL of a store; raises `InputError` if it is not one."""
    try:
        parsed = make_url(url)
        driver = _DRIVERS.get(parsed.drivername)
    except (exc.ArgumentError, ValueError):
        driver = None
    # In memory, SQLite gives each connection its own database.
    if driver is None or parsed.database in {None, "", ":memory:"}:
        raise InputError(
            "is not the URL of a store",
            # Without a scheme, nobody can tell a password from the rest.
            where=f"--store={without_secrets(url)}" if "://" in url else "--store",
            remedy="use sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        )
    if "@" in (parsed.host or ""):  # otherwise an error would name the end of the password as host
        raise InputError(
            "the password in the URL has an @ that is not encoded",
            where=f"--store={without_secrets(url)}",
            remedy="put the password into ~/.pgpass, or write %40 for @",
        )
    return parsed.set(drivername=driver)


def _options(url: URL) -> dict[str, Any]:
    connect = _LIBPQ if url.get_backend_name() == "postgresql" else {}
    return {"poolclass": NullPool, "connect_args": connect}


def _configure_sqlite(journal: str, connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins transactions
    wait = f"PRAGMA busy_timeout = {_LOCK_TIMEOUT * 1000:.0f}"
    for statement in (wait, *_SQLITE, f"PRAGMA journal_mode = {journal}"):
        _retry_while_busy(partial(connection.execute, statement))


def _begin_sqlite(connection: Connection) -> None:
    raw: Any = connection.connection.driver_connection
    if connection.get_execution_options().get("writes"):
        _retry_while_busy(partial(raw.execute, "BEGIN IMMEDIATE"))
    else:
        raw.execute("BEGIN")
        _retry_while_busy(lambda: raw.execute("SELECT count(*) FROM sqlite_master").fetchall())


def _retry_while_busy(action: Callable[[], object]) -> None:
    """Repeat `action` until no other connection blocks it; SQLite itself does not always wait.

    See "Sometimes Queries Return SQLITE_BUSY In WAL Mode", https://www.sqlite.org/wal.html.
    """
    end = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            action()
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            if not busy or time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _configure_postgresql(connection: Any, _: object) -> None:
    with _deadline(connection, _CONNECT_TIMEOUT), connection.cursor() as cursor:
        for statement in _POSTGRESQL:
            cursor.execute(statement)
        connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one state of the database; its errors become ours."""
    writes = engine.get_execution_options().get("writes")
    seconds = _WRITE_TIMEOUT if writes else _READ_TIMEOUT
    with (
        _late_answers_named(engine, seconds) as over,
        translated_errors(engine),
        engine.connect() as connection,
        _deadline(connection.connection.driver_connection, seconds, over),
        connection.begin(),
    ):
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that commits all changes at the end, or none of them."""
    with reading(engine.execution_options(writes=True)) as connection:
        yield connection


@contextmanager
def _deadline(
    connection: Any, seconds: float, over: threading.Event | None = None
) -> Iterator[None]:
    """Cut `connection` after `seconds`, and set `over`; psycopg has no limit of its own.

    A file does not stop answering, so SQLite needs no limit.
    """
    if isinstance(connection, sqlite3.Connection):
        yield
        return

    def cut() -> None:
        if over is not None:
            over.set()
        with socket.socket(fileno=os.dup(connection.fileno())) as copy:
            copy.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _late_answers_named(engine: Engine, seconds: float) -> Iterator[threading.Event]:
    """Yield the event of a deadline; an error after it says that the server did not answer."""
    over = threading.Event()
    try:
        yield over
    except InfrastructureError as error:
        if not over.is_set():
            raise
        what = f"the store failed: the server has not answered for {seconds:g} s"
        raise DownError(what, where=printable_url(engine.url)) from error
