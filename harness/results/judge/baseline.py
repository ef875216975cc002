"""Baselines: runs that a person accepted, and why. Each is a small file that can be reviewed."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from harness.errors import InputError
from harness.results.record import Record
from harness.results.record_file import MAX_RECORD, parse_record
from harness.support.input_file import read_input
from harness.support.whole_files import replace_files

BUDGETS = "budgets.toml"
_DEPTH = 3  # keys down to this depth have a line each, so a changed number is one line in a diff


class _File(msgspec.Struct, frozen=True):
    because: str
    accepted: str
    record: msgspec.Raw


class Baseline(msgspec.Struct, frozen=True):
    """An accepted run, with the date (UTC, ISO 8601) and the reason."""

    because: str
    accepted: str
    record: Record


def accept(records: Sequence[Record], because: str, folder: Path) -> list[Path]:
    """Make `records` the baselines of their combinations; return the files.

    Raises `InputError` if there is no reason, if a run did not pass, or if a file cannot be
    written. Then no file is written.
    """
    if not because.strip():
        raise InputError(
            "a baseline needs a reason", remedy='add --because "why this change is intended"'
        )
    for record in records:
        if record.verdict != "passed":
            raise InputError(
                f"the run failed: {record.reasons[0]}",
                where=f"run {record.id}",
                remedy="accept a run that passed: harness runs lists them",
            )
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    files = {
        file_name(record): _text(Baseline(because.strip(), today, record)) for record in records
    }
    replace_files(folder, files)
    return [folder / name for name in files]


def read_baselines(folder: Path) -> list[Baseline]:
    """Return the baselines in `folder`, sorted by combination; none if there is no such folder.

    Raises `InputError` for a file that is not a baseline, and for two of the same combination.
    """
    path_by_combination: dict[tuple[str, ...], Path] = {}
    baselines = []
    for path in sorted(folder.glob("*.json")):
        baseline = read_baseline(path)
        other = path_by_combination.setdefault(baseline.record.combination, path)
        if other != path:
            raise InputError(
                f"is a second baseline of {baseline.record.combination}, beside {other.name}",
                where=str(path),
                remedy="remove one of them",
            )
        baselines.append(baseline)
    return sorted(baselines, key=lambda baseline: baseline.record.combination)


def read_baseline(path: Path) -> Baseline:
    """Read the baseline in the file `path`; raises `InputError` if it is not a baseline."""
    data = read_input(path, MAX_RECORD)
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"is not a baseline: {error}", where=str(path)) from error
    return Baseline(file.because, file.accepted, parse_record(bytes(file.record), str(path)))


def file_name(record: Record) -> str:
    """Return the name of the file for the baseline of the record's combination."""
    return "+".join(quote(part, safe="") for part in record.combination) + ".json"


def _text(baseline: Baseline) -> bytes:
    return (_lines(msgspec.to_builtins(baseline), 0) + "\n").encode()


def _lines(value: Any, depth: int) -> str:
    """Return JSON with a line for each key down to `_DEPTH`, and for each table in a list."""
    if isinstance(value, dict) and value and depth < _DEPTH:
        rows = [f"{json.dumps(key)}: {_lines(item, depth + 1)}" for key, item in value.items()]
        return _block("{", rows, "}", depth)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return _block("[", [json.dumps(item) for item in value], "]", depth)
    return json.dumps(value)


def _block(begin: str, rows: Sequence[str], end: str, depth: int) -> str:
    inner = "\n" + " " * (depth + 1)
    return begin + inner + f",{inner}".join(rows) + "\n" + " " * depth + end
