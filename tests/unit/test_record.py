"""Records: what is written down of a run, and what a person reads of a file that is none."""

import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

from harness.elf import Elf
from harness.errors import HarnessError, InfrastructureError, InputError
from harness.image.build import Image
from harness.image.memory_record import MemoryUse, SymbolUse, Use
from harness.image.stack_paint import StackUse
from harness.image.toolchain import Toolchain
from harness.link.messages import Welcome
from harness.model.folder import find_model
from harness.report.runs_table import _warnings, print_table
from harness.results.record import SCHEMA, Record
from harness.results.record_file import read_record, write_record
from harness.results.run_record import record_of
from harness.runs.link_run import Run
from harness.target.find_target import load_target
from harness.target.target_file import Counter, Port

ROOT = Path(__file__).parents[2]
BUILD_ID = "0123456789abcdef" * 2


MEMORY = MemoryUse(
    {"model": Use(30_000, 9_000), "link": Use(11_012, 13_000)},
    {".text": Use(41_012, 0), ".bss": Use(0, 22_000)},
    [SymbolUse("model", "model/model.c", "arena", 0, 9_000)],
)


def make_run(**changed: Any) -> Run:
    """Return a run of the bundled model whose device answered as golden."""
    model = find_model("digits", [ROOT / "models"])
    vectors = model.vectors
    assert vectors.golden is not None
    values: dict[str, Any] = {
        "target": load_target(ROOT / "tests" / "data" / "targets" / "valid.toml"),
        "model": model,
        "network": model.graph,
        "image": Image(
            elf=Elf(Path("firmware.elf")),
            build_id=BUILD_ID,
            engine="cmsis-nn",
            engine_version="cmsis-nn 4.0.0",
            toolchain=Toolchain("gcc", Path("arm-none-eabi-gcc"), "gcc 12.2.1"),
            flash=41_012,
            ram=22_000,
            cached=False,
            arena=9_000,
            arena_least=8_800,
        ),
        "board_version": "QEMU emulator version 7.2",
        "welcome": Welcome(
            1, BUILD_ID, 2048, 0x2000_1000, 784, 10, 9000, 4096, 5, 65536, 0, "tim2"
        ),
        "vectors": vectors,
        "all_golden": vectors.all_golden,
        "golden_source": vectors.golden_source,
        "all_outputs": vectors.all_golden,
        "ticks": np.arange(1, len(vectors) + 1, dtype=np.int64),
        "memory": MEMORY,
        "stack": StackUse(700, 4096),
        "retries": 1,
        "log": ("a line",),
        "input_via": "serial",
        "looks": np.zeros(len(vectors), dtype=np.int64),
        "wall": 1.23456,
        "inference": 1.0,
    }
    return Run(**values | changed)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return record_of(make_run(), tmp_path)


