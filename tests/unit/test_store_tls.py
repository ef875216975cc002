"""A store over TCP, on a real PostgreSQL that takes TLS and passwords only."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from harness.errors import InfrastructureError
from harness.results.record_file import write_record
from harness.results.store.database import reading
from harness.results.store.store import Store
from harness.results.store.store_errors import DownError
from tests.support import postgres
from tests.support.year import year

RECORD = next(year(1))
SECRET = "hunter2hunter2"  # noqa: S105 - of nobody
ADDRESS = "postgresql://harness@localhost"
CLIENTS = "hostssl all harness localhost scram-sha-256"


def certificate(folder: Path, name: str) -> None:
    """Write a certificate of localhost, and its key, that signs itself."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", f"{name}.key", "-out", f"{name}.crt"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    if reason := postgres.why_not():
        pytest.skip(reason)
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tls = ("ssl = on", "ssl_cert_file = '../server.crt'", "ssl_key_file = '../server.key'")
    created = postgres.Server(*tls, port=port, access=CLIENTS)
    for name in ("server", "other"):
        certificate(created.folder, name)
    shutil.chown(created.folder / "server.key", created.folder.owner(), created.folder.group())
    with postgres.running(created):
        postgres.execute(
            f"postgresql://harness@/postgres?{created.place}",
            f"ALTER ROLE harness PASSWORD '{SECRET}'",
        )
        yield created


@pytest.fixture
def place(server: postgres.Server) -> str:
    """The port and the path of a new, empty database."""
    port = server.place.rpartition("=")[2]
    return f":{port}/{postgres.new_database(server.place)}"


@pytest.fixture(autouse=True)
def password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"localhost:*:*:harness:{SECRET}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))


def test_a_verified_server_takes_records(server: postgres.Server, place: str) -> None:
    options = f"sslmode=verify-full&sslrootcert={server.folder}/server.crt"
    with Store(f"{ADDRESS}{place}?{options}") as store:
        store.add(RECORD)
        assert store.record(RECORD.id) == RECORD
        with reading(store.engine) as connection:
            query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert connection.scalar(text(query)) is True


def test_variables_give_the_password_and_the_certificate(
    server: postgres.Server, place: str, tmp_path: Path
) -> None:
    write_record(RECORD, tmp_path / "runs")
    tls = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": f"{server.folder}/server.crt"}
    for private in ({}, {"PGPASSFILE": "/dev/null", "PGPASSWORD": SECRET}):
        done = subprocess.run(
            [sys.executable, "-m", "harness", "push", "runs", f"--store={ADDRESS}{place}"],
            cwd=tmp_path,
            env=os.environ | tls | private,
            capture_output=True,
            text=True,
            check=True,
        )
        assert SECRET not in done.stdout + done.stderr
    assert done.stdout == "0 Records added, 1 already in the store\n"


@pytest.mark.parametrize(
    ("options", "what", "remedy"),
    [
        ("sslmode=verify-full&sslrootcert={}/other.crt", "certificate verify failed", "PGSSLROOT"),
        ("sslmode=verify-full&sslrootcert={}/none.crt", 'none.crt" does not exist', "PGSSLROOT"),
        ("sslmode=disable", "no encryption", "sslmode=verify-full"),
        ("sslmode=always", 'invalid sslmode value: "always"', "sslmode=verify-full"),
        ("passfile=/dev/null", "no password supplied", "~/.pgpass"),
        ("password=wrong", "password authentication failed", "check the password"),
    ],
)
def test_a_connection_that_is_refused_says_what_to_do(
    server: postgres.Server, place: str, options: str, what: str, remedy: str
) -> None:
    refused(f"{ADDRESS}{place}?{options.format(server.folder)}", what, remedy)


def test_a_wrong_address_says_what_to_do(server: postgres.Server, place: str) -> None:
    refused(f"{ADDRESS}{place}nowhere", "does not exist", "createdb")
    stranger = f"postgresql://stranger:x@localhost{place}"
    refused(stranger, "no pg_hba.conf entry", "pg_hba.conf of the server")
    verified = f"sslmode=verify-full&sslrootcert={server.folder}/server.crt"
    numeric = f"postgresql://harness@127.0.0.1{place}?{verified}"
    refused(numeric, "does not match host name", "use a host name that is in the server's")


def test_a_server_without_tls_is_refused(server: postgres.Server, place: str) -> None:
    local = f"postgresql://harness@/postgres?{server.place}"
    postgres.execute(local, "ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
    url = f"{ADDRESS}{place}?sslmode=require"
    for _ in range(200):  # until the server has read its configuration again
        with suppress(InfrastructureError):
            time.sleep(0.02)
            Store(url).engine.dispose()
            continue
        break
    refused(url, "does not support SSL", "ssl = on in postgresql.conf")


def refused(url: str, what: str, remedy: str) -> None:
    """Check the message for a store at `url` that cannot be used."""
    with pytest.raises(InfrastructureError) as caught:
        Store(url)
    first, second = str(caught.value).splitlines()
    assert ": the store failed: " in first
    assert what in first
    assert remedy in second
    assert not isinstance(caught.value, DownError)  # to wait does not help
