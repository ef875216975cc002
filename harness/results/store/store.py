"""A store: the records of many runs, indexed, on SQLite or PostgreSQL."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack

import msgspec
from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects import postgresql, sqlite

from harness.errors import InputError
from harness.measure.number import Kind
from harness.results.combination import Combination
from harness.results.record import Record
from harness.results.record_file import parse_record, to_json
from harness.results.store import rows
from harness.results.store.database import connect, reading, writing
from harness.results.store.database_errors import damaged
from harness.results.store.database_tables import numbers, records, runs
from harness.results.store.table_versions import make_tables

Query = TypeVar("Query", bound="Select[*tuple[Any, ...]]")
_MAX_IDS = 10_000  # in one query; SQLite takes 32,766 parameters


class RunFilter(TypedDict, total=False):
    """Selects the runs that match all of these values; None matches any run.

    `commit` may be abbreviated; `since` has a time zone.
    """

    target: str | None
    model: str | None
    engine: str | None
    toolchain: str | None
    optimize: str | None
    commit: str | None
    branch: str | None
    place: str | None
    chip_id: str | None
    since: datetime | None


ParsedRecord = tuple[Record, bytes]
"""A record, and the JSON that it was parsed from."""


@dataclass(frozen=True)
class Entry:
    """A run in the index; the rest is in its record.

    `commit` is empty outside git, `branch` if none was checked out. `digest` is the SHA-256 of the
    model, `vectors` that of the vectors. `ticks` is the unit of ticks: instructions or cycles.
    `place` in the farm and `chip_id` are empty if they are not known.
    """

    id: str
    started: datetime
    commit: str
    dirty: bool
    branch: str
    target: str
    core: str
    model: str
    digest: str
    vectors: str
    engine: str
    toolchain: str
    compiler: str
    optimize: str
    build_id: str
    ticks: str
    verdict: str
    place: str
    chip_id: str

    @property
    def combination(self) -> Combination:
        """What was run."""
        return Combination(self.target, self.model, self.engine, self.toolchain, self.optimize)


_ENTRY_COLUMNS = tuple(runs.c[field.name] for field in fields(Entry))


@dataclass(frozen=True)
class Point:
    """A number of one run; `estimator` and `error` are the `model` and `error` of the `Number`."""

    started: datetime
    commit: str
    id: str
    value: float
    unit: str
    kind: Kind
    estimator: str
    error: float | None


class Store:
    """A database of records; many processes can read and add at the same time.

    `url` is `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`. Missing tables are created.
    Raises `InputError` for an invalid URL. All methods raise `InfrastructureError` if the database
    fails.
    """

    def __init__(self, url: str) -> None:
        self.engine = connect(url)
        make_tables(self.engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.engine.dispose()

    def add(self, *added: Record) -> None:
        """Add all records or none; a record whose id is already in the store stays unchanged.

        Raises `InputError` if one breaks a rule of docs/record.md.
        """
        encoded = {record.id: to_json(record) for record in added}
        # Parsing checks all rules.
        parsed = {key: (parse_record(json, key), json) for key, json in encoded.items()}
        self.add_read(parsed)

    def add_read(self, read: Mapping[str, ParsedRecord]) -> None:
        """Add records that were just read, by id, as `add` does; keep their JSON unchanged."""
        with writing(self.engine) as connection:
            insert(connection, read)

    def missing(self, ids: Iterable[str]) -> set[str]:
        """Return those of `ids` that no run in the store has."""
        wanted = list(ids)
        with reading(self.engine) as connection:
            found = {
                key
                for start in range(0, len(wanted), _MAX_IDS)
                for key in connection.scalars(
                    select(runs.c.id).where(runs.c.id.in_(wanted[start : start + _MAX_IDS]))
                )
            }
        return set(wanted) - found

    def newest_of_places(self) -> list[Entry]:
        """Return the newest run of each place of the farm, sorted by place."""
        last = func.max(runs.c.started).label("last")
        newest = select(runs.c.place, last).where(runs.c.place != "").group_by(runs.c.place)
        of_place = newest.subquery()
        is_newest = (runs.c.place == of_place.c.place) & (runs.c.started == of_place.c.last)
        query = select(*_ENTRY_COLUMNS).join(of_place, is_newest).order_by(runs.c.place, runs.c.id)
        with reading(self.engine) as connection:
            entries = [Entry(*row) for row in connection.execute(query)]
        # Of runs that started in the same second, the last one stays.
        return list({entry.place: entry for entry in entries}.values())

    def find(self, *, newest_first: bool = True, **filters: Unpack[RunFilter]) -> list[Entry]:
        """Return the selected runs, sorted by the time they started."""
        order = (runs.c.started, runs.c.id)
        query = filtered(select(*_ENTRY_COLUMNS), filters)
        query = query.order_by(*(c.desc() if newest_first else c for c in order))
        with reading(self.engine) as connection:
            return [Entry(*row) for row in connection.execute(query)]

    def record(self, id: str) -> Record:  # noqa: A002 - the key's name
        """Return the whole record.

        Raises `InputError` if no run has this id, `UnusableError` if the rows of the run do not
        match its record.
        """
        with reading(self.engine) as connection:
            query = select(records.c.json, runs).join(runs).where(runs.c.id == id)
            found = connection.execute(query).mappings().one_or_none()
            if found is None:
                raise InputError(
                    f"there is no run {id!r}", remedy="harness export --csv FILE lists all runs"
                )
            query = select(numbers).where(numbers.c.run == found["run"])
            rest = connection.execute(query).mappings().all()
        record = parse_record(found["json"].encode(), id)
        row, number_rows = rows.run_row(record), rows.number_rows(record, found["run"])
        same = all(found[key] == value for key, value in row.items())
        if not same or _sorted(map(dict, rest)) != _sorted(number_rows):
            raise damaged(self.engine, f"run {id} is damaged or was changed")
        return record

    def series(self, metric: str, **filters: Unpack[RunFilter]) -> list[Point]:
        """Return the number `metric` of the selected runs, oldest first.

        Runs without this number are left out.
        """
        of_run, of_number = (
            ("started", "commit", "id"),
            ("value", "unit", "kind", "estimator", "error"),
        )
        columns = [runs.c[name] for name in of_run] + [numbers.c[name] for name in of_number]
        query = filtered(select(*columns).join_from(runs, numbers), filters)
        query = query.where(numbers.c.name == metric)
        with reading(self.engine) as connection:
            ordered = query.order_by(runs.c.started, runs.c.id)
            return [Point(*row) for row in connection.execute(ordered)]


def _sorted(number_rows: Iterable[rows.Row]) -> list[rows.Row]:
    return sorted(number_rows, key=lambda row: str(row["name"]))


def filtered(query: Query, filters: RunFilter) -> Query:
    """Return `query` over `runs`, limited to the selected runs."""
    for name, value in filters.items():
        if value is None:
            continue
        if name == "since":
            query = query.where(runs.c.started >= value)
        elif name == "commit":
            query = query.where(runs.c.commit.startswith(value, autoescape=True))
        else:
            query = query.where(runs.c[name] == value)
    return query


def insert(connection: Connection, added: Mapping[str, ParsedRecord]) -> None:
    """Add records with their JSON, by id; existing records stay unchanged."""
    if not added:
        return
    # All writers insert in the same order, which prevents deadlocks.
    new = [rows.run_row(added[key][0]) for key in sorted(added)]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(runs).on_conflict_do_nothing(index_elements=["id"])
    inserted = connection.execute(statement.returning(runs.c.run, runs.c.id), new)
    added_runs = [(run, *added[key]) for run, key in inserted]
    if added_runs:
        new = [row for run, record, _ in added_runs for row in rows.number_rows(record, run)]
        connection.execute(numbers.insert(), new)
        new = [{"run": run, "json": _compact(json)} for run, _, json in added_runs]
        connection.execute(records.insert(), new)


def _compact(json: bytes) -> str:
    # Formatting, unlike encoding, keeps the keys of a newer version.
    return msgspec.json.format(json, indent=-1).decode()
