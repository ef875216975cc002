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


class Server:
    """A server in a folder of its own; `port` is 0 if it has only a unix socket there."""

    def __init__(self, *settings: str, port: int = 0, access: str = "") -> None:
        # Not pytest's folder, which other users cannot enter.
        self.folder = Path(tempfile.mkdtemp(prefix="harness-pg-", dir="/tmp"))
        self._host = ("-h", "127.0.0.1", "-p", str(port)) if port else ("-h", "")
        self._process: subprocess.Popen[bytes] | None = None
        if _user():
            shutil.chown(self.folder, **_user())
        self.folder.chmod(0o755)  # for certificates
        data = str(self.folder / "data")
        fresh = ("--auth=trust", "--username=harness", "--encoding=UTF8", "--no-sync")
        subprocess.run(
            [str(_program("initdb")), "-D", data, *fresh],
            check=True,
            capture_output=True,
            timeout=_DEADLINE,
            cwd=self.folder,
            **_user(),
        )
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{setting}\n" for setting in settings)
        if access:
            (self.folder / "data" / "pg_hba.conf").write_text(f"local all all trust\n{access}\n")
        # The socket's name has the port.
        self.place = f"host={self.folder}" + f"&port={port}" * bool(port)

    def start(self) -> None:
        """Start it, and wait until it answers; again if what was killed has not ended yet."""
        end = time.monotonic() + _DEADLINE
        while True:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [
                        *(str(_program("postgres")), "-D", str(self.folder / "data"), "-F"),
                        *("-k", str(self.folder), *self._host),
                    ],
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    **_user(),
                )
            if self._answers(self._process, end):
                return
            if time.monotonic() > end:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it in the middle of what it does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it; transactions that run are rolled back."""
        self._end(signal.SIGINT)  # fast shutdown

    def close(self) -> None:
        """End it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self, process: "subprocess.Popen[bytes]", end: float) -> bool:
        import psycopg  # noqa: PLC0415 - only where there is a server

        while process.poll() is None and time.monotonic() < end:
            try:
                execute(f"postgresql://harness@/postgres?{self.place}", "SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def server() -> Iterator[str]:
    """Start a server; yields the folder of its socket."""
    with running(Server()) as started:
        yield str(started.folder)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start `server`, and end it at the end."""
    try:
        server.start()
        yield server
    finally:
        server.close()


def database(folder: str) -> str:
    """Make an empty database on the server; return its URL."""
    return f"postgresql://harness@/{new_database(f'host={folder}')}?host={folder}"


def new_database(place: str) -> str:
    """Make an empty database on the server at `place`; return its name."""
    name = f"d{next(_databases)}"
    execute(f"postgresql://harness@/postgres?{place}", f"CREATE DATABASE {name}")
    return name


def execute(url: str, *statements: str) -> None:
    import psycopg  # noqa: PLC0415 - only where there is a server

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


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
