"""A store that is down: runs go on, nothing waits twice, and a later session adds every Record."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy
from msgspec import structs

from harness.cli.main import main
from harness.results.record_file import write_record
from harness.results.store import database, open_results
from harness.results.store.database import writing
from harness.results.store.spool import Spool, store_name
from harness.results.store.store import Store
from harness.results.store.store_errors import DownError
from harness.results.store.upload import StoreUpload
from harness.workspace import Workspace
from tests.support import postgres
from tests.support.store_campaign import Campaign
from tests.support.year import year

RECORDS = list(year(2))
AWAY = "postgresql://me:hunter2@127.0.0.1:1/runs"
FULL = (
    "CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(open_results, "_PAUSE", 0.0)  # a later session is another process
    return Workspace(tmp_path)


def written(workspace: Workspace, session: str, count: int = 3, start: int = 0) -> list[Path]:
    """Write Records of the session."""
    of_session = [structs.replace(each, session=session) for each in RECORDS[start : start + count]]
    return [write_record(record, workspace.runs) for record in of_session]


def spooled(workspace: Workspace) -> list[Path]:
    return sorted((workspace.results / "spool").glob("*"))


def ids(url: str) -> set[str]:
    with Store(url) as store:
        return {entry.id for entry in store.find()}


def test_a_session_that_ends_well_leaves_nothing_in_the_spool(workspace: Workspace) -> None:
    url = f"sqlite:///{workspace.root}/team.sqlite"
    with StoreUpload(url, workspace, "first") as upload:
        assert len(spooled(workspace)) == 1
        paths = written(workspace, "first")
        upload.add(*paths)
    assert upload.errors == []
    assert spooled(workspace) == []
    assert ids(url) == {path.stem for path in paths}


def test_what_a_full_store_refuses_is_added_by_the_next_session(workspace: Workspace) -> None:
    url = f"sqlite:///{workspace.root}/team.sqlite"
    with Store(url) as store, writing(store.engine) as connection:
        connection.execute(sqlalchemy.text(FULL))
    with StoreUpload(url, workspace, "first") as upload:
        paths = written(workspace, "first", 5)
        for path in paths:
            upload.add(path)
        assert upload.history == ""
    [error] = upload.errors
    assert error.startswith(
        f"5 Records are not in the store: {', '.join(path.name for path in paths[:3])} and 2 more\n"
    )
    assert "the disk is full" in error
    assert "harness push" in error
    written(workspace, "without a store", 1, start=5)
    with Store(url) as store, writing(store.engine) as connection:
        connection.execute(sqlalchemy.text("DROP TRIGGER full"))
    with StoreUpload(url, workspace, "second"):
        assert ids(url) == {path.stem for path in paths}  # before anything runs
        assert len(spooled(workspace)) == 1
    assert spooled(workspace) == []


def test_a_store_that_is_down_at_the_start_is_told_and_owed(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with StoreUpload(AWAY, workspace, "first") as upload:
        assert upload.history == ""
        upload.add(*written(workspace, "first"))
    told = capsys.readouterr().err
    assert told.startswith("harness: postgresql://me@127.0.0.1:1/runs: the store failed: ")
    assert "  -> runs go on; " in told
    assert "refused" in upload.errors[0]
    [path] = spooled(workspace)
    text = path.read_text()
    assert text == "postgresql://127.0.0.1:1/runs\nfirst"  # without the password
    assert Spool(workspace.results, AWAY).owing() == {path: "first"}
    other = Spool(workspace.results, AWAY.replace("/runs", "/others"))
    assert other.owing() == {}


def test_a_session_whose_process_is_killed_owes_its_records(workspace: Workspace) -> None:
    url = f"sqlite:///{workspace.root}/team.sqlite"

    def killed() -> None:
        upload = StoreUpload(url, workspace, "first")
        upload.add(*written(workspace, "first", 2))
        written(workspace, "first", 2, start=2)  # not added yet
        os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=killed)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert len(ids(url)) == 2
    StoreUpload(url, workspace, "second").end()
    assert ids(url) == {record.id for record in RECORDS[:4]}
    assert spooled(workspace) == []


def test_a_session_that_is_interrupted_owes_the_record_that_it_just_wrote(
    workspace: Workspace,
) -> None:
    url = f"sqlite:///{workspace.root}/team.sqlite"
    with suppress(KeyboardInterrupt), StoreUpload(url, workspace, "first") as upload:
        upload.add(*written(workspace, "first", 1))
        written(workspace, "first", 1, start=1)
        raise KeyboardInterrupt
    assert upload.errors == []
    StoreUpload(url, workspace, "second").end()
    assert ids(url) == {record.id for record in RECORDS[:2]}
    assert spooled(workspace) == []


def test_a_push_settles_what_is_owed_and_leaves_running_sessions_alone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace.root)
    url = f"sqlite:///{workspace.root}/team.sqlite"
    owes = Spool(workspace.results, url)
    owes.begin("first")
    owes.end(owes=True)
    written(workspace, "first")
    with StoreUpload(url, workspace, "running") as running:
        assert spooled(workspace)
        paths = written(workspace, "running", 1, start=3)  # a test that fails may still change it
        assert main(["push", "--store", url]) == 0
        told = capsys.readouterr().out
        assert (
            told == "0 Records added, 3 already in the store, 1 left to sessions that still run\n"
        )
        assert len(spooled(workspace)) == 1
        running.add(*paths)
    assert main(["push", "--store", url]) == 0
    assert capsys.readouterr().out == "0 Records added, 4 already in the store\n"


def test_a_server_that_does_not_answer_costs_one_time_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database._LIBPQ, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.1)
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/runs"
        with StoreUpload(url, workspace, "first") as upload:
            for path in written(workspace, "first", 20):
                upload.add(path)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()
    assert len(upload.errors) == 1
    assert upload.errors[0].startswith("20 Records are not in the store: ")


def test_a_store_that_was_down_is_tried_again_at_the_end_of_a_long_session(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{workspace.root}/team.sqlite"
    with Store(url) as store, writing(store.engine) as connection:
        connection.execute(sqlalchemy.text(FULL))
    monkeypatch.setattr("harness.results.store.upload._PAUSE", 0.0)
    with StoreUpload(url, workspace, "first") as upload:
        upload.add(*written(workspace, "first"))
        with Store(url) as store, writing(store.engine) as connection:
            connection.execute(sqlalchemy.text("DROP TRIGGER full"))
    assert upload.errors == []
    assert len(ids(url)) == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("postgresql://a@h/d", "postgresql://b:x@h/d?sslmode=verify-full", True),
        ("postgresql://a@h/d", "postgresql://a@h/e", False),
        ("postgresql://a@h/d", "postgresql://a@g/d", False),
        ("postgresql://a@h/d", "postgresql://a@h:5433/d", False),
        ("postgresql://a@/d?host=/one", "postgresql://a@/d?host=/two", False),
        ("sqlite:///a.sqlite", f"sqlite:///{Path.cwd()}/a.sqlite", True),
    ],
)
def test_a_store_is_known_by_its_place(one: str, other: str, same: bool) -> None:
    assert (store_name(one) == store_name(other)) == same
    assert ":x" not in store_name(other)


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    if reason := postgres.why_not():
        pytest.skip(reason)
    with postgres.running(postgres.Server()) as started:
        yield started


def test_a_server_that_stops_in_the_middle_is_given_up(
    server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(postgres.database(str(server.folder))) as store:
        monkeypatch.setattr(database, "_WRITE_TIMEOUT", 0.3)
        with pytest.raises(DownError) as caught:
            ask_a_stopped_server(store)
    assert "the server has not answered for 0.3 s" in str(caught.value)


def ask_a_stopped_server(store: Store) -> None:
    with writing(store.engine) as connection:
        backend = connection.scalar(sqlalchemy.text("SELECT pg_backend_pid()"))
        os.kill(backend, signal.SIGSTOP)
        try:
            connection.execute(sqlalchemy.text("SELECT 1"))
        finally:
            os.kill(backend, signal.SIGCONT)


@pytest.mark.filterwarnings("ignore:.*is multi-threaded:DeprecationWarning")  # its forks only write
def test_clients_and_servers_that_are_killed_lose_nothing(
    server: postgres.Server, workspace: Workspace
) -> None:
    campaign = Campaign(server, workspace, seed=1)
    campaign.run(clients=6, records=4, kills=4)
    assert campaign.findings == []
