"""The databases behind a store: how they are opened, and what their errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
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
from sqlalchemy.pool import NullPool, StaticPool

from harness.errors import InfrastructureError, InputError
from harness.results.tables import METADATA, VERSION, version

_WAIT = 30  # seconds, for whoever writes at the moment
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
_REMEDIES = {  # by SQLSTATE
    "42501": "GRANT USAGE, CREATE ON SCHEMA public TO that user, and rights on the tables",
    "28000": "see pg_hba.conf of the server; a password goes into ~/.pgpass",
    "28P01": "put the password into ~/.pgpass",
    "3D000": "createdb",
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
    sqlite = parsed.get_backend_name() == "sqlite"

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: object) -> None:
        if sqlite:
            connection.isolation_level = None  # transactions begin where we say so, below
        cursor = connection.cursor()
        for statement in _SQLITE if sqlite else _POSTGRESQL:
            cursor.execute(statement)
        cursor.close()
        if not sqlite:
            connection.commit()

    if sqlite:

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    _make_tables(engine)
    return engine


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
        driver = _DRIVERS[parsed.drivername]
        parsed.port  # noqa: B018 - it is looked at only here
    except (exc.ArgumentError, KeyError, ValueError) as error:
        raise InputError(
            "is no address of a store",
            where=f"--store={url.rsplit('@', maxsplit=1)[-1]}",  # without a password
            remedy="give sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        ) from error
    return parsed.set(drivername=driver)


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "postgresql":
        return {"poolclass": NullPool, "connect_args": {"connect_timeout": _CONNECT}}
    if url.database in {None, "", ":memory:"}:
        return {"poolclass": StaticPool}
    return {"poolclass": NullPool, "connect_args": {"timeout": _WAIT}}


def _shown(url: URL) -> str:
    """Return the address as a person may read it: without passwords and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database or "sqlite://")
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