def message(kind: type[HarnessError], action: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        action()
    return str(caught.value)


# What is in it


def test_a_record_tells_what_ran_on_what(record: Record) -> None:
    run = make_run()
    assert record.schema == SCHEMA
    assert (record.verdict, record.reasons) == ("passed", [])
    assert (record.target.name, record.target.core) == ("valid", "cortex-m4f")
    assert (record.target.board, record.target.version) == ("qemu", "QEMU emulator version 7.2")
    assert (record.model.name, record.model.digest) == ("digits", run.model.digest)
    assert record.model.vectors == run.vectors.digest
    assert (record.image.build_id, record.image.compiler) == (BUILD_ID, "gcc 12.2.1")
    assert record.ticks == run.ticks.tolist()
    assert (record.counter, record.retries, record.log) == ("tim2", 1, ["a line"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", record.started)


def test_every_number_has_a_unit_and_a_kind(record: Record) -> None:
    for name, number in record.numbers.items():
        assert number.unit in {"1", "byte", "s"}, name
        assert number.kind in {"exact", "measured", "estimated"}, name
        measured = number.unit == "s" or name in {"stack", "stack_margin"}
        assert (number.kind == "exact") != measured, name  # no clock is exact
    value = {name: number.value for name, number in record.numbers.items()}
    assert (value["flash"], value["ram"], value["arena"]) == (41_012, 22_000, 9000)
    assert (value["stack"], value["stack_reserved"], value["stack_margin"]) == (700, 4096, 3396)
    assert value["arena_least"] == 8_800
    assert value["flash_left"] == (1 << 20) - 41_012
    assert value["ram_left"] == (1 << 17) - 22_000
    assert (value["vectors"], value["bytes_differing"]) == (200, 0)
    assert (value["instructions_min"], value["instructions_max"]) == (1, 200)
    assert value["instructions_median"] == 100.5


def test_a_record_tells_where_memory_goes(record: Record, tmp_path: Path) -> None:
    path = write_record(record, tmp_path)
    assert read_record(path).memory == MEMORY
    held = json.loads(path.read_text())
    assert held["memory"]["parts"]["model"] == {"flash": 30_000, "ram": 9_000}
    assert held["memory"]["symbols"][0]["symbol"] == "arena"
    del held["memory"], held["digest"]  # as in the first records
    path.write_text(json.dumps(held))
    assert read_record(path).memory is None


@pytest.mark.parametrize(("used", "verdict"), [(4095, "passed"), (4096, "failed")])
def test_a_stack_that_is_used_up_is_a_failure(tmp_path: Path, used: int, verdict: str) -> None:
    """Paint at its end is all that tells a stack that was enough from one that was not."""
    record = record_of(make_run(stack=StackUse(used, 4096)), tmp_path)
    assert record.verdict == verdict
    assert record.numbers["stack_margin"].value == 4096 - used
    if verdict == "failed":
        assert record.reasons == [
            "all 4,096 bytes of the stack were used: it may have overflowed; `stack` in the "
            "target file sets its size"
        ]


def test_a_record_tells_how_the_device_was_fed(tmp_path: Path) -> None:
    why = "auto: the transfer of vector 0 took 5 ms over the serial line and 1 ms through memory"
    record = record_of(replace(make_run(), input_via="debug", input_choice=why), tmp_path)
    path = write_record(record, tmp_path)
    read = read_record(path)
    assert (read.input_via, read.input_choice) == ("debug", why)
    held = json.loads(path.read_text())
    assert held["input_via"] == "debug"
    path.write_text(json.dumps(held | {"input_via": "spoon"}))
    assert "is not a record" in message(InputError, lambda: read_record(path))
    del held["input_via"], held["input_choice"], held["digest"]
    path.write_text(json.dumps(held))
    assert read_record(path).input_via == "serial"  # there was no other way then
    assert not read_record(path).input_choice


def test_cycles_of_silicon_are_measured_not_exact(tmp_path: Path) -> None:
    run = make_run()
    target = msgspec.structs.replace(run.target, counter=Counter("cycles"))
    numbers = record_of(replace(run, target=target), tmp_path).numbers
    assert numbers["cycles_median"].kind == "measured"
    assert numbers["flash"].kind == "exact"
    assert not [name for name in numbers if name.startswith("instructions")]


def test_a_model_that_is_not_right_is_recorded_with_the_reasons(tmp_path: Path) -> None:
    run = make_run()
    outputs = run.outputs.copy()
    outputs[3, 2] ^= 1
    record = record_of(replace(run, all_outputs=(outputs,)), tmp_path)
    assert record.verdict == "failed"
    assert len(record.reasons) == 1
    assert "1 of 2000 output bytes differ from golden" in record.reasons[0]
    assert "first: vector 3, byte 2" in record.reasons[0]


def test_two_records_of_one_second_are_two(tmp_path: Path) -> None:
    run = make_run()
    paths = {write_record(record_of(run, tmp_path), tmp_path / "runs") for _ in range(20)}
    assert len(paths) == len(list((tmp_path / "runs").iterdir())) == 20


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH")
def test_the_commit_and_whether_files_differ_from_it_are_recorded(tmp_path: Path) -> None:
    def git(*command: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        return subprocess.run(
            ["git", *who, *command], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    clean = record_of(make_run(), tmp_path).commit
    (tmp_path / "file").write_text("two")
    dirty = record_of(make_run(), tmp_path).commit
    assert clean is not None
    assert dirty is not None
    assert clean.hash == dirty.hash == git("rev-parse", "HEAD")
    assert (clean.dirty, dirty.dirty) == (False, True)
    assert clean.time == git("log", "-1", "--format=%cI")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH")
@pytest.mark.parametrize(
    ("said", "branch"),
    [
        ({}, ""),
        ({"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}, "main"),
        ({"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}, ""),
        ({"GITHUB_HEAD_REF": "fix", "GITHUB_REF_NAME": "7/merge"}, "fix"),
        ({"CI_COMMIT_BRANCH": "nightly"}, "nightly"),
    ],
)
def test_the_branch_is_recorded_also_where_ci_checks_out_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, str], branch: str
) -> None:
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF_TYPE", "GITHUB_REF_NAME", "CI_COMMIT_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    def git(*command: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *command], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--initial-branch=trunk")
    git("commit", "--allow-empty", "-m", "one")
    on_branch = record_of(make_run(), tmp_path).commit
    git("checkout", "--detach")
    detached = record_of(make_run(), tmp_path).commit
    assert on_branch is not None
    assert detached is not None
    assert (on_branch.branch, detached.branch) == ("trunk", branch)


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert record_of(make_run(), tmp_path).commit is None  # no repository
    monkeypatch.setenv("PATH", str(tmp_path))
    assert record_of(make_run(), ROOT).commit is None  # no git


# Writing


def test_what_is_read_is_what_was_written(record: Record, tmp_path: Path) -> None:
    path = write_record(record, tmp_path / "reports" / "runs")
    assert read_record(path) == record
    assert path.name == f"{record.id}.json"
    assert json.loads(path.read_text())["numbers"]["flash"] == {
        "value": 41_012,
        "unit": "byte",
        "kind": "exact",
    }
    assert [path] == list(path.parent.iterdir())


def fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_write_that_fails_leaves_nothing_and_says_so(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
    assert message(InfrastructureError, lambda: write_record(record, tmp_path)) == (
        f"{tmp_path / record.id}.json: the record cannot be written: No space left on device"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_explained(record: Record, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    text = message(InfrastructureError, lambda: write_record(record, tmp_path / "reports" / "runs"))
    assert "the record cannot be written: Not a directory" in text


# Reading

Damage = Callable[[bytes], bytes]


def changed(**values: Any) -> Damage:
    return lambda data: json.dumps(json.loads(data) | values).encode()


def without_kind(data: bytes) -> bytes:
    record = json.loads(data)
    del record["numbers"]["flash"]["kind"]
    return json.dumps(record).encode()


FOREIGN: dict[str, tuple[Damage, str]] = {
    "empty": (lambda _: b"", "is not a record: "),
    "cut short": (lambda data: data[: len(data) // 2], "is not a record: Input data was truncated"),
    "no JSON": (lambda _: b"PK\x03\x04", "is not a record: JSON is malformed"),
    "no text": (lambda _: b'{"schema": "\xff"}', "is not a record: "),
    "another JSON": (lambda _: b'{"name": "package"}', "is not a record: "),
    "a list": (lambda _: b"[1, 2]", "is not a record: "),
    "of the future": (
        changed(schema=SCHEMA + 1),
        f"has schema version {SCHEMA + 1}; this harness reads {SCHEMA}",
    ),
    "of a quite different future": (
        lambda _: b'{"schema": 9, "everything": "else"}',
        f"has schema version 9; this harness reads {SCHEMA}",
    ),
    "an unknown verdict": (changed(verdict="perhaps"), "is not a record: "),
    "a number without kind": (without_kind, "is not a record: "),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_that_is_no_record_is_explained(record: Record, tmp_path: Path, what: str) -> None:
    damage, text = FOREIGN[what]
    path = write_record(record, tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert message(InputError, lambda: read_record(path)).startswith(f"{path}: {text}")


def test_a_missing_record_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    assert message(InputError, lambda: read_record(path)) == (
        f"{path}: cannot be read: No such file or directory"
    )


# The table


def auc_run() -> Run:
    model = find_model("anomaly", [ROOT / "models"])
    golden = model.vectors.all_golden
    return make_run(
        model=model,
        network=model.graph,
        vectors=model.vectors,
        all_golden=golden,
        all_outputs=golden,
        ticks=np.arange(1, len(model.vectors) + 1, dtype=np.int64),
    )


def test_a_record_says_which_metric_its_quality_is(tmp_path: Path) -> None:
    run = auc_run()
    record = record_of(run, tmp_path)
    assert record.model.metric == "auc"
    assert record.numbers["auc"].value == record.numbers["auc_golden"].value == run.quality
    assert record.numbers["auc_target"].value == run.model.quality_target
    assert "accuracy" not in record.numbers
    read = read_record(write_record(record, tmp_path))
    assert read.model.metric == "auc"


def test_quality_below_the_floor_names_the_metric() -> None:
    run = auc_run()
    high = replace(run, model=replace(run.model, quality_target=0.99))
    [reason] = high.failures()
    assert reason.startswith(
        f"AUC {run.quality:.4f} is below the quality target 0.99; golden reaches"
    )


def test_a_record_from_before_there_were_metrics_is_of_accuracy(
    record: Record, tmp_path: Path
) -> None:
    path = write_record(record, tmp_path)
    data = json.loads(path.read_bytes())
    del data["model"]["metric"], data["digest"]
    path.write_text(json.dumps(data))
    assert read_record(path).model.metric == "accuracy"


def table(records: list[Record]) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO())
    print_table(records, console)
    return console.export_text().splitlines()


def test_a_small_margin_of_the_stack_is_said(tmp_path: Path) -> None:
    [line] = [
        line
        for line in table([record_of(make_run(stack=StackUse(4000, 4096)), tmp_path)])
        if "stack" in line
    ]
    assert line.strip() == "valid, digits: only 96 of 4,096 bytes of the stack are unused"
    assert not [line for line in table([record_of(make_run(), tmp_path)]) if "stack" in line]


def test_a_quality_that_guesses_reach_is_said(record: Record) -> None:
    assert record.numbers["accuracy_chance"].value < 1
    assert "guesses" not in " ".join(table([record]))
    guessed = record.numbers | {"accuracy_chance": record.numbers["accuracy"]}
    text = " ".join(" ".join(table([msgspec.structs.replace(record, numbers=guessed)])).split())
    value = record.numbers["accuracy"].value
    assert f"accuracy {value:.4f} proves nothing: guesses reach up to {value:.4f} on" in text


def test_a_table_of_different_metrics_says_which_is_which(record: Record, tmp_path: Path) -> None:
    auc = record_of(auc_run(), tmp_path)
    both = table([record, auc])
    assert "quality" in both[1]
    assert "quality (accuracy; AUC of anomaly)" in " ".join(both)
    assert any(f" {auc.numbers['auc'].value:.4f} " in line for line in both)
    assert "accuracy" in table([record])[1]
    assert "  AUC " in table([auc])[1]
    assert max(len(line.rstrip()) for line in both) <= 80


def test_looks_of_the_debugger_are_recorded_and_warned_of(tmp_path: Path) -> None:
    never = record_of(make_run(), tmp_path)
    assert (never.carrier, never.looks) == ("serial", [])
    target = load_target(ROOT / "targets" / "nucleo-f429zi.toml")
    target = msgspec.structs.replace(target, port=Port("generic"))
    looks = np.zeros(len(make_run().vectors), dtype=np.int64)
    looks[3] = 2
    record = record_of(make_run(target=target, looks=looks, retries=0), tmp_path)
    assert record.carrier == "rtt"
    assert record.looks == looks.tolist()
    first = f"the debugger read memory during up to 1 of {len(looks)} inferences, at most 2 x"
    assert [text for text in _warnings(record) if text.startswith(first)]


def test_a_record_names_the_ci_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_JOB_URL", "https://user:secret@ci.example.org/jobs/7")
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    assert record_of(make_run(), tmp_path).job == "https://ci.example.org/jobs/7"
