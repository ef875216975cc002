"""Explains the errors of databases: what failed, where, and what to do about it."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, exc
from sqlalchemy.engine import URL

from harness.errors import InfrastructureError
from harness.results.store.store_errors import DownError, UnusableError
from harness.support.secrets import HIDDEN, without_secrets

_DAMAGED = "restore it from a backup, or fill another store from the Records: harness push"
_PASSWORDS = ("password", "sslpassword")  # parameters of libpq
_PRIVATE_PLACES = (
    "put the password into ~/.pgpass, which only you may read, or into the file that PGPASSFILE "
    "names, or into the variable PGPASSWORD"
)
_NAME_AUTHORITY = (
    "name the certificate of the authority that signed the server's: sslrootcert=FILE in the URL, "
    "or PGSSLROOTCERT=FILE"
)
_ADD_LINE = "add a line for this user, database and address to pg_hba.conf of the server"
_REMEDIES = {  # by SQLSTATE; an error while connecting has none
    "42501": "GRANT USAGE, CREATE ON SCHEMA public TO this user, and rights on the tables; after "
    "an upgrade of the harness, the owner of the tables must use the store first",
    "28000": f"check pg_hba.conf of the server; {_PRIVATE_PLACES}",
    "28P01": _PRIVATE_PLACES,
    "3D000": "create the database: createdb, or CREATE DATABASE",
}
_CONNECTING = {  # by what libpq or the server says; the first one that is there counts
    "certificate verify failed": _NAME_AUTHORITY,
    "root certificate file": _NAME_AUTHORITY,
    "does not match host name": "use a host name that is in the server's certificate",
    "does not support SSL": "set ssl = on in postgresql.conf of the server, with a certificate",
    "password authentication failed": f"check the password; {_PRIVATE_PLACES}",
    "no password supplied": _PRIVATE_PLACES,
    "SSL encryption": _ADD_LINE,  # with TLS and, after that, without
    "no encryption": "the server may take connections with TLS only: put sslmode=verify-full into "
    "the URL, or set PGSSLMODE=verify-full; otherwise add a line to its pg_hba.conf",
    "pg_hba.conf": _ADD_LINE,
    "does not exist": "create the database or the user: createdb, createuser",
    "invalid sslmode value": "use sslmode=verify-full, or another one of PostgreSQL's",
    "is not permitted to log in": "name another user, or ALTER ROLE ... LOGIN",
    "private key file": "check the files that sslcert and sslkey name",
    "certificate file": "check the files that sslcert and sslkey name",
    "invalid connection option": "check the options after the ? in the URL",
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
_SQLITE_DOWN = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)


def damaged(engine: Engine, what: str) -> UnusableError:
    """Return the error for a store with wrong contents."""
    return UnusableError(what, where=printable_url(engine.url), remedy=_DAMAGED)


def printable_url(url: URL) -> str:
    """Return the URL without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database
    ).render_as_string()


@contextmanager
def translated_errors(engine: Engine) -> Iterator[None]:
    """Turn the errors of the database into ours."""
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:  # raw ones come from our event listeners
        raise _translated(error, engine.url) from error
    except (ValueError, TypeError) as error:  # a column is not what its type says
        raise damaged(engine, f"the store holds a value that is not valid: {error}") from error


def _translated(error: exc.DBAPIError | sqlite3.Error, url: URL) -> InfrastructureError:
    original: Any = error.orig if isinstance(error, exc.DBAPIError) else error
    text = _without_passwords(str(original), url)
    what = next(iter(text.strip().splitlines()), type(original).__name__)
    if isinstance(original, sqlite3.Error):
        code = (getattr(original, "sqlite_errorcode", None) or 0) & 0xFF
        remedy, is_down = _SQLITE_REMEDIES.get(code, ""), code in _SQLITE_DOWN
    else:
        remedy = _REMEDIES.get(original.sqlstate or "", "") or _first(_CONNECTING, text)
        # What nobody knows how to solve may be over later: the server starts, or the network is
        # away.
        is_down = isinstance(error, exc.OperationalError) and not remedy
    # SQLite raises this for a file that is not a database, or is damaged.
    unusable = type(error) in (exc.DatabaseError, sqlite3.DatabaseError)
    kind = UnusableError if unusable else DownError if is_down else InfrastructureError
    return kind(f"the store failed: {what}", where=printable_url(url), remedy=remedy)


def _first(remedies: Mapping[str, str], text: str) -> str:
    """Return the remedy of the first key that `text` contains."""
    return next((remedy for key, remedy in remedies.items() if key in text), "")


def _without_passwords(text: str, url: URL) -> str:
    """Return the text of an error without the passwords of `url`, and without others."""
    known = [url.password, *(url.query.get(name) for name in _PASSWORDS)]
    for password in known:
        if isinstance(password, str) and password:
            text = text.replace(password, HIDDEN)
    return without_secrets(text)
