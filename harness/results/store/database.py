"""Opens the databases of stores, and explains their errors."""

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
from harness.support.secrets import HIDDEN, without_secrets

_LOCK_TIMEOUT = 30  # seconds to wait for another writer
_PAUSE = 0.01  # seconds between two attempts
_CONNECT_TIMEOUT = 10  # seconds
_STATEMENT_TIMEOUT = 120  # seconds
_CREATE_LOCK = 0x7469_6E79  # PostgreSQL's advisory lock for the creation of the tables
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
}
_DAMAGED = "restore it from a backup, or fill another store from the Records: harness push"
_PASSWORDS = ("password", "sslpassword")  # parameters of libpq
_REMEDIES = {  # by SQLSTATE
    "42501": "GRANT USAGE, CREATE ON SCHEMA public TO this user, and rights on the tables",
    "28000": "check pg_hba.conf of the server; put the password into ~/.pgpass",
    "28P01": "put the password into ~/.pgpass",
    "3D000": "create the database: createdb, or CREATE DATABASE",
}
_SPACE_OR_RIGHTS = "check that its folder can be written, and that the disk is not full"
_SQLITE_REMEDIES = {  # by primary result code
    sqlite3.SQLITE_BUSY: "wait until the process that uses it ends, or end that process",
    sqlite3.SQLITE_LOCKED: "wait until the process that uses it ends, or end that process",
    sqlite3.SQLITE_READONLY: _SPACE_OR_RIGHTS,
    sqlite3.SQLITE_IOERR: _SPACE_OR_RIGHTS,
    sqlite3.SQLITE_FULL: _SPACE_OR_RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _SPACE_OR_RIGHTS,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: "name another file; this one is left as it is",
}


class UnusableError(InfrastructureError):
    """The file is not an index, is damaged, or has tables of another version."""


def open_engine(url: str) -> Engine:
    """Return the database at `url`, with the tables created; errors as for `Store`."""
    engine = connect(url)
    make_tables(engine)
    return engine


def connect(url: str | URL, *, journal: str = "WAL") -> Engine:
    """Return the database at `url`, as it is; errors as for `Store`.

    With SQLite's `journal` mode WAL, readers do not wait for writers. With DELETE, the database is
    one file whenever nobody writes.
    """
    parsed = _parse_url(url) if isinstance(url, str) else url
    try:
        engine = create_engine(parsed, **_options(parsed))
    except ModuleNotFoundError as error:
        raise InfrastructureError(
            f"the database driver {error.name} is not installed",
            where=_printable_url(parsed),
            remedy="pip install 'tinyml-harness[postgres]'",
        ) from error
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_configure_sqlite, journal))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _configure_postgresql)
    return engine


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
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL:
            cursor.execute(statement)
    connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one state of the database; its errors become ours."""
    with _translated_errors(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that commits all changes at the end, or none of them."""
    with reading(engine.execution_options(writes=True)) as connection:
        yield connection


def make_tables(engine: Engine) -> None:
    """Create the tables if they do not exist, once even with several processes; check them."""
    with reading(engine) as connection:
        exists = inspect(connection).has_table(version.name)
    if not exists:
        with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_CREATE_LOCK})"))
            METADATA.create_all(connection)
            if connection.scalar(select(version.c.version)) is None:
                connection.execute(version.insert().values(version=VERSION))
    with reading(engine) as connection:
        stored_version = connection.scalar(select(version.c.version))
        missing = METADATA.tables.keys() - set(inspect(connection).get_table_names())
    if stored_version != VERSION or missing:
        what = (
            f"has tables of version {stored_version}"
            if stored_version != VERSION
            else f"lacks the tables {', '.join(sorted(missing))}"
        )
        raise UnusableError(
            f"{what}; this harness needs version {VERSION}",
            where=_printable_url(engine.url),
            remedy="use the version of the harness that created them, or another database",
        )


def damaged(engine: Engine, what: str) -> UnusableError:
    """Return the error for a store with wrong contents."""
    return UnusableError(what, where=_printable_url(engine.url), remedy=_DAMAGED)


def _parse_url(url: str) -> URL:
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


def _printable_url(url: URL) -> str:
    """Return the URL without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database
    ).render_as_string()


def _without_passwords(text: str, url: URL) -> str:
    """Return the text of an error without the passwords of `url`, and without others."""
    known = [url.password, *(url.query.get(name) for name in _PASSWORDS)]
    for password in known:
        if isinstance(password, str) and password:
            text = text.replace(password, HIDDEN)
    return without_secrets(text)


@contextmanager
def _translated_errors(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:  # raw ones come from our event listeners
        original = error.orig if isinstance(error, exc.DBAPIError) else error
        text = _without_passwords(str(original), engine.url)
        what = next(iter(text.strip().splitlines()), type(original).__name__)
        # SQLite raises this for a file that is not a database, or is damaged.
        unusable = type(error) in (exc.DatabaseError, sqlite3.DatabaseError)
        kind = UnusableError if unusable else InfrastructureError
        code = (getattr(original, "sqlite_errorcode", None) or 0) & 0xFF
        state = getattr(original, "sqlstate", None) or ""
        raise kind(
            f"the store failed: {what}",
            where=_printable_url(engine.url),
            remedy=_REMEDIES.get(state, "") or _SQLITE_REMEDIES.get(code, ""),
        ) from error
    except (ValueError, TypeError) as error:  # a column is not what its type says
        raise damaged(engine, f"the store holds a value that is not valid: {error}") from error
