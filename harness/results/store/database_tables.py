"""The tables of an index of Records, the same for SQLite and PostgreSQL."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

VERSION = 2
"""Version of the tables. An index of another version is rebuilt from the records; see
`table_versions` for stores.
"""


class Utc(TypeDecorator[datetime]):
    """A time with its zone, stored as UTC because SQLite has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert a time to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Mark a time without a zone as UTC, or convert it to UTC."""
        if value is None or value.tzinfo is None:
            return value and value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


METADATA = MetaData()

version = Table("harness_version", METADATA, Column("version", Integer, nullable=False))

# Names have no index: they may be longer than PostgreSQL can index, and a scan over a year of runs
# takes milliseconds.
runs = Table(
    "runs",
    METADATA,
    # With an identity, INSERT is the only right that a writer needs; a sequence needs another one.
    Column("run", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("started", Utc, nullable=False, index=True),
    Column("commit", Text, nullable=False),
    Column("dirty", Boolean, nullable=False),
    Column("branch", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("core", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("vectors", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("toolchain", Text, nullable=False),
    Column("compiler", Text, nullable=False),
    Column("optimize", Text, nullable=False),
    Column("build_id", Text, nullable=False),
    Column("ticks", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    # These have defaults because they came with version 2 of the tables.
    Column("place", Text, nullable=False, server_default=""),
    Column("chip_id", Text, nullable=False, server_default=""),
)

numbers = Table(
    "numbers",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("run", ForeignKey("runs.run", ondelete="CASCADE"), primary_key=True),
    Column("value", Double, nullable=False),
    Column("unit", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("estimator", Text, nullable=False),
    Column("error", Double),
    Index("numbers_of_run", "run"),
)

# Separate from `runs`, because scans over `runs` need small rows.
records = Table(
    "records",
    METADATA,
    Column("run", ForeignKey("runs.run", ondelete="CASCADE"), primary_key=True),
    Column("json", Text, nullable=False),
)

FILES = MetaData()

# Only in a local index: the file of each run, with its size in bytes and mtime in nanoseconds.
files = Table(
    "files",
    FILES,
    Column("id", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)
