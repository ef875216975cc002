"""Creates the tables of a store, and upgrades those of an earlier version."""

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.schema import CreateColumn

from harness.results.store.database import reading, writing
from harness.results.store.database_errors import printable_url
from harness.results.store.database_tables import METADATA, VERSION, runs, version
from harness.results.store.store_errors import UnusableError

_LOCK = 0x7469_6E79  # PostgreSQL's advisory lock, to create or change the tables
_NEW_COLUMNS = {2: (runs.c.place, runs.c.chip_id)}
"""The columns that came with each version; the rows of earlier runs get their defaults."""


def make_tables(engine: Engine) -> None:
    """Create or upgrade the tables if needed, once even with several processes; check them."""
    with reading(engine) as connection:
        current = _is_current(connection)
    if not current:
        with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            _create_or_upgrade(connection)
    with reading(engine) as connection:
        stored = connection.scalar(select(version.c.version))
        missing = METADATA.tables.keys() - set(inspect(connection).get_table_names())
    if stored != VERSION or missing:
        what = (
            f"has tables of version {stored}"
            if stored != VERSION
            else f"lacks the tables {', '.join(sorted(missing))}"
        )
        raise UnusableError(
            f"{what}; this harness needs version {VERSION}",
            where=printable_url(engine.url),
            remedy="use the version of the harness that created them, or another database",
        )


def _is_current(connection: Connection) -> bool:
    """Return whether there is nothing to create or upgrade. Tables of a later version stay."""
    if not inspect(connection).has_table(version.name):
        return False
    stored = connection.scalar(select(version.c.version))
    return stored is not None and stored >= VERSION


def _create_or_upgrade(connection: Connection) -> None:
    exists = inspect(connection).has_table(version.name)
    stored = connection.scalar(select(version.c.version)) if exists else None
    if stored is None:
        METADATA.create_all(connection)
        connection.execute(version.insert().values(version=VERSION))
        return
    for number in range(stored + 1, VERSION + 1):
        for column in _NEW_COLUMNS[number]:
            new = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {column.table.name} ADD COLUMN {new}"))
        connection.execute(version.update().values(version=number))
