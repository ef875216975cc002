"""Records as JSON files: checked, written whole, and read.

Each file has the key `digest`, the SHA-256 of all other keys. It does not depend on white space or
the order of keys, so it stays valid in a database.
"""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import InfrastructureError, InputError
from harness.results.record import SCHEMA, Record
from harness.results.record_rules import BrokenRuleError, check
from harness.support.input_file import read_input
from harness.support.printable_texts import printable_texts
from harness.support.whole_files import write_files

MAX_RECORD = 64 << 20
"""Bytes of the largest file of a record or baseline."""

_DIGEST = "digest"


class _Header(msgspec.Struct, frozen=True):
    """The keys that every version of a record has; all others may change."""

    schema: int
    digest: str | None = None  # records of earlier versions have none


def to_json(record: Record) -> bytes:
    """Return `record` as JSON with its digest, as it is stored."""
    digest = _digest(msgspec.json.encode(record))
    return msgspec.json.encode(msgspec.to_builtins(record) | {_DIGEST: digest})


def write_record(record: Record, folder: Path) -> Path:
    """Write `record` to a new file in `folder` and return its path.

    The file appears whole or not at all, even if the process is killed. Raises `InputError` if
    `read_record` would refuse it, `InfrastructureError` if it cannot be written.
    """
    record = printable_texts(record)
    path = folder / f"{record.id}.json"
    data = msgspec.json.format(to_json(record), indent=1) + b"\n"
    _check_size(path, len(data))
    parse_record(data, str(path))
    try:
        write_files(folder, {path.name: data})
    except OSError as error:
        raise InfrastructureError(
            f"the record cannot be written: {error.strerror}", where=str(path)
        ) from error
    return path


def read_record(path: Path) -> Record:
    """Read a record; its file has the record's id as name.

    Raises `InputError` if the file is not a record, has another schema version, is damaged, or
    breaks a rule.
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
        header = msgspec.json.decode(data, type=_Header)
        if header.schema != SCHEMA:
            raise InputError(
                f"has schema version {header.schema}; this harness reads {SCHEMA}", where=where
            )
        record = msgspec.json.decode(data, type=Record)
        check(record)
        damaged = header.digest is not None and header.digest != _digest(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BrokenRuleError) as error:
        raise InputError(f"is not a record: {error}", where=where) from error
    if damaged:
        raise InputError(
            f"is damaged or was changed: its contents do not match its key `{_DIGEST}`",
            where=where,
            remedy=f"restore or remove it; after a change of your own, remove the key `{_DIGEST}`",
        )
    return record


def _check_size(path: Path, size: int) -> None:
    """Raise `InputError` for a record that `read_file` would refuse."""
    if size > MAX_RECORD:
        raise InputError(f"is larger than {MAX_RECORD >> 20} MiB", where=str(path))


def _digest(data: bytes) -> str:
    """Return the SHA-256 of all keys of the JSON `data` but the digest itself."""
    keys = msgspec.json.decode(data, type=dict[str, Any])
    keys.pop(_DIGEST, None)
    return hashlib.sha256(msgspec.json.encode(keys, order="sorted")).hexdigest()
