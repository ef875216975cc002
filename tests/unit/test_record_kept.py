"""What was measured is never lost: the Record is checked, written elsewhere, or printed."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.measure.number import Number
from harness.results import run_record
from harness.results.record import Record
from harness.results.record_file import parse_record, read_record, write_record
from harness.results.recording import RecordElsewhereError, keep_record
from harness.results.run_record import record_of
from harness.support.file_name import check_name
from harness.support.printable_texts import printable_texts
from harness.workspace import Workspace
from tests.support.full_disk import file_size
from tests.support.repository import Repository
from tests.unit.test_record import make_run

replace = msgspec.structs.replace

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None,
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return record_of(make_run(), tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


# Where the Record is


def test_a_record_that_cannot_be_written_is_kept_elsewhere(
    record: Record, tmp_path: Path, elsewhere: Path
) -> None:
    (tmp_path / "reports").write_text("a file where the folder should be")
    with pytest.raises(RecordElsewhereError) as caught:
        keep_record(record, Workspace(tmp_path))
    path = caught.value.path
    assert path is not None
    assert read_record(path) == record
    assert path.is_relative_to(elsewhere)
    assert f"It is in {path}" in str(caught.value)
    assert caught.value.exit_code == ExitCode.INFRASTRUCTURE


def test_without_any_place_a_record_is_printed(
    record: Record, tmp_path: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with file_size(0), pytest.raises(RecordElsewhereError, match="is printed above") as caught:
        keep_record(record, Workspace(tmp_path))
    assert caught.value.path is None
    assert parse_record(capsys.readouterr().err.encode(), "printed") == record
    assert list(elsewhere.iterdir()) == []
    assert list((tmp_path / "reports" / "runs").iterdir()) == []


def test_a_refused_record_is_kept_elsewhere(
    record: Record, tmp_path: Path, elsewhere: Path
) -> None:
    wrong = replace(record, ticks=[1])
    with pytest.raises(RecordElsewhereError, match="ticks: number of entries is 1") as caught:
        keep_record(wrong, Workspace(tmp_path))
    assert caught.value.path is not None
    assert msgspec.json.decode(caught.value.path.read_bytes(), type=Record) == wrong
    assert not (tmp_path / "reports").exists()


@needs_gcc
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_the_table_is_shown_though_the_record_cannot_be_written(
    repository: Repository, elsewhere: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (repository.root / "reports").write_text("a file where the folder should be")
    code = main([command, "--model=small", "--engine=misbehaving", "--target=qemu-stm32"])
    assert code == ExitCode.INFRASTRUCTURE
    (path,) = elsewhere.rglob("*.json")
    said = capsys.readouterr()
    assert str(path.parent) in (said.out + said.err).replace("\n", "").replace(" ", "")
    record = read_record(path)
    assert record.model.name == "small"
    assert f"{record.numbers['flash'].value:,}" in said.out


# A Record that is written can be read


@pytest.mark.parametrize(
    "changes",
    [
        {"ticks": []},
        {"id": "a/b"},
        {"id": "x" * 241},
        {"started": "yesterday"},
        {"log": ["x" * (64 << 20)]},
    ],
    ids=["no ticks", "a path", "too long", "no time", "too large"],
)
def test_what_a_reader_refuses_is_not_written(
    record: Record, tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        write_record(replace(record, **changes), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2.0**53, -1])
def test_a_number_that_a_reader_refuses_is_not_written(
    record: Record, tmp_path: Path, value: float
) -> None:
    numbers = record.numbers | {"flash": Number(value, "byte", "exact")}
    with pytest.raises(InputError):
        write_record(replace(record, numbers=numbers), tmp_path)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.text(st.characters()), max_size=3))
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_any_text_can_be_stored(record: Record, tmp_path: Path, log: list[str]) -> None:
    host = replace(record.host, system=os.fsdecode(b"caf\xe9"))
    any_text = replace(record, log=log, host=host)
    path = write_record(any_text, tmp_path)
    assert read_record(path) == printable_texts(any_text)


def test_a_record_with_any_text_is_kept_elsewhere(
    record: Record, tmp_path: Path, elsewhere: Path
) -> None:
    (tmp_path / "reports").touch()
    any_text = replace(record, log=[os.fsdecode(b"caf\xe9"), "\0\x1b"])
    with pytest.raises(RecordElsewhereError) as caught:
        keep_record(any_text, Workspace(tmp_path))
    assert caught.value.path is not None
    assert read_record(caught.value.path) == printable_texts(any_text)


def test_a_long_log_keeps_its_first_and_last_lines(tmp_path: Path) -> None:
    lines = tuple(f"{number} {'x' * 50}" for number in range(220_000))
    record = record_of(make_run(log=lines), tmp_path)
    assert record.log[0].startswith("0 ")
    assert record.log[-1].startswith("219999 ")
    (gap,) = [line for line in record.log if "left out" in line]
    left_out = int(re.sub(r"\D", "", gap))
    assert len(record.log) - 1 + left_out == len(lines)
    path = write_record(record, tmp_path)
    assert path.stat().st_size < 1 << 20
    assert read_record(path).log == record.log


@pytest.mark.parametrize(
    "log",
    [
        ("\0" * 11_000_000,),
        pytest.param(("",) * 11_000_000, marks=pytest.mark.slow),
        ("\x1b" * 9_999,) * 1100,
        ("x" * (run_record._LOG - 1),),
    ],
    ids=["one line", "empty lines", "control characters", "just fits"],
)
def test_any_log_gives_a_record_of_bounded_size(log: tuple[str, ...], tmp_path: Path) -> None:
    record = record_of(make_run(log=log), tmp_path)
    path = write_record(record, tmp_path)
    assert path.stat().st_size < 4 << 20
    assert read_record(path) == printable_texts(record)


@given(st.lists(st.integers(0, 300), max_size=30))
def test_a_log_that_fits_is_whole(lengths: list[int]) -> None:
    lines = [chr(ord("a") + index % 26) * length for index, length in enumerate(lengths)]
    limit = run_record._LOG
    run_record._LOG = 400
    try:
        kept = run_record._bounded(lines)
    finally:
        run_record._LOG = limit
    if sum(len(line) + 1 for line in lines) <= 200:
        assert kept == lines
    gaps = [index for index, line in enumerate(kept) if "left out" in line]
    if gaps:
        first, last = kept[: gaps[0]], kept[gaps[0] + 1 :]
        assert first == lines[: len(first)]
        assert last == lines[len(lines) - len(last) :]
    else:
        assert kept == lines


# Names


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("two\nlines", "has characters that are not printable"),
        ("x" * 200, "has 200 bytes"),
        ("é" * 41, "has 82 bytes"),
        (os.fsdecode(b"caf\xe9"), "is not UTF-8"),
        ("\x1b[31mred", "has characters that are not printable"),
        ("gpj.\u202eexe", "has characters that are not printable"),
    ],
)
def test_a_name_that_no_record_can_have_is_refused_before_a_run(
    repository: Repository, name: str, why: str
) -> None:
    (repository.root / "models" / "small").rename(repository.root / "models" / name)
    code, text = repository.harness("run", "--model", f"models/{name}", "--engine", "misbehaving")
    assert code == ExitCode.USAGE
    assert f"the name of the model {why}" in text
    assert "-> rename it: 1 to 80 bytes of printable UTF-8" in text
    assert text.isprintable() or set(text) - set("\n") <= set(map(chr, range(32, 127)))
    assert not (repository.root / "reports").exists()
    with pytest.raises(InputError, match=f"the name of the target {why}"):
        check_name(name, "target", "targets/x.toml")


@pytest.mark.parametrize("name", ["a", "x" * 80, "my model (v2)", "é" * 40, "日本語", "a|b`<c>"])
def test_other_names_can_be_recorded(record: Record, tmp_path: Path, name: str) -> None:
    check_name(name, "model", "models")
    id_ = f"20260101T000000-{'t' * 80}-{name}-edge-impulse-abcdef"
    model = replace(record.model, name=name)
    assert read_record(write_record(replace(record, id=id_, model=model), tmp_path)).id == id_


def test_golden_and_numbers_of_numpy_are_no_reason_to_lose_a_record(tmp_path: Path) -> None:
    run = make_run(ticks=np.full(200, 2**32 - 1, np.int64))
    record = record_of(run, tmp_path)
    assert read_record(write_record(record, tmp_path)) == record
