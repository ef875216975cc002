"""The local index follows the files, whatever is among them; and a writer that is killed."""

import fcntl
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pandas as pd
import pytest

import harness
from harness.cli.main import main
from harness.errors import InfrastructureError, InputError
from harness.results.record_file import read_record, write_record
from harness.results.store.index import Index
from harness.results.store.open_results import open_store
from harness.results.store.store import Store
from harness.workspace import Workspace
from tests.support.year import MODELS, TARGETS, write_year, year

NIGHTS = 10
KILLS = 100


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a small year in it."""
    root = tmp_path_factory.mktemp("year")
    write_year(root / "reports" / "runs", NIGHTS)
    return root


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    """A repository with a few records, to be spoilt."""
    folder = tmp_path / "reports" / "runs"
    folder.mkdir(parents=True)
    for path in sorted((written / "reports" / "runs").iterdir())[:8]:
        shutil.copy2(path, folder)
    return tmp_path


def ids(root: Path) -> set[str]:
    with open_store("", Workspace(root)) as store:
        return {entry.id for entry in store.find()}


def files(root: Path) -> set[str]:
    return {path.stem for path in (root / "reports" / "runs").glob("2*.json")}


def update(root: Path) -> list[str]:
    with Index(root / "reports" / "index.sqlite") as index:
        return sorted(str(error) for error in index.update(root / "reports" / "runs"))


def test_a_year_is_indexed_whole_and_read_once(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ids(written) == files(written)
    assert len(files(written)) == NIGHTS * len(MODELS) * len(TARGETS)

    def read_again(path: Path) -> None:
        raise AssertionError(path)

    monkeypatch.setattr("harness.results.store.index.read_file", read_again)
    with open_store("", Workspace(written)) as store:
        series = store.series("instructions_median", model="digits", target="virtual-stm32")
    values = [point.value for point in series]
    assert len(values) == NIGHTS
    assert values[-1] > 1.02 * values[0]
    assert [p.started for p in series] == sorted(p.started for p in series)


def test_keys_of_a_newer_writer_are_kept(written: Path) -> None:
    with sqlite3.connect(written / "reports" / "index.sqlite") as database:
        if not database.execute("SELECT name FROM sqlite_master").fetchall():
            ids(written)
        [text] = database.execute("SELECT json FROM records LIMIT 1").fetchone()
    database.close()
    assert "later_layers" in msgspec.json.decode(text)


def test_what_is_no_record_is_named_and_the_rest_is_read(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = files(root)
    folder = root / "reports" / "runs"
    whole = next(folder.iterdir()).read_bytes()
    spoilt = {
        "empty": b"",
        "foreign": b'{"name": "package"}',
        "future": b'{"schema": 2}',
        "nested": b'{"schema": 1, "x": ' + b"[" * 50_000,
        "renamed": whole,
        "text": b"\xff\xfe",
        "torn": whole[:1000],
        "torn-in-front": whole[1000:],
    }
    for name, data in spoilt.items():
        (folder / f"{name}.json").write_bytes(data)
    (folder / "directory.json").mkdir()
    (folder / "dangling.json").symlink_to("nowhere")
    (folder / ".2026.partial").write_bytes(whole[:1000])  # a writer is at work, or was killed
    (folder / "notes.txt").write_text("no record is meant")
    bad = sorted([*spoilt, "directory", "dangling"])
    for _ in range(2):  # each time, until somebody repairs or removes them
        assert ids(root) == good
        lines = capsys.readouterr().err.splitlines()
        assert [Path(line.split(": ")[2]).stem for line in lines] == bad
    (folder / "future.json").unlink()
    assert "future" not in "".join(update(root))


def test_many_bad_files_are_counted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        (root / "reports" / "runs" / f"{number}.json").touch()
    ids(root)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "harness: skipped: 15 more files"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named_until_it_may(root: Path) -> None:
    path = next((root / "reports" / "runs").iterdir())
    path.chmod(0)
    assert update(root) == [f"{path}: cannot be read: Permission denied"]
    path.chmod(0o644)
    assert update(root) == []


def test_the_index_follows_files_that_come_change_and_go(root: Path) -> None:
    assert ids(root) == files(root)
    folder = root / "reports" / "runs"
    first, second, *_ = sorted(folder.iterdir())
    first.unlink()
    record = read_record(second)
    second.unlink()
    write_record(msgspec.structs.replace(record, retries=77), folder)
    new = next(year(1, seed=5))
    write_record(new, folder)
    assert ids(root) == files(root)
    with open_store("", Workspace(root)) as store:
        assert store.record(record.id).retries == 77
        assert store.record(new.id) == new
        numbers = store.series("flash")
        assert len(numbers) == len(files(root))
    shutil.rmtree(folder)
    assert ids(root) == set()


def test_a_file_that_breaks_after_it_was_read_leaves_the_index(root: Path) -> None:
    ids(root)
    path = next((root / "reports" / "runs").iterdir())
    path.write_bytes(path.read_bytes()[:500])
    assert len(update(root)) == 1
    with Index(root / "reports" / "index.sqlite") as index:
        assert path.stem not in {entry.id for entry in index.find()}


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(3).randbytes(50_000))


def short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def holes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def older(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE harness_version SET version = 0")
    database.close()


def another(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE numbers")
    database.close()


@pytest.mark.parametrize("spoil", [garbage, short, holes, older, another, Path.unlink])
def test_a_spoilt_index_is_made_anew(root: Path, spoil: Callable[[Path], None]) -> None:
    assert ids(root) == files(root)
    spoil(root / "reports" / "index.sqlite")
    assert ids(root) == files(root)
    with open_store("", Workspace(root)) as store:
        assert len(store.series("flash")) == len(files(root))


def test_what_is_no_folder_of_records_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "missing"):
        with pytest.raises(InputError, match="is not a folder of Records"):
            harness.records(tmp_path / name)
        arguments = ["push", str(tmp_path / name), "--store", f"sqlite:///{tmp_path}/a.sqlite"]
        assert main(arguments) == 2
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "runs").touch()
    with pytest.raises(InputError, match="cannot be read: Not a directory"):
        ids(tmp_path)


def test_an_index_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where the folder should be")
    with pytest.raises(InfrastructureError, match="the index cannot be written"):
        ids(tmp_path)


def test_an_index_that_somebody_holds_is_not_waited_for_without_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.results.store.index._LOCK_TIMEOUT", 0.1)
    with (root / "reports" / "index.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InfrastructureError, match="another process has held this lock for"):
            ids(root)
    assert ids(root) == files(root)


def test_processes_that_follow_at_once_agree(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.workspace import Workspace\n"
        "from harness.results.store.open_results import open_store\n"
        "with open_store('', Workspace(Path(sys.argv[1]))) as store: print(len(store.find()))"
    )
    readers = [
        subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [reader.communicate(timeout=60)[0] for reader in readers] == [b"8\n"] * 3


# Frames and exports


def test_a_frame_is_tidy(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written)
    table = harness.records()
    records = list(year(NIGHTS))
    assert len(table) == sum(len(record.numbers) for record in records)
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
        "run": "str",
        "started": "datetime64[us, UTC]",
        "commit": "category",
        "branch": "category",
        "target": "category",
        "model": "category",
        "engine": "category",
        "toolchain": "category",
        "optimize": "category",
        "verdict": "category",
        "metric": "category",
        "value": "float64",
        "unit": "category",
        "kind": "category",
        "estimator": "category",
        "error": "float64",
    }
    assert not table.duplicated(["run", "metric"]).any()
    assert table["started"].is_monotonic_increasing
    record = records[7]
    rows = table[table["run"] == record.id].set_index("metric")
    for name, number in record.numbers.items():
        row = rows.loc[name]
        assert (row["value"], row["unit"], row["kind"]) == (number.value, number.unit, number.kind)
    estimates = table[table["kind"] == "estimated"]
    assert set(estimates["metric"]) == {"energy"}
    assert set(estimates["estimator"]) == {"made up"}
    assert (estimates["error"] == 0.2).all()
    assert table.loc[table["kind"] != "estimated", "error"].isna().all()
    medians = table[table["metric"] == "instructions_median"].pivot_table(
        index="started", columns=["target", "model"], values="value", observed=True
    )
    assert medians.shape == (2 * NIGHTS, 2 * len(MODELS))  # a target begins when the last one ended


def test_a_frame_of_a_folder_and_of_a_store_are_the_same(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written / "reports" / "runs"
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    assert main(["push", str(folder), "--store", url]) == 0
    of_folder = harness.records(folder, model="digits")
    pd.testing.assert_frame_equal(of_folder, harness.records(url, model="digits"))
    assert set(of_folder["model"]) == {"digits"}
    assert not (tmp_path / "reports").exists()
    empty = harness.records()  # there was no run here
    assert empty.empty
    assert (empty.dtypes.astype(str) == of_folder.dtypes.astype(str)).all()


def test_exports_hold_what_the_frame_does(
    written: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(written)
    table = harness.records()
    csv, parquet = tmp_path / "all.csv", tmp_path / "all.parquet"
    assert main(["export", "--csv", str(csv)]) == 0
    assert main(["export", "--parquet", str(parquet)]) == 0
    assert f"{len(table):,} numbers of 150 runs" in capsys.readouterr().out
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), table)
    read = pd.read_csv(csv, parse_dates=["started"], dtype={"unit": str}, keep_default_na=False)
    assert list(read["value"]) == list(table["value"])
    assert list(read["unit"]) == list(table["unit"])
    assert list(read["started"]) == list(table["started"])
    assert main(["export", "--csv", str(tmp_path)]) == 2
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["export", "--parquet", str(parquet)]) == 3
    assert "pip install 'tinyml-harness[parquet]'" in capsys.readouterr().err


# Pushing


def test_push_adds_what_a_store_lacks(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    url = f"sqlite:///{root / 'team.sqlite'}"
    first = read_record(next((root / "reports" / "runs").iterdir()))
    with Store(url) as store:
        store.add(first)
    (root / "reports" / "runs" / "torn.json").write_text("{")
    assert main(["push", "--store", url]) == 0
    told = capsys.readouterr()
    assert told.out == "7 Records added, 1 already in the store\n"
    assert "skipped: " in told.err
    assert main(["push", "--store", url]) == 0
    assert capsys.readouterr().out == "0 Records added, 8 already in the store\n"
    assert main(["push"]) == 2
    assert main(["push", "--store", "nowhere"]) == 2
    # A team's store keeps what one machine's folder no longer has.
    shutil.rmtree(root / "reports" / "runs")
    assert main(["push", "--store", url]) == 0
    assert main(["export", "--csv", str(root / "a.csv"), "--store", url]) == 0
    assert "of 8 runs" in capsys.readouterr().out


# A writer that is killed


def test_a_killed_writer_loses_no_earlier_record(tmp_path: Path) -> None:
    dice = random.Random(7)
    folder, url = tmp_path / "runs", f"sqlite:///{tmp_path / 'team.sqlite'}"
    written: set[str] = set()
    for seed in range(KILLS):
        written |= set(_killed(folder, url, seed, dice.randrange(3), dice.uniform(0, 0.01)))
    read = {path.stem: read_record(path) for path in folder.glob("*.json")}  # none is torn
    assert KILLS // 2 < len(written) <= len(read)
    assert written <= set(read)
    with Store(url) as store:
        assert written <= {entry.id for entry in store.find()} <= set(read)
        assert all(store.record(key) == read[key] for key in written)
    with Index(tmp_path / "index.sqlite") as index:
        assert index.update(folder) == []
        assert {entry.id for entry in index.find()} == set(read)


def _killed(folder: Path, url: str, seed: int, records: int, seconds: float) -> list[str]:
    """Start a process that writes records; kill it some time after it has finished so many.

    Returns the ids of all that it had finished.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with Store(url) as store:
                for record in year(seed=seed):
                    write_record(record, folder)
                    store.add(record)
                    os.write(writer, f"{record.id}\n".encode())
        finally:
            os._exit(1)  # before pytest's own ending
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as lines:
        finished = [lines.readline() for _ in range(records)]
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return [line.strip() for line in (*finished, *lines)]
