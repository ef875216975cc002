"""A PostgreSQL server of our own: in a temporary folder, on a unix socket, by no root user."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

_DEADLINE = 30.0  # seconds to start, and to stop
_databases = count()


def why_not() -> str:
    """Return why there can be no server; empty if there can."""
    if _program("initdb") is None or _program("postgres") is None:
        return "PostgreSQL's server is not installed (apt-get install postgresql)"
    if os.geteuid() == 0 and not _user():
        return "PostgreSQL does not run as root, and there is no user to run it as"
    return ""


@contextmanager
def server() -> Iterator[str]:
    """Start a server; yields the folder of its socket."""
    # Not pytest's folder, which other users cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="harness-pg-"))
    try:
        if _user():
            shutil.chown(folder, **_user())
        data = str(folder / "data")
        fresh = ("--auth=trust", "--username=harness", "--encoding=UTF8", "--no-sync")
        subprocess.run(
            [str(_program("initdb")), "-D", data, *fresh],
            check=True,
            capture_output=True,
            timeout=_DEADLINE,
            cwd=folder,
            **_user(),
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(_program("postgres")), "-D", data, "-k", str(folder), "-h", "", "-F"],
                stdout=log,
                stderr=log,
                cwd=folder,
                **_user(),
            )
        try:
            _wait(process, folder)
            yield str(folder)
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown
            try:
                process.wait(_DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def database(folder: str) -> str:
    """Make an empty database on the server; return its URL."""
    name = f"d{next(_databases)}"
    execute(f"postgresql://harness@/postgres?host={folder}", f"CREATE DATABASE {name}")
    return f"postgresql://harness@/{name}?host={folder}"


def execute(url: str, *statements: str) -> None:
    import psycopg  # noqa: PLC0415 - only where there is a server

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _wait(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    import psycopg  # noqa: PLC0415

    end = time.monotonic() + _DEADLINE
    while True:
        try:
            execute(f"postgresql://harness@/postgres?host={folder}", "SELECT 1")
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return


def _program(name: str) -> Path | None:
    found = shutil.which(name)
    places = [Path(found)] if found else sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return places[-1] if places else None


def _user() -> dict[str, Any]:
    """Return who the server runs as, for `subprocess`: somebody else where we are root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            return {"user": name, "group": pwd.getpwnam(name).pw_gid}
        except KeyError:
            continue
    return {}
