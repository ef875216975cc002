"""The local index follows the files, whatever is among them; and a writer that is killed."""

import csv
import fcntl
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pandas as pd
import pytest

import harness
from harness.cli.main import main
from harness.errors import InfrastructureError, InputError
from harness.results.record_file import read_record, write_record
from harness.results.store.dataframes import frame_of, write_csv
from harness.results.store.index import Index
from harness.results.store.open_results import open_store
from harness.results.store.store import Store
from harness.workspace import Workspace
from tests.support.full_disk import file_size
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


def exported(root: Path) -> str:
    """Return all numbers."""
    with open_store("", Workspace(root)) as store:
        return frame_of(store).to_csv()


def flip_bit(data: bytearray, dice: random.Random) -> None:
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def zero_page(data: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(data) // 4096) * 4096
    data[start : start + 4096] = bytes(4096)


def swap_pages(data: bytearray, dice: random.Random) -> None:
    one, other = (4096 * page for page in dice.sample(range(1, len(data) // 4096), 2))
    first = data[one : one + 4096]
    data[one : one + 4096], data[other : other + 4096] = data[other : other + 4096], first


def cut_off(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data)) :]


def change_digit(data: bytearray, dice: random.Random) -> None:
    at = dice.choice([i for i, byte in enumerate(data) if chr(byte).isdigit()])
    data[at] = ord("0") + (data[at] - ord("0") + 1) % 10


def append(data: bytearray, dice: random.Random) -> None:
    data += dice.randbytes(dice.choice([1, 4096, 5000]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("damage", [flip_bit, zero_page, swap_pages, cut_off, change_digit, append])
def test_a_damaged_index_gives_no_other_numbers(
    root: Path,
    damage: Callable[[bytearray, random.Random], None],
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    true = exported(root)
    dice = random.Random(seed)
    path = root / "reports" / "index.sqlite"
    for _ in range(5):
        data = bytearray(path.read_bytes())
        damage(data, dice)
        if data == path.read_bytes():
            continue  # two equal pages
        path.write_bytes(data)
        assert exported(root) == true
        assert capsys.readouterr().err == (
            f"harness: {path}: does not match index.digest; it is made again from "
            f"{root}/reports/runs\n"
        )
    assert exported(root) == true
    assert capsys.readouterr().err == ""


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE runs (id, started)")


def of_the_future(path: Path) -> None:
    digest = path.with_suffix(".digest")
    digest.write_text(digest.read_text().replace("1 ", "2 ", 1))


def without_digest(path: Path) -> None:
    path.with_suffix(".digest").unlink()


def digest_is_binary(path: Path) -> None:
    path.with_suffix(".digest").write_bytes(b"\xff\xfe")


def digest_is_a_folder(path: Path) -> None:
    path.with_suffix(".digest").unlink()
    path.with_suffix(".digest").mkdir()


def killed_writer(path: Path) -> None:
    """A commit in the write-ahead log only, of a process that was killed."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("UPDATE numbers SET value = value + 1")
        database.commit()
        saved = {end: path.with_name(path.name + end).read_bytes() for end in ("", "-wal", "-shm")}
    for end, data in saved.items():
        path.with_name(path.name + end).write_bytes(data)


def hot_journal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE numbers SET value = value + 1")
        journal = path.with_name(path.name + "-journal").read_bytes()
        database.rollback()
    path.with_name(path.name + "-journal").write_bytes(journal)


def stale_log(path: Path) -> None:
    path.with_name(path.name + "-wal").write_bytes(b"left")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage",
    [
        foreign,
        of_the_future,
        without_digest,
        digest_is_binary,
        killed_writer,
        hot_journal,
        stale_log,
        fifo,
    ],
)
def test_what_is_not_this_index_is_made_anew(root: Path, damage: Callable[[Path], None]) -> None:
    true = exported(root)
    path = root / "reports" / "index.sqlite"
    damage(path)
    assert exported(root) == true
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "index.digest",
        "index.lock",
        "index.sqlite",
        "runs",
    ]


@pytest.mark.parametrize("damage", [digest_is_a_folder, lambda path: (path.unlink(), path.mkdir())])
def test_a_folder_in_place_of_the_index_is_explained(
    root: Path, damage: Callable[[Path], None]
) -> None:
    exported(root)
    damage(root / "reports" / "index.sqlite")
    with pytest.raises(InfrastructureError, match="the index cannot be written: Is a directory"):
        exported(root)


def test_an_index_on_a_full_disk_is_explained_and_made_again(root: Path) -> None:
    true = exported(root)
    path = root / "reports" / "index.sqlite"
    for limit in (0, 4096, 20_000):
        path.unlink(missing_ok=True)
        with file_size(limit), pytest.raises(InfrastructureError) as caught:
            exported(root)
        assert caught.value.remedy
        assert not list(path.parent.glob(".*"))
    assert exported(root) == true


def test_a_damaged_record_is_named_and_the_others_are_read(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flipped bit in a digit makes another number, and the file is still a Record."""
    for record in (root / "reports" / "runs").iterdir():
        write_record(read_record(record), record.parent)
    ids(root)
    path = sorted((root / "reports" / "runs").iterdir())[3]
    data = path.read_bytes()
    at = data.index(b'"value": ', data.index(b'"flash"')) + len(b'"value": ')
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert ids(root) == files(root) - {path.stem}
    assert capsys.readouterr().err == (
        f"harness: skipped: {path}: is damaged or was changed: its contents do not match its key "
        "`digest`; restore or remove it; after a change of your own, remove the key `digest`\n"
    )
    path.write_bytes(data)
    assert ids(root) == files(root)


def test_a_reader_never_sees_half_an_index(root: Path) -> None:
    """While one process makes the index again, others read the old one or the new one."""
    whole = len(ids(root))
    with Index(root / "reports" / "index.sqlite") as reader:
        for _ in range(5):
            (root / "reports" / "index.digest").unlink()
            maker = threading.Thread(target=update, args=(root,))
            maker.start()
            while maker.is_alive():
                assert len(reader.find()) == whole
            maker.join()


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
        "place": "category",
        "chip_id": "category",
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


FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]


@pytest.mark.parametrize("text", [*FORMULAS, "1-1", "a=b", "'=1", "", "n\r=1", 'x",=1'])
def test_a_cell_of_text_is_no_formula(text: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"model": [text], "value": [-0.5], "run": ["-r"], "error": [float("nan")]})
    table = table.astype({"model": "category", "run": "str"})
    path = tmp_path / "a.csv"
    write_csv(table, path)
    with path.open(newline="", encoding="utf-8") as file:
        [heading, [model, value, run, error]] = csv.reader(file)
    assert heading == ["model", "value", "run", "error"]
    assert model == (f"'{text}" if text in FORMULAS else text)
    assert (value, run, error) == ("-0.5", "'-r", "")


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


@pytest.mark.filterwarnings("ignore:.*is multi-threaded:DeprecationWarning")  # its fork only writes
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
