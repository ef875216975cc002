"""What a reader of records relies on: a file that breaks a rule is refused, the key is named."""

import json
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.errors import InputError
from harness.results.record_file import parse_record, read_record, write_record
from tests.support.year import FIRST, VECTORS, made_up

RECORD = made_up(random.Random(0), FIRST, "virtual-stm32", "digits")


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        action()
    return str(caught.value)


def changed(path: str, value: Any) -> bytes:
    """Return the record's JSON with another value at a dotted path."""
    held = json.loads(msgspec.json.encode(RECORD))
    *parents, last = path.split(".")
    place = held
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(held).encode()


# A key, what it must not be, and what the message names.
BROKEN: list[tuple[str, Any, str]] = [
    ("schema", "1", "$.schema"),
    ("id", "", "$.id"),
    ("id", "../../etc/passwd", "$.id"),
    ("id", ".hidden", "$.id"),
    ("id", "a\0b", "$.id"),
    ("id", "ä" * 121, "id: is longer than 240 bytes"),
    ("started", "yesterday", "started: 'yesterday' is not an ISO 8601 time"),
    ("started", "2026-01-01T02:00:00", "started: '2026-01-01T02:00:00' has no time zone"),
    ("started", 1767232800, "$.started"),
    ("verdict", "perhaps", "$.verdict"),
    ("verdict", "failed", "reasons: number of entries is 0, but it failed"),
    ("reasons", ["too slow"], "reasons: number of entries is 1, but it passed"),
    ("target.name", "", "$.target.name"),
    ("target.name", "a\0b", "$.target.name"),
    ("model.name", "a\0b", "$.model.name"),
    ("model.digest", "12ab", "$.model.digest"),
    ("model.vectors", "G" * 64, "$.model.vectors"),
    ("model.metric", "beauty", "$.model.metric"),
    ("model.metric", "auc", "numbers.auc: is missing"),
    ("image.build_id", "0" * 31, "$.image.build_id"),
    ("image.engine", ..., "engine"),
    ("image.toolchain", "", "$.image.toolchain"),
    ("image.optimize", "-O2\0", "$.image.optimize"),
    ("commit.hash", "main", "$.commit.hash"),
    ("commit.dirty", 0, "$.commit.dirty"),
    ("commit.branch", "a\0", "$.commit.branch"),
    ("commit.time", "noon", "commit.time: 'noon' is not an ISO 8601 time"),
    ("numbers", [], "$.numbers"),
    ("subset", {"of": 0, "vectors": []}, "$.subset.of"),
    ("subset", {"of": 900, "vectors": [-1]}, "$.subset.vectors"),
    ("subset", {"of": 900, "vectors": [0, 1]}, "subset.vectors: number of entries is 2, but"),
    ("subset", {"of": 900, "vectors": [0, *range(VECTORS - 1)]}, "subset.vectors: is not some of"),
    ("subset", {"of": 900, "vectors": [*range(1, VECTORS), 0]}, "subset.vectors: is not some of"),
    ("subset", {"of": VECTORS, "vectors": [*range(VECTORS)]}, "subset.vectors: is not some of"),
    ("subset", {"of": 900, "vectors": [*range(901 - VECTORS, 901)]}, "numbers 0 to 899"),
    ("numbers.a b", {"value": 1, "unit": "1", "kind": "exact"}, "$.numbers"),
    ("numbers.flash", ..., "numbers.flash: is missing"),
    ("numbers.wall", ..., "numbers.wall: is missing"),
    ("numbers.accuracy_target", ..., "numbers.accuracy_target: is missing"),
    (
        "numbers.instructions_median",
        ...,
        "numbers: instructions_median or cycles_median is",
    ),
    ("numbers.accuracy.value", 1.01, "numbers.accuracy.value: is not between 0 and 1"),
    ("numbers.accuracy.value", float("nan"), "malformed"),
    ("numbers.accuracy.value", None, "$.numbers"),
    ("numbers.flash.value", -1, "numbers.flash.value: -1 is negative"),
    ("numbers.flash.value", 1.5, "numbers.flash.value: 1.5 is not a whole number of bytes"),
    ("numbers.wall.value", -0.1, "numbers.wall.value: -0.1 is negative"),
    (
        "numbers.instructions_max.value",
        2**53,
        "numbers.instructions_max.value: 9007199254740992 is",
    ),
    ("numbers.flash.unit", "", "numbers.flash.unit: '' is not a unit"),
    ("numbers.flash.unit", "a\0", "numbers.flash.unit: 'a\\x00' is not a unit"),
    ("numbers.flash.kind", "guessed", "$.numbers"),
    ("numbers.flash.kind", "estimated", "estimated numbers need a model"),
    ("numbers.energy.model", ..., "estimated numbers need a model"),
    ("numbers.energy.model", "a\0", "numbers.energy.model: contains a NUL"),
    ("numbers.energy.error", -0.1, "numbers.energy.error: -0.1 is negative"),
    ("ticks", [], "ticks: number of entries is 0, but there are 200 vectors"),
    ("ticks", [1] * 199, "ticks: number of entries is 199, but there are 200 vectors"),
    ("ticks", [-1] * 200, "$.ticks"),
    ("ticks", [1.5] * 200, "$.ticks"),
    ("retries", -1, "$.retries"),
    ("input_via", "spoon", "$.input_via"),
    *((key, ..., f"`{key}`") for key in ("target", "model", "image", "numbers", "ticks", "host")),
]


