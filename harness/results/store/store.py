"""A store: the records of many runs, indexed, on SQLite or PostgreSQL."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack

import msgspec
from sqlalchemy import Connection, Select, select
from sqlalchemy.dialects import postgresql, sqlite

from harness.errors import InputError
from harness.measure.number import Kind
from harness.results.combination import Combination
from harness.results.record import Record, parse_record
from harness.results.store import rows
from harness.results.store.database import open_engine, reading, writing
from harness.results.store.database_tables import numbers, records, runs

Query = TypeVar("Query", bound="Select[*tuple[Any, ...]]")


class Which(TypedDict, total=False):
    """Which runs: those with all of these; None is any.

    A `commit` may be cut short; `since` has a time zone.
    """

    target: str | None
    model: str | None
    engine: str | None
    toolchain: str | None
    optimize: str | None
    commit: str | None
    branch: str | None
    since: datetime | None


Read = tuple[Record, bytes]
"""A record and the JSON that it was read from."""


@dataclass(frozen=True)
class Entry:
    """What the index says of a run; the rest is in its record.

    `commit` is empty outside git, `branch` where none was checked out. `digest` is the model's
    SHA-256, `vectors` that of the vectors, `ticks` the unit: instructions or cycles.
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

    @property
    def combination(self) -> Combination:
        """What was run."""
        return Combination(self.target, self.model, self.engine, self.toolchain, self.optimize)


@dataclass(frozen=True)
class Point:
    """A number of one run; `estimator` and `error` as a `Number`'s `model` and `error`."""

    started: datetime
    commit: str
    id: str
    value: float
    unit: str
    kind: Kind
    estimator: str
    error: float | None


class Store:
    """Records that can be asked for; many processes may read and add at once.

    `url` is `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`; tables are made where there
    are none. Raises `InputError` for a URL that is none, here and in all methods
    `InfrastructureError` if the database cannot do what is asked of it.
    """

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)

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
        """Add records, all or none of them; one that is there (by its id) stays as it is.

        Raises `InputError` if one breaks a rule of docs/record.md.
        """
        encoded = {record.id: msgspec.json.encode(record) for record in added}
        # Read again: only then are all rules looked at.
        parsed = {key: (parse_record(json, key), json) for key, json in encoded.items()}
        self.add_read(parsed)

    def add_read(self, read: Mapping[str, Read]) -> None:
        """Add records by id, as `add` does, that were just read; their JSON stays as it is."""
        with writing(self.engine) as connection:
            insert(connection, read)

    def find(self, *, newest_first: bool = True, **which: Unpack[Which]) -> list[Entry]:
        """Return the runs that are asked for, by the time they started."""
        order = (runs.c.started, runs.c.id)
        query = select(*(runs.c[field.name] for field in fields(Entry)))
        query = asked(query, which).order_by(*(c.desc() if newest_first else c for c in order))
        with reading(self.engine) as connection:
            return [Entry(*row) for row in connection.execute(query)]

    def record(self, id: str) -> Record:  # noqa: A002 - the key's name
        """Return the whole record; `InputError` if there is none with that id."""
        with reading(self.engine) as connection:
            json = connection.scalar(select(records.c.json).join(runs).where(runs.c.id == id))
        if json is None:
            raise InputError(f"there is no run {id!r}", remedy="harness export --csv names all")
        return parse_record(json.encode(), id)

    def series(self, metric: str, **which: Unpack[Which]) -> list[Point]:
        """Return the number called `metric` of the runs that are asked for, oldest first.

        Runs that have no such number are left out.
        """
        of_run, of_number = (
            ("started", "commit", "id"),
            ("value", "unit", "kind", "estimator", "error"),
        )
        columns = [runs.c[name] for name in of_run] + [numbers.c[name] for name in of_number]
        query = asked(select(*columns).join_from(runs, numbers), which)
        query = query.where(numbers.c.name == metric)
        with reading(self.engine) as connection:
            ordered = query.order_by(runs.c.started, runs.c.id)
            return [Point(*row) for row in connection.execute(ordered)]


def asked(query: Query, which: Which) -> Query:
    """Return `query` of `runs` for those that are asked for."""
    for name, value in which.items():
        if value is None:
            continue
        if name == "since":
            query = query.where(runs.c.started >= value)
        elif name == "commit":
            query = query.where(runs.c.commit.startswith(value, autoescape=True))
        else:
            query = query.where(runs.c[name] == value)
    return query


def insert(connection: Connection, added: Mapping[str, Read]) -> None:
    """Add records with their JSON, by id; those that are there stay as they are."""
    if not added:
        return
    # In one order everywhere, so that no two writers wait for each other.
    new = [rows.of_run(added[key][0]) for key in sorted(added)]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(runs).on_conflict_do_nothing(index_elements=["id"])
    inserted = connection.execute(statement.returning(runs.c.run, runs.c.id), new)
    held = [(run, *added[key]) for run, key in inserted]
    if held:
        new = [row for run, record, _ in held for row in rows.of_numbers(record, run)]
        connection.execute(numbers.insert(), new)
        new = [{"run": run, "json": _compact(json)} for run, _, json in held]
        connection.execute(records.insert(), new)


def _compact(json: bytes) -> str:
    # Formatted and not made anew: keys of a newer writer stay.
    return msgspec.json.format(json, indent=-1).decode()
