"""The databases behind a store: how they are opened, and what their errors mean."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    exc,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from harness.errors import InfrastructureError, InputError
from harness.results.store.database_tables import METADATA, VERSION, version

_WAIT = 30  # seconds, for whoever writes at the moment
_PAUSE = 0.01  # seconds, until it is tried again
_CONNECT = 10  # seconds
_DEADLINE = 120  # seconds, of one statement
_CREATE = 0x7469_6E79  # PostgreSQL's advisory lock for making the tables
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
_SQLITE = (
    f"PRAGMA busy_timeout = {_WAIT * 1000}",
    "PRAGMA journal_mode = WAL",  # readers do not wait for writers
    "PRAGMA synchronous = NORMAL",  # the records are the truth, and synced
    "PRAGMA foreign_keys = ON",
)
_POSTGRESQL = (
    f"SET statement_timeout = '{_DEADLINE}s'",
    f"SET lock_timeout = '{_WAIT}s'",
    "SET client_encoding = 'UTF8'",
)
_LIBPQ = {  # in seconds; a server that vanished is missed after a minute
    "connect_timeout": _CONNECT,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_REMEDIES = {  # by SQLSTATE
    "42501": "GRANT USAGE, CREATE ON SCHEMA public TO that user, and rights on the tables",
    "28000": "see pg_hba.conf of the server; a password goes into ~/.pgpass",
    "28P01": "put the password into ~/.pgpass",
    "3D000": "make the database: createdb, or CREATE DATABASE",
}


class UnusableError(InfrastructureError):
    """The file is no index, a broken one, or one of other tables than these."""


def open_engine(url: str) -> Engine:
    """Return the database at `url` with the tables in it; see `Store`."""
    parsed = _parsed(url)
    try:
        engine = create_engine(parsed, **_options(parsed))
    except ModuleNotFoundError as error:
        raise InfrastructureError(
            f"the database driver {error.name} is not installed",
            where=_shown(parsed),
            remedy="pip install 'tinyml-harness[postgres]'",
        ) from error
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _connected_sqlite)
        event.listen(engine, "begin", _begun_sqlite)
    else:
        event.listen(engine, "connect", _connected_postgresql)
    _make_tables(engine)
    return engine


def _connected_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so, below
    for statement in _SQLITE:
        _patiently(partial(connection.execute, statement))


def _begun_sqlite(connection: Connection) -> None:
    raw: Any = connection.connection.driver_connection
    if connection.get_execution_options().get("writes"):
        _patiently(partial(raw.execute, "BEGIN IMMEDIATE"))
    else:
        raw.execute("BEGIN")
        _patiently(lambda: raw.execute("SELECT count(*) FROM sqlite_master").fetchall())


def _patiently(action: Callable[[], object]) -> None:
    """Do `action` once others let us; SQLite does not wait for all of them by itself.

    See "Sometimes Queries Return SQLITE_BUSY In WAL Mode", https://www.sqlite.org/wal.html.
    """
    end = time.monotonic() + _WAIT
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


def _connected_postgresql(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL:
            cursor.execute(statement)
    connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one state of the database; errors are explained."""
    with _explained(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection whose changes are kept in the end, all or none."""
    with reading(engine.execution_options(writes=True)) as connection:
        yield connection


def _make_tables(engine: Engine) -> None:
    """Make the tables, once, whoever else is about to; check those that are there."""
    with reading(engine) as connection:
        there = inspect(connection).has_table(version.name)
    if not there:
        with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_CREATE})"))
            METADATA.create_all(connection)
            if connection.scalar(select(version.c.version)) is None:
                connection.execute(version.insert().values(version=VERSION))
    with reading(engine) as connection:
        found = connection.scalar(select(version.c.version))
        missing = METADATA.tables.keys() - set(inspect(connection).get_table_names())
    if found != VERSION or missing:
        what = (
            f"of version {found}" if found != VERSION else f"without {', '.join(sorted(missing))}"
        )
        raise UnusableError(
            f"has tables {what}; this harness has version {VERSION}",
            where=_shown(engine.url),
            remedy="use the harness that made them, or another database",
        )


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        driver = _DRIVERS.get(parsed.drivername)
    except (exc.ArgumentError, ValueError):
        driver = None
    # In SQLite's memory each connection would have a database of its own.
    if driver is None or parsed.database in {None, "", ":memory:"}:
        raise InputError(
            "is no address of a store",
            where=f"--store={url.rsplit('@', maxsplit=1)[-1]}",  # without a password
            remedy="give sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        )
    return parsed.set(drivername=driver)


def _options(url: URL) -> dict[str, Any]:
    connect = _LIBPQ if url.get_backend_name() == "postgresql" else {}
    return {"poolclass": NullPool, "connect_args": connect}


def _shown(url: URL) -> str:
    """Return the address as a person may read it: without passwords and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database
    ).render_as_string()


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        what = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
        # SQLite's own word for a file that is none of its, or has broken pages.
        kind = UnusableError if type(error) is exc.DatabaseError else InfrastructureError
        state = getattr(error.orig, "sqlstate", None) or ""
        raise kind(
            f"the store failed: {what}", where=_shown(engine.url), remedy=_REMEDIES.get(state, "")
        ) from error
