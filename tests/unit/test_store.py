"""The store, on a real SQLite and a real PostgreSQL: what is added is found, by everybody."""

import multiprocessing
import random
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.board.device_info import DeviceInfo
from harness.errors import HarnessError, InfrastructureError, InputError
from harness.results.record import Record
from harness.results.store.database import writing
from harness.results.store.database_tables import version
from harness.results.store.dataframes import frame_of
from harness.results.store.store import Store
from harness.results.store.store_errors import UnusableError
from tests.support import postgres
from tests.support.full_disk import file_size
from tests.support.year import FIRST, MODELS, SILICON, TARGETS, made_up, year

NIGHTS = 4
RECORDS = list(year(NIGHTS))
WRITERS = 8

Address = Callable[[], str]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    if reason := postgres.why_not():
        pytest.skip(reason)
    with postgres.server() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Makes URLs of new, empty databases."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path / f'{secrets.token_hex(6)}.sqlite'}"
    folder = request.getfixturevalue("server")
    return lambda: postgres.database(folder)


@pytest.fixture
def url(address: Address) -> str:
    return address()


def message(kind: type[HarnessError], action: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        action()
    return str(caught.value)


def test_what_was_added_is_found_whole(url: str) -> None:
    with Store(url) as store:
        store.add(*RECORDS)
    with Store(url) as store:
        for record in RECORDS[:3]:
            assert store.record(record.id) == record
        newest = store.find()[0]
        assert newest.id in {r.id for r in RECORDS[-5:]}
        [entry] = [entry for entry in store.find() if entry.id == RECORDS[0].id]
    first = RECORDS[0]
    assert first.commit is not None
    assert (entry.started, entry.commit, entry.branch) == (FIRST, first.commit.hash, "main")
    assert (entry.target, entry.model, entry.engine) == ("virtual-stm32", "anomaly", "cmsis-nn")
    assert (entry.toolchain, entry.optimize, entry.core) == ("gcc", "-O2", "cortex-m4f")
    assert (entry.digest, entry.vectors) == (first.model.digest, first.model.vectors)
    assert (entry.build_id, entry.ticks) == (first.image.build_id, "instructions")
    assert (entry.verdict, entry.dirty) == ("passed", False)


def test_each_filter_leaves_out_what_is_not_asked_for(url: str) -> None:
    odd = made_up(random.Random(9), FIRST + timedelta(days=1, hours=5), "other", "digits")
    image = msgspec.structs.replace(
        odd.image, engine="tflm", toolchain="clang", optimize="-Os", compiler="clang 19"
    )
    assert odd.commit is not None
    commit = msgspec.structs.replace(odd.commit, branch="100%_new", hash="0" * 40)
    device = DeviceInfo(place="shelf-3", exporter="pi-2", chip_id="0042")
    odd = msgspec.structs.replace(odd, image=image, commit=commit, device=device)
    nowhere = made_up(random.Random(8), FIRST, "elsewhere", "digits")
    nowhere = msgspec.structs.replace(nowhere, commit=None)
    with Store(url) as store:
        store.add(*RECORDS, odd, nowhere)
        for name, value in (
            ("target", "other"),
            ("engine", "tflm"),
            ("toolchain", "clang"),
            ("optimize", "-Os"),
            ("commit", "0" * 7),
            ("branch", "100%_new"),
            ("place", "shelf-3"),
            ("chip_id", "0042"),
        ):
            assert [entry.id for entry in store.find(**{name: value})] == [odd.id], name  # type: ignore[arg-type]
        assert not store.find(commit="%")
        assert not store.find(target="Other")
        assert len(store.find(model="digits", target=SILICON)) == NIGHTS
        assert len(store.find(model=None)) == len(RECORDS) + 2
        assert [entry.id for entry in store.find(branch="")] == [nowhere.id]
        last = FIRST + timedelta(days=NIGHTS - 1)
        # Five hours east of here it is later, but not another time.
        for since in (last, last.astimezone(timezone(timedelta(hours=5)))):
            assert len(store.find(since=since)) == len(TARGETS) * len(MODELS)
        oldest = store.find(newest_first=False)
        assert [e.started for e in oldest] == sorted(e.started for e in oldest)
        assert oldest == store.find()[::-1]


def test_the_newest_run_of_each_place_is_found(url: str) -> None:
    at_places = [
        msgspec.structs.replace(record, device=DeviceInfo(place=place))
        for record, place in zip(RECORDS, ("b", "a", "b", ""), strict=False)
    ]
    with Store(url) as store:
        assert store.newest_of_places() == []
        store.add(*at_places, *RECORDS[len(at_places) :])
        newest = store.newest_of_places()
        expected = [("a", at_places[1].id), ("b", max(at_places[0].id, at_places[2].id))]
        assert [(entry.place, entry.id) for entry in newest] == expected
        assert store.missing([RECORDS[0].id, "none"]) == {"none"}


def test_a_series_is_one_number_through_time(url: str) -> None:
    with Store(url) as store:
        store.add(*reversed(RECORDS))
        points = store.series("cycles_median", model="digits")
        expected = [r for r in RECORDS if r.target.name == SILICON and r.model.name == "digits"]
        assert [point.value for point in points] == [
            r.numbers["cycles_median"].value for r in expected
        ]
        assert [point.id for point in points] == [r.id for r in expected]
        assert {(point.unit, point.kind, point.estimator, point.error) for point in points} == {
            ("1", "measured", "", None)
        }
        [point, *_] = store.series("energy", model="digits", target=SILICON)
        assert (point.kind, point.estimator, point.error) == ("estimated", "made up", 0.2)
        assert store.series("nothing") == []


def test_a_record_that_is_there_stays_as_it_is(url: str) -> None:
    changed = msgspec.structs.replace(RECORDS[0], retries=99)
    with Store(url) as store:
        store.add(RECORDS[0])
        store.add(changed, *RECORDS)
        store.add()
        assert len(store.find()) == len(RECORDS)
        assert store.record(RECORDS[0].id) == RECORDS[0]
        assert len(store.series("flash")) == len(RECORDS)


def test_one_record_that_breaks_a_rule_keeps_all_out(url: str) -> None:
    broken = msgspec.structs.replace(RECORDS[1], ticks=[1])
    with Store(url) as store:
        text = message(InputError, lambda: store.add(RECORDS[0], broken))
        rule = "ticks: number of entries is 1, but there are 200 vectors"
        assert text == f"{broken.id}: is not a record: {rule}"
        assert store.find() == []
        text = message(InputError, lambda: store.record("none"))
        assert text.startswith("there is no run 'none'")


def contents(store: Store) -> object:
    table = frame_of(store)
    return (store.find(), table.to_csv(), [store.record(entry.id) for entry in store.find()])


@given(st.lists(st.lists(st.sampled_from(RECORDS[:12]), max_size=6), max_size=5))
@settings(max_examples=5, suppress_health_check=list(HealthCheck))
def test_any_order_of_adding_gives_the_same(address: Address, parts: list[list[Record]]) -> None:
    with Store(address()) as one, Store(address()) as other:
        for part in parts:
            one.add(*part)
        unique = {record.id: record for part in parts for record in part}
        other.add(*unique.values())
        assert contents(one) == contents(other)
        assert len(one.find()) == len(unique)


HOSTILE = [
    "<script>alert(1)</script>",
    "n" * 10_000,
    "".join(chr(random.Random(1).randrange(0x4E00, 0x9FFF)) for _ in range(10_000)),
    "\u202egpj.exe\u200f שלום",
    "\"'; DROP TABLE runs; --`",
    "%s %(x)s {0} $1 \\",
    "=cmd|' /C calc'!A0",
    "a\nb\tc\x1b[31m",
    "💾🏁" * 50,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_come_back_as_they_were(url: str, name: str) -> None:
    record = made_up(random.Random(1), FIRST, "virtual-stm32", "digits")
    replace = msgspec.structs.replace
    record = replace(
        record,
        target=replace(record.target, name=name),
        model=replace(record.model, name=name),
        image=replace(record.image, engine=name, toolchain=name, optimize=name, compiler=name),
        log=[name, "\0"],
        reasons=[],
    )
    with Store(url) as store:
        store.add(record)
        [entry] = store.find(target=name, model=name, engine=name, toolchain=name, optimize=name)
        assert (entry.target, entry.model, entry.compiler) == (name, name, name)
        assert store.record(record.id) == record
        table = frame_of(store, model=name)
        assert set(table["model"]) == set(table["target"]) == set(table["toolchain"]) == {name}
        assert len(table) == len(record.numbers)


def _write(url: str, part: list[Record], gate: str) -> None:
    while not Path(gate).exists():
        time.sleep(0.001)
    with Store(url) as store:
        for start in range(0, len(part), 3):
            store.add(*part[start : start + 3])


@pytest.mark.filterwarnings("ignore:.*is multi-threaded:DeprecationWarning")  # its forks only write
def test_eight_processes_writing_at_once_lose_nothing(url: str, tmp_path: Path) -> None:
    # All open the empty database at once; each record is written by two of them, in two orders.
    context = multiprocessing.get_context("fork")  # importing eight times costs more than writing
    gate = tmp_path / "gate"
    parts = [RECORDS[n // 2 :: WRITERS // 2][:: 1 if n % 2 else -1] for n in range(WRITERS)]
    writers = [context.Process(target=_write, args=(url, part, str(gate))) for part in parts]
    for writer in writers:
        writer.start()
    gate.touch()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    with Store(url) as store:
        assert sorted(e.id for e in store.find()) == sorted(r.id for r in RECORDS)
        assert all(store.record(record.id) == record for record in RECORDS)
        table = frame_of(store)
    assert len(table) == sum(len(record.numbers) for record in RECORDS)


# What goes wrong


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "store",
        "mysql://a/b",
        "postgresql+asyncpg://a/b",
        "postgresql://a:x@b:c/d",
        "sqlite+x:///a",
    ],
)
def test_what_is_no_address_of_a_store_is_explained(url: str) -> None:
    text = message(InputError, lambda: Store(url))
    assert "is not the URL of a store" in text
    assert "a:x" not in text
    assert "postgresql://USER@HOST/DATABASE" in text


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    text = message(InfrastructureError, lambda: Store("postgresql://me:secret@127.0.0.1:1/runs"))
    assert text.startswith("postgresql://me@127.0.0.1:1/runs: the store failed: ")
    assert "refused" in text
    assert "secret" not in text


def test_a_missing_driver_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    text = message(InfrastructureError, lambda: Store("postgresql://me@127.0.0.1:1/runs"))
    assert "the database driver psycopg is not installed" in text
    assert "pip install 'tinyml-harness[postgres]'" in text


def test_a_database_that_is_missing_or_forbidden_is_explained(server: str) -> None:
    url = postgres.database(server)
    missing = url.replace("?", "nope?")
    assert "does not exist" in message(InfrastructureError, lambda: Store(missing))
    postgres.execute(url, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
    guest = url.replace("harness@", "guest@")
    text = message(InfrastructureError, lambda: Store(guest))
    assert "permission denied for schema public" in text
    assert "GRANT" in text
    with Store(url) as store:
        store.add(RECORDS[0])
    postgres.execute(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
    with Store(guest) as store:  # who may only read reads
        assert store.record(RECORDS[0].id) == RECORDS[0]
        assert "permission denied" in message(InfrastructureError, lambda: store.add(RECORDS[1]))
        postgres.execute(url, "GRANT INSERT ON ALL TABLES IN SCHEMA public TO guest")
        store.add(RECORDS[1])
        assert len(store.find()) == 2


def test_tables_of_another_version_are_refused(url: str) -> None:
    with Store(url) as store, writing(store.engine) as connection:
        connection.execute(version.update().values(version=7))
    assert "has tables of version 7; this harness needs version 2" in message(
        UnusableError, lambda: Store(url)
    )


FIRST_TABLES = (
    "ALTER TABLE runs DROP COLUMN place",
    "ALTER TABLE runs DROP COLUMN chip_id",
    "UPDATE harness_version SET version = 1",
)


def make_first_tables(url: str) -> None:
    """Make a store with Records as version 1 of the tables had it."""
    with Store(url) as store:
        store.add(*RECORDS[:3])
        with writing(store.engine) as connection:
            for statement in FIRST_TABLES:
                connection.execute(sqlalchemy.text(statement))


def test_tables_of_an_earlier_version_are_upgraded(url: str) -> None:
    make_first_tables(url)
    new = msgspec.structs.replace(RECORDS[3], device=DeviceInfo(place="shelf-3"))
    with Store(url) as store:
        store.add(new)
        assert all(store.record(record.id) == record for record in (*RECORDS[:3], new))
        assert [entry.id for entry in store.find(place="shelf-3")] == [new.id]
    assert len(Store(url).find()) == 4


def test_who_may_not_upgrade_tables_is_told_who_may(server: str) -> None:
    url = postgres.database(server)
    make_first_tables(url)
    postgres.execute(
        url,
        "DROP ROLE IF EXISTS writer",
        "CREATE ROLE writer LOGIN",
        "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO writer",
    )
    text = message(InfrastructureError, lambda: Store(url.replace("harness@", "writer@")))
    assert "must be owner of table runs" in text
    assert "the owner of the tables must use the store first" in text
    postgres.execute(url, "DROP OWNED BY writer")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.sqlite"
    path.write_text("Dear Sir, " * 500)
    text = message(UnusableError, lambda: Store(f"sqlite:///{path}"))
    assert text == (
        f"{path}: the store failed: file is not a database\n"
        "  -> name another file; this one is left as it is"
    )
    assert path.read_text().startswith("Dear Sir")


def test_a_database_that_is_locked_for_long_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    with Store(url) as store:
        monkeypatch.setattr("harness.results.store.database._LOCK_TIMEOUT", 0.1)
        with closing(sqlite3.connect(tmp_path / "team.sqlite")) as other:
            other.execute("BEGIN EXCLUSIVE")
            text = message(InfrastructureError, lambda: store.add(RECORDS[0]))
        assert text.startswith(f"{tmp_path}/team.sqlite: the store failed: database is locked\n")
        assert "-> wait until the process that uses it ends" in text
        store.add(RECORDS[0])


def test_a_store_on_a_full_disk_is_explained(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    with Store(url) as store:
        store.add(RECORDS[0])
        with file_size(4096):
            text = message(InfrastructureError, lambda: store.add(*RECORDS[1:]))
        assert "the store failed: " in text
        assert "\n  -> " in text
        assert [entry.id for entry in store.find()] == [RECORDS[0].id]


def test_a_damaged_value_is_no_traceback(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    with Store(url) as store:
        store.add(RECORDS[0])
        with closing(sqlite3.connect(tmp_path / "team.sqlite")) as other, other:
            other.execute("UPDATE runs SET started = 'yesterday'")
        text = message(InfrastructureError, store.find)
        assert "holds a value that is not valid" in text
        assert "harness push" in text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET json = replace(json, '0.985', '0.986')",
        "UPDATE numbers SET value = value + 1 WHERE name = 'flash'",
        "UPDATE runs SET target = 'another'",
        "DELETE FROM numbers WHERE name = 'flash'",
    ],
)
def test_a_record_that_was_changed_in_the_database_is_refused(url: str, change: str) -> None:
    with Store(url) as store:
        store.add(RECORDS[0])
        assert store.record(RECORDS[0].id) == RECORDS[0]
        with writing(store.engine) as connection:
            connection.execute(sqlalchemy.text(change))
        text = message(HarnessError, lambda: store.record(RECORDS[0].id))
        assert "is damaged or was changed" in text


def test_a_folder_that_is_missing_is_explained(tmp_path: Path) -> None:
    text = message(InfrastructureError, lambda: Store(f"sqlite:///{tmp_path / 'no' / 'a.sqlite'}"))
    assert "unable to open database file" in text


def test_a_failure_half_way_leaves_nothing_of_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(url) as store:
        store.add(RECORDS[0])
        monkeypatch.setattr(
            "harness.results.store.rows.number_rows", lambda _, run: [{"run": run, "name": "flash"}]
        )
        text = message(InfrastructureError, lambda: store.add(RECORDS[1]))
        assert "null" in text.lower()
        assert [entry.id for entry in store.find()] == [RECORDS[0].id]


def test_times_are_of_utc(url: str) -> None:
    record = msgspec.structs.replace(RECORDS[0], started="2026-03-01T00:30:00+02:00")
    with Store(url) as store:
        store.add(record)
        [entry] = store.find()
        assert entry.started == datetime(2026, 2, 28, 22, 30, tzinfo=UTC)
        assert entry.started.utcoffset() == timedelta(0)
        assert str(frame_of(store)["started"].iloc[0]) == "2026-02-28 22:30:00+00:00"