@pytest.mark.parametrize(
    ("key", "value", "named"), BROKEN, ids=[f"{b[0]}-{n}" for n, b in enumerate(BROKEN)]
)
def test_a_broken_rule_is_named(key: str, value: Any, named: str) -> None:
    text = refusal(lambda: parse_record(changed(key, value), "x.json"))
    assert text.startswith("x.json: is not a record: ")
    assert named in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "ä" * 120),
        ("numbers.accuracy.value", 0),
        ("numbers.accuracy.value", 1),
        ("numbers.flash.value", 0),
        ("numbers.energy.error", 0),
        ("numbers.instructions_max.value", 2**53 - 1),
    ],
)
def test_a_value_at_its_bound_is_accepted(key: str, value: Any) -> None:
    parse_record(changed(key, value), "x.json")


def test_no_vectors_are_no_run() -> None:
    held = json.loads(changed("ticks", []))
    held["numbers"]["vectors"]["value"] = 0
    assert "ticks: number of entries is 0, but there are 0" in refusal(
        lambda: parse_record(json.dumps(held).encode(), "")
    )


def test_a_number_that_is_not_finite_is_refused() -> None:
    data = msgspec.json.encode(RECORD).replace(b'"value":0.985', b'"value":1e999')
    assert "is not a record: " in refusal(lambda: parse_record(data, "x"))


def test_keys_of_a_newer_writer_are_passed_over() -> None:
    for key in ("later", "target.later", "commit.later", "numbers.flash.later"):
        assert parse_record(changed(key, {"deep": [1, None]}), "x") == RECORD


@pytest.mark.parametrize("schema", [0, 2, 999_999_999_999])
def test_another_version_is_refused_by_its_number(schema: int) -> None:
    text = refusal(lambda: parse_record(changed("schema", schema), "x.json"))
    assert text == f"x.json: has schema version {schema}; this harness reads 1"


def test_times_have_any_zone() -> None:
    for time in ("2026-01-01T02:00:00Z", "2026-01-01T02:00:00.5+05:30"):
        assert parse_record(changed("started", time), "x").started == time


# Files


def test_a_record_is_in_a_file_of_its_name(tmp_path: Path) -> None:
    path = write_record(RECORD, tmp_path).rename(tmp_path / "other.json")
    assert refusal(lambda: read_record(path)) == (
        f"{path}: id {RECORD.id!r} is not the name of the file"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"schema":1,"later":' + b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe{\0",
        b"null",
    ],
    ids=["lists", "inside", "objects", "UTF-16", "null"],
)
def test_what_is_deep_or_no_text_is_no_record(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    assert refusal(lambda: read_record(path)).startswith(f"{path}: is not a record: ")


def test_text_that_is_no_unicode_is_refused() -> None:
    data = msgspec.json.encode(RECORD).replace(b'"digits"', b'"\\ud800"')
    assert "is not a record" in refusal(lambda: parse_record(data, "x"))


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(1 << 40)  # a terabyte, of which the disk holds nothing
    whats = {
        "pipe": "is not a regular file of at most 64 MiB: it is a FIFO",
        "folder": "cannot be read: Is a directory",
        "huge": "is not a regular file of at most 64 MiB: it has 1,048,576 MiB",
    }
    for name, what in whats.items():
        text = refusal(partial(read_record, tmp_path / f"{name}.json"))
        assert text == f"{tmp_path / name}.json: {what}"
    (tmp_path / "loop.json").symlink_to("loop.json")
    assert "symbolic links" in refusal(lambda: read_record(tmp_path / "loop.json"))


def test_what_is_written_is_what_a_reader_relies_on(tmp_path: Path) -> None:
    record = read_record(write_record(RECORD, tmp_path))
    assert record == RECORD
