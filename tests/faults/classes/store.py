"""Faults of what is kept: images, golden outputs, the index and Records are damaged on the disk."""

import csv
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from msgspec import structs

from harness.results.record_file import write_record
from harness.workspace import Workspace
from tests.faults.case import DEADLINE, Case
from tests.faults.classes.process import signal_after
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.faults.truth import MODEL
from tests.support import postgres
from tests.support.store_campaign import Campaign
from tests.support.year import year

_RUN = ("run", f"--model={MODEL}", "--target=virtual-stm32")
_NIGHTS = 2


def damage(file: Path, dice: random.Random) -> None:
    """Change the contents of `file`, or what it is."""
    data = bytearray(file.read_bytes())
    match dice.randrange(8):
        case 0 | 1 | 2:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        case 3:
            del data[dice.randrange(len(data)) :]
        case 4:
            start = dice.randrange(len(data))
            data[start : start + 4096] = bytes(len(data[start : start + 4096]))
        case 5:
            data[:] = dice.randbytes(len(data))
        case 6:
            data += dice.randbytes(100)
        case 7:
            file.unlink()
            os.mkfifo(file)
            return
    file.write_bytes(data)


@fault(seeds=12)
def a_file_of_a_cached_image_is_damaged(case: Case) -> None:
    files = [path for path in (case.root / "build" / "images").rglob("*") if path.is_file()]
    names = ("firmware.elf", "firmware.map", "digests.json")
    chosen = [path for path in files if path.name in names]
    damage(case.random.choice(sorted(chosen)), case.random)
    case.harness(*_RUN, records=1)


@fault(seeds=6)
def a_build_is_killed(case: Case) -> None:
    shutil.rmtree(case.root / "build")
    moment = case.random.uniform(0.2, 3)
    case.harness(*_RUN, ends=(-signal.SIGKILL, 0), during=signal_after(moment, signal.SIGKILL))
    case.harness(*_RUN, records=1)


@fault(seeds=4)
def two_processes_build_the_same_image(case: Case) -> None:
    shutil.rmtree(case.root / "build")

    def start_another(_: "subprocess.Popen[bytes]") -> None:
        done = _quietly(case, *_RUN)
        if done.returncode != 0:
            case.found(Kind.UNCLEAR_ERROR, done.stderr[-2000:])

    case.harness(*_RUN, during=start_another, records=2)


@fault(seeds=40)
def the_index_is_damaged(case: Case) -> None:
    true = _exported_year(case)
    path = case.root / "reports" / case.random.choice(("index.sqlite",) * 5 + ("index.digest",))
    damage(path, case.random)
    _compare(case, true)


@fault()
def the_index_is_something_else(case: Case) -> None:
    true = _exported_year(case)
    for spoil in (_foreign, _no_database, _write_ahead_log, Path.unlink):
        spoil(case.root / "reports" / "index.sqlite")
        _compare(case, true)
    path = case.root / "reports" / "index.sqlite"
    path.unlink()
    path.mkdir()
    case.harness("export", "--csv", "all.csv", ends=(3,))


@fault(seeds=8)
def clients_of_a_shared_store_and_its_server_are_killed(case: Case) -> None:
    if postgres.why_not():
        return
    with postgres.running(postgres.Server()) as server:
        campaign = Campaign(server, Workspace(case.root / "team"), case.random.randrange(1 << 30))
        campaign.run(clients=12, records=20, kills=16)
    for text in campaign.findings:
        case.found(Kind.LOST_RECORD, text)


@fault(seeds=20)
def a_record_is_damaged(case: Case) -> None:
    true = _exported_year(case)
    path = case.random.choice(sorted((case.root / "reports" / "runs").iterdir()))
    damage(path, case.random)
    done = _quietly(case, "export", "--csv", "all.csv")
    if done.returncode != 0 or "Traceback" in done.stderr:
        case.found(Kind.UNCLEAR_ERROR, done.stderr[-2000:])
    rows = _rows(case)
    if not rows <= true:
        case.found(Kind.WRONG_NUMBER, "the export has other numbers")
    if {row for row in true if row[0] != path.stem} - rows:
        case.found(Kind.LOST_RECORD, "the export lacks other Records")
    if rows != true and path.name not in done.stderr:
        case.found(Kind.UNCLEAR_ERROR, f"the damaged Record is not named: {done.stderr}")


def _exported_year(case: Case) -> set[tuple[str, ...]]:
    """Write some Records, export them, and return the rows."""
    for record in year(_NIGHTS):
        target = structs.replace(record.target, name="made-up")  # not one with a known truth
        write_record(structs.replace(record, target=target), case.root / "reports" / "runs")
    case.harness("export", "--csv", "all.csv")
    return _rows(case)


def _quietly(case: Case, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command without a judgement."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=case.root,
        env=case.environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=DEADLINE,
        check=False,
    )


def _rows(case: Case) -> set[tuple[str, ...]]:
    with (case.root / "all.csv").open(newline="") as file:
        return {tuple(row) for row in csv.reader(file)}


def _compare(case: Case, true: set[tuple[str, ...]]) -> None:
    (case.root / "all.csv").unlink()
    case.harness("export", "--csv", "all.csv")
    if (case.root / "all.csv").exists() and _rows(case) != true:
        case.found(Kind.WRONG_NUMBER, "the export has other numbers")


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE runs (id, started)")


def _no_database(path: Path) -> None:
    path.write_text("Dear Sir, " * 500)


def _write_ahead_log(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("UPDATE numbers SET value = value + 1")
        database.commit()
        saved = {end: path.with_name(path.name + end).read_bytes() for end in ("", "-wal")}
    for end, data in saved.items():
        path.with_name(path.name + end).write_bytes(data)
