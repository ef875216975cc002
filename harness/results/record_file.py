"""Records as JSON files: written whole, read, and checked."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from harness.errors import InfrastructureError, InputError
from harness.results.record import SCHEMA, Record
from harness.results.record_rules import BrokenRuleError, check
from harness.support.input_file import read_input

MAX_RECORD = 64 << 20
"""Bytes of the largest file of a record or baseline."""


class _Schema(msgspec.Struct, frozen=True):
    """The key that every version of a record has; all others may change."""

    schema: int


def write_record(record: Record, folder: Path) -> Path:
    """Write `record` to a new file in `folder` and return its path.

    The file appears whole or not at all, even if the process is killed.
    """
    path = folder / f"{record.id}.json"
    partial = folder / f".{record.id}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(record), indent=1))
            file.write(b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync(folder)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InfrastructureError(
            f"the record cannot be written: {error.strerror}", where=str(path)
        ) from error
    return path


def _sync(folder: Path) -> None:
    """Sync the names in `folder` to disk, if the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_record(path: Path) -> Record:
    """Read a record; its file has the record's id as name.

    Raises `InputError` if the file is not a record, has another schema version, or breaks a rule.
    """
    return read_file(path)[0]


def read_file(path: Path) -> tuple[Record, bytes]:
    """Read a record as `read_record` does, and return it with the JSON it is from."""
    data = read_input(path, MAX_RECORD)
    record = parse_record(data, str(path))
    if path.name != f"{record.id}.json":
        raise InputError(f"id {record.id!r} is not the name of the file", where=str(path))
    return record, data


def parse_record(data: bytes, where: str) -> Record:
    """Return the record in the JSON `data`; raises `InputError` as `read_record` does."""
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema != SCHEMA:
            raise InputError(
                f"has schema version {schema}; this harness reads {SCHEMA}", where=where
            )
        record = msgspec.json.decode(data, type=Record)
        check(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BrokenRuleError) as error:
        raise InputError(f"is not a record: {error}", where=where) from error
    return record
