"""Quick answers: `--vectors` and `--time-limit`, from the choice of vectors to what is compared."""

import contextlib
import json
import random
import re
import shutil
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.measure.subset import Subset
from harness.measure.vector_order import _windows, order_of
from harness.model.folder import Model, load_model
from harness.model.metric import Metric
from harness.model.vectors import Vectors, load_vectors
from harness.report.junit_properties import properties
from harness.report.report_data import summarize
from harness.results.outcome import outcome_of
from harness.results.record import Record
from harness.results.record_file import read_record
from harness.results.store.store import Store
from harness.runs.bench import link_bench
from harness.runs.device_under_test import quality_failures
from harness.runs.link_run import Run
from harness.runs.quick import Quick, Schedule
from harness.runs.request import RunRequest
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from harness.workspace import Workspace
from tests.support.sine import angles, sine
from tests.support.year import VECTORS, made_up

pytest_plugins = ["pytester"]

COUNT = 30
TARGET = "virtual-stm32"


def vectors(labels: Any = None, count: int = 0, recordings: Any = None) -> Vectors:
    labels = None if labels is None else np.asarray(labels)
    count = count if labels is None else len(labels)
    recordings = None if recordings is None else np.asarray(recordings, dtype=np.int64)
    inputs = np.arange(count, dtype=np.int32)[:, np.newaxis]
    return Vectors(Path("vectors.npz"), (inputs,), labels, recordings=recordings)


# The choice: every beginning of the order is representative


classes = st.lists(st.integers(0, 6), min_size=1, max_size=200)


@given(labels=classes, data=st.data())
def test_each_class_has_its_share_and_at_least_one(labels: list[int], data: st.DataObject) -> None:
    order = order_of("accuracy", vectors(labels))
    assert sorted(order.numbers) == list(range(len(labels)))
    assert order.numbers[0] == 0
    assert list(order.ends) == list(range(1, len(labels) + 1))
    count = data.draw(st.integers(1, len(labels)))
    every, chosen = Counter(labels), Counter(labels[each] for each in order.numbers[:count])
    if count >= len(every):
        assert set(chosen) == set(every)
    for label, ran in chosen.items():
        share = every[label] / len(labels)
        assert share * (count - len(every)) - 1 <= ran <= share * (count + len(every) / 2) + 1


def test_an_even_choice_is_exactly_even() -> None:
    order = order_of("accuracy", vectors(np.repeat(np.arange(10), 20)))
    for count in range(10, 201, 10):
        chosen = Counter(each // 20 for each in order.numbers[:count])
        assert set(chosen.values()) == {count // 10}


def test_the_choice_never_changes() -> None:
    labels = np.repeat([0, 1, 2], [12, 6, 2])
    numbers = order_of("accuracy", vectors(labels)).numbers
    assert numbers == order_of("accuracy", vectors(labels)).numbers
    # Other machines and versions must choose the same: their runs are compared.
    assert numbers[:6] == [0, 15, 19, 10, 11, 14]


@given(st.integers(1, 300), st.data())
def test_unlabelled_vectors_are_spread_over_the_file(count: int, data: st.DataObject) -> None:
    order = order_of("agreement", vectors(count=count))
    assert sorted(order.numbers) == list(range(count))
    assert order.numbers[0] == 0
    chosen = sorted(order.numbers[: data.draw(st.integers(1, count))])
    gaps = np.diff([*chosen, count])
    assert gaps.max() <= 4 * count / len(chosen)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.data())
def test_labels_of_a_regression_are_spread(labels: list[float], data: st.DataObject) -> None:
    order = order_of("mae", vectors(labels))
    assert sorted(order.numbers) == list(range(len(labels)))
    assert order.numbers[0] == 0
    ranks = np.argsort(np.argsort(labels, kind="stable"))
    chosen = sorted(ranks[order.numbers[: data.draw(st.integers(1, len(labels)))]])
    assert np.diff([*chosen, chosen[0] + len(labels)]).max() <= 4 * len(labels) / len(chosen)


def test_a_regression_of_several_values_goes_by_their_mean() -> None:
    order = order_of("mae", vectors([[0.0, 0.0], [9.0, -9.0], [4.0, 4.0], [2.0, 2.0]]))
    assert order.numbers == [0, 3, 1, 2]


recorded = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 5)), min_size=2, max_size=20)


@given(recorded, st.randoms(use_true_random=False))
def test_auc_takes_whole_recordings_of_both_labels(
    made: list[tuple[int, int]], random: Any
) -> None:
    made = [(0, made[0][1]), (1, made[1][1]), *made[2:]]
    windows = [(label, 7 * index) for index, (label, n) in enumerate(made) for _ in range(n)]
    random.shuffle(windows)
    labels, recordings = map(np.array, zip(*windows, strict=True))
    order = order_of("auc", vectors(labels, recordings=recordings))
    assert sorted(order.numbers) == list(range(len(windows)))
    assert order.numbers[0] == 0
    assert order.ends[-1] == len(windows)
    whole = Counter(recordings.tolist())
    for end in order.ends:
        ran = list(order.numbers[:end])
        assert set(labels[ran]) == {0, 1}
        assert all(whole[each] == n for each, n in Counter(recordings[ran].tolist()).items())


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_the_windows_of_a_recording_keep_their_order(recordings: list[int]) -> None:
    windows = [
        [index for index, each in enumerate(recordings) if each == recording]
        for recording in dict.fromkeys(recordings)
    ]
    assert _windows(np.array(recordings)) == windows


def test_many_vectors_are_ordered_in_proportion_to_their_number() -> None:
    """Four times as many take about four times as long; with a search for each, 16 times."""

    def seconds(count: int) -> float:
        many = vectors(count=count)
        begin = time.process_time()
        order_of("agreement", many)
        return time.process_time() - begin

    few, many = (min(seconds(count) for _ in range(3)) for count in (10_000, 40_000))
    assert many < 9 * few


def test_auc_without_recordings_takes_vectors_of_both_labels() -> None:
    order = order_of("auc", vectors([0] * 6 + [1] * 3))
    assert list(order.ends) == list(range(2, 10))
    assert {each >= 6 for each in order.numbers[:2]} == {False, True}


@pytest.mark.parametrize("metric", ["accuracy", "auc"])
def test_labels_of_another_task_are_refused(metric: Metric) -> None:
    with pytest.raises(InputError, match="labels"):
        order_of(metric, vectors([0.5, 1.5]))
    with pytest.raises(InputError, match="labels"):
        order_of(metric, vectors(count=3))


def test_one_label_has_no_auc() -> None:
    with pytest.raises(InputError, match="AUC needs vectors of both labels"):
        order_of("auc", vectors([1, 1]))


# The time


def schedule(ends: range = range(1, 9), seconds: float | None = 5.0) -> Schedule:
    return Schedule(vectors(count=8), np.arange(8), range(8), ends, 8, seconds)


def test_a_run_ends_after_the_vector_in_which_the_time_is_over() -> None:
    assert schedule().total(3, 4.9) == 8
    assert schedule().total(3, 5.0) == 3
    assert schedule().total(0, 9.0) == 1
    assert schedule(seconds=None).total(3, 1e9) == 8


def test_a_run_ends_with_a_whole_recording() -> None:
    assert schedule(range(4, 9, 2)).total(0, 9.0) == 4
    assert schedule(range(4, 9, 2)).total(5, 9.0) == 6
    assert schedule(range(4, 9, 2)).total(6, 9.0) == 6


def test_what_runs_is_called_by_its_number_in_the_file() -> None:
    assert schedule().running(2, 3) == range(2, 5)
    some = replace(schedule(), numbers=np.arange(0, 16, 2), of=16)
    assert some.running(2, 3) == [4, 6, 8]
    shuffled = replace(schedule(), sequence=[0, 7, 3, 5, 1, 6, 2, 4])
    assert shuffled.running(0, 3) == [0, 7, 3]
    assert [each.tolist() for each in shuffled.sorted(3)] == [[0, 3, 7], [0, 2, 1]]


# Runs of a model


@dataclass
class Desk:
    """A user's folder with a regression, TensorFlow's sine; `run` gives exit code and texts."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(arguments)
        out, err = self.capsys.readouterr()
        return code, out, err

    def recorded(self, *arguments: str) -> Record:
        """Run the model, which passes; return the Record."""
        before = set(self.records)
        code, out, err = self.run("run", f"--target={TARGET}", *arguments)
        assert code == ExitCode.PASSED, out + err
        [path] = set(self.records) - before
        return read_record(path)

    @property
    def records(self) -> list[Path]:
        return sorted((self.root / "reports" / "runs").glob("*.json"))

    @property
    def model(self) -> Model:
        return load_model(self.root / "models" / "sine")

    def change_vectors(self, **changed: Any) -> None:
        """Replace arrays of the model's vectors."""
        path = self.model.vectors_path
        with np.load(path) as arrays:
            np.savez_compressed(path, **{**arrays, **changed})

    def demand(self, target: float) -> None:
        """Change the quality target."""
        path = self.root / "models" / "sine" / "model.toml"
        text, new = path.read_text(), f"quality_target = {target}"
        assert "quality_target = " in text
        path.write_text(re.sub(r"quality_target = \S+", new, text))

    def measured(self, quick: Quick) -> Run:
        workspace = Workspace(self.root)
        target = find_target(TARGET, workspace.targets)
        with link_bench(RunRequest(target, self.model, workspace, quick=quick)) as dut:
            return dut.run()


@pytest.fixture(scope="module")
def sine_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model, added once: its golden outputs take a process."""
    root = tmp_path_factory.mktemp("sine")
    (root / "sine.tflite").write_bytes(sine())
    np.save(root / "x.npy", angles(COUNT))
    np.save(root / "y.npy", np.sin(angles(COUNT)))
    add = ("models", "add", "sine.tflite", "--inputs", "x.npy", "--labels", "y.npy")
    with contextlib.chdir(root):
        assert main((*add, "--task", "regression")) == ExitCode.PASSED
    return root / "models" / "sine"


@pytest.fixture
def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    built: Path,
    sine_model: Path,
) -> Desk:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "images").symlink_to(built)
    shutil.copytree(sine_model, tmp_path / "models" / "sine")
    return Desk(tmp_path, capsys)


def test_a_run_of_some_vectors_says_so_everywhere(desk: Desk) -> None:
    code, out, err = desk.run("run", f"--target={TARGET}", "--vectors=10")
    assert code == ExitCode.PASSED, err
    assert "10 of 30" in out
    assert "10 of 30 vectors: such a run is not compared with runs of all vectors" in out
    [path] = desk.records
    record = read_record(path)
    chosen = sorted(order_of("mae", desk.model.vectors).numbers[:10])
    assert record.subset == Subset(30, chosen)
    assert record.numbers["vectors"].value == len(record.ticks) == 10
    assert record.combination.engine == "cmsis-nn/10-of-30"
    assert record.combination.is_partial
    assert json.loads(path.read_text())["subset"] == {"of": 30, "vectors": chosen}
    code, out, err = desk.run("report", "--markdown", "summary.md")
    assert code == ExitCode.PASSED, err
    for text in (Path("summary.md").read_text(), Path("reports/report.html").read_text()):
        assert "in 10 of 30 vectors" in text
        assert "not compared with runs of all vectors" in text


def test_the_numbers_are_those_of_the_same_vectors_in_a_full_run(desk: Desk) -> None:
    full, part = desk.measured(Quick()), desk.measured(Quick(vectors=7))
    assert full.subset is None
    assert part.subset is not None
    numbers = part.subset.vectors
    assert part.outputs.tobytes() == full.outputs[numbers].tobytes()
    assert part.golden.tobytes() == full.golden[numbers].tobytes()
    assert part.ticks.tolist() == full.ticks[numbers].tolist()
    assert part.first == full.first
    assert part.estimate == full.estimate


def test_all_vectors_are_a_full_run(desk: Desk) -> None:
    full = desk.recorded()
    for option in (f"--vectors={COUNT}", "--time-limit=1000"):
        record = desk.recorded(option)
        assert record.subset is None
        assert record.model.vectors == full.model.vectors
        assert record.ticks == full.ticks
        assert record.combination == full.combination


def test_a_run_without_time_has_one_vector(desk: Desk) -> None:
    assert desk.measured(Quick(seconds=0.0)).subset == Subset(30, [0])
    both = desk.measured(Quick(vectors=5, seconds=1000.0))
    assert both.subset == desk.measured(Quick(vectors=5)).subset


def test_an_ended_run_has_the_beginning_of_the_order(desk: Desk) -> None:
    record = desk.recorded("--time-limit=0.001", "--input-via=serial")
    order = order_of("mae", desk.model.vectors)
    count = len(record.ticks)
    ran = record.subset.vectors if record.subset else list(range(COUNT))
    assert ran == sorted(order.numbers[:count])


def test_a_wrong_byte_fails_and_names_the_vector_of_the_file(desk: Desk) -> None:
    wrong = order_of("mae", desk.model.vectors).numbers[4]
    golden = load_vectors(desk.model.vectors_path).golden
    assert golden is not None
    golden = golden.copy()
    golden[wrong] ^= 1
    desk.change_vectors(golden=golden)
    code, out, _ = desk.run("run", f"--target={TARGET}", "--vectors=5")
    assert code == ExitCode.FAILED
    assert f"first: vector {wrong}, value 0" in out or f"first: vector {wrong}, byte 0" in out
    assert desk.recorded("--vectors=4").verdict == "passed"


def test_a_subset_that_golden_fails_too_is_no_failure(desk: Desk) -> None:
    desk.demand(1e-6)
    code, out, _ = desk.run("run", f"--target={TARGET}", "--vectors=5")
    assert code == ExitCode.PASSED
    shown = " ".join(out.split())
    assert "ran, but neither passed nor failed: MAE" in shown
    assert "misses the target, but so does golden on these vectors" in shown
    [row] = [line for line in out.splitlines() if line.startswith(("passed", "ran", "✗"))]
    assert row.startswith("ran ")
    [path] = desk.records
    record = read_record(path)
    assert (record.verdict, outcome_of(record)) == ("passed", "ran")
    assert ("verdict", "ran") in properties(record)
    assert desk.run("report", "--markdown", "summary.md")[0] == ExitCode.PASSED
    assert "| ran | MAE" in Path("summary.md").read_text()
    assert "<span>ran</span>" in Path("reports/report.html").read_text()
    assert "✓ passed" not in Path("reports/report.html").read_text()
    _, out, _ = desk.run("sweep", f"--target={TARGET}", "--vectors=5", "--opt=-O2")
    assert any(line.startswith("ran ") for line in out.splitlines())
    code, out, _ = desk.run("run", f"--target={TARGET}")
    assert code == ExitCode.FAILED
    assert "is above the quality target" in out


def test_a_subset_that_only_the_device_fails_is_a_failure(desk: Desk) -> None:
    run = desk.measured(Quick(vectors=5))
    assert quality_failures(run) == []
    worse = replace(run, all_outputs=tuple(~values for values in run.all_outputs))
    assert len(quality_failures(worse)) == 1


# What is compared with what


def test_a_subset_is_not_compared_with_all(desk: Desk) -> None:
    full, part, again = desk.recorded(), desk.recorded("--vectors=9"), desk.recorded("--vectors=9")
    other = desk.recorded("--vectors=8")
    for a, b in ((full, part), (part, full), (part, other)):
        code, _, err = desk.run("compare", a.id, b.id)
        assert code == ExitCode.USAGE
        assert "these runs are not compared: they ran" in err
        assert "9 of 30 vectors" in err
    code, out, _ = desk.run("compare", part.id, again.id)
    assert code == ExitCode.PASSED
    assert "the same: " in out
    assert "not comparable" not in out
    for name, record in (("all", full), ("some", part)):
        Path(name).mkdir()
        for each in (record, other):
            shutil.copy(f"reports/runs/{each.id}.json", name)
    code, out, _ = desk.run("compare", "all", "some")
    assert code == ExitCode.PASSED
    assert "only in all: virtual-stm32, sine (cmsis-nn, " in out
    assert "only in some: virtual-stm32, sine (cmsis-nn/9-of-30, " in out


def test_the_gate_does_not_compare_a_subset_with_a_baseline_of_all(desk: Desk) -> None:
    full = desk.recorded()
    assert "." in full.started  # parts of a second: the next run may start in the same one
    assert desk.run("baseline", "accept", full.id, "--because", "first")[0] == ExitCode.PASSED
    gated = ("run", f"--target={TARGET}", "--vectors=9", "--baseline=reports/baselines")
    code, out, _ = desk.run(*gated)
    assert code == ExitCode.REGRESSION
    assert "there is no baseline of 9 of 30 vectors in reports/baselines" in out
    assert "a run of some of the vectors is not compared with a baseline of all" in out
    assert desk.run("baseline", "accept", "last", "--because", "quick")[0] == ExitCode.PASSED
    assert len(list(Path("reports/baselines").glob("*.json"))) == 2
    code, out, _ = desk.run(*gated)
    assert code == ExitCode.PASSED
    assert "1 passed" in out


def test_a_trend_leaves_subsets_out_and_says_so(desk: Desk) -> None:
    desk.recorded("--vectors=9")
    trend = ("trend", "--metric=instructions")
    code, _, err = desk.run(*trend)
    assert code == ExitCode.USAGE
    assert "there are only runs of some of the vectors" in err
    desk.recorded()
    code, out, _ = desk.run(*trend)
    assert code == ExitCode.PASSED
    assert "  1 run, " in out
    assert "left out, because only some vectors ran: cmsis-nn/9-of-30" in out
    code, out, _ = desk.run(*trend, "--engine=cmsis-nn/9-of-30")
    assert code == ExitCode.PASSED
    assert "left out" not in out


def test_an_old_subset_is_not_missed_in_the_report(tmp_path: Path) -> None:
    now = datetime(2026, 1, 9, tzinfo=UTC)
    old = made_up(random.Random(1), now - timedelta(days=3), TARGET, "digits")
    part = structs.replace(old, id="part", subset=Subset(900, list(range(VECTORS))))
    new = made_up(random.Random(2), now, TARGET, "digits")
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as store:
        store.add(old, part, new)
        summary = summarize(store)
    assert [status.record.id for status in summary.statuses] == [new.id]


def test_after_a_subset_the_others_are_not_missed_in_the_report(tmp_path: Path) -> None:
    now = datetime(2026, 1, 9, tzinfo=UTC)
    night = made_up(random.Random(1), now - timedelta(days=2), TARGET, "digits")
    new = made_up(random.Random(2), now, TARGET, "digits")
    part = structs.replace(new, id="part", subset=Subset(900, list(range(VECTORS))))
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as store:
        store.add(part)
        assert summarize(store).last == now
        store.add(night)
        summary = summarize(store)
    assert {status.record.id for status in summary.statuses} == {night.id, "part"}
    assert not summary.stale
    assert summary.last == now


# pytest, sweeps, and wrong options


def test_a_sweep_takes_vectors_and_shows_it(desk: Desk) -> None:
    code, out, err = desk.run("sweep", f"--target={TARGET}", "--opt=-O2", "--vectors=6")
    assert code == ExitCode.PASSED, err
    assert "virtual-stm32, sine, 6 of 30 vectors" in out
    [path] = desk.records
    assert len(read_record(path).ticks) == 6


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_more_vectors_than_there_are_is_an_input_error(desk: Desk, command: str) -> None:
    code, _, err = desk.run(command, f"--target={TARGET}", "--vectors=31")
    assert code == ExitCode.USAGE
    assert "--vectors=31: 31 vectors are asked for, but sine has 30" in err
    assert desk.records == []


@pytest.mark.parametrize(
    "option",
    [
        *("--vectors=0", "--vectors=-1", "--vectors=1.5", "--vectors=all", "--vectors="),
        *("--time-limit=0", "--time-limit=-1", "--time-limit=nan", "--time-limit=inf"),
    ],
)
def test_wrong_values_are_refused(capsys: pytest.CaptureFixture[str], option: str) -> None:
    assert main(("run", option)) == ExitCode.USAGE
    name = option.split("=", maxsplit=1)[0]
    assert f"argument {name}: " in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--vectors=5", "--time-limit=5"])
def test_mlperf_tiny_runs_all_vectors(desk: Desk, option: str) -> None:
    code, _, err = desk.run("run", "--protocol=mlperf-tiny", option)
    assert code == ExitCode.USAGE
    assert "mlperf-tiny does not support it" in err


def test_a_meter_has_no_time_limit(desk: Desk) -> None:
    code, _, err = desk.run("run", "--meter=virtual:ppk2", "--time-limit=5")
    assert code == ExitCode.USAGE
    assert "--time-limit: a meter measures a whole run" in err


def test_a_run_with_a_time_limit_has_no_baseline(desk: Desk) -> None:
    code, _, err = desk.run("run", "--baseline=reports/baselines", "--time-limit=5")
    assert code == ExitCode.USAGE
    assert "--time-limit: a run is compared only with a baseline of the same vectors" in err
    assert desk.records == []


def test_too_few_vectors_for_an_auc_name_the_least() -> None:
    model = load_model(bundled("models") / "anomaly")
    with pytest.raises(InputError, match="AUC of anomaly needs at least 2 vectors"):
        Quick(vectors=1).check(model)
    assert len(Quick(vectors=2).schedule(model).vectors) == 2


def test_a_choice_of_windows_is_filled_with_whole_recordings() -> None:
    model = load_model(bundled("models") / "anomaly")
    # As if every 20 vectors were windows of one recording.
    held = replace(model.vectors, recordings=np.arange(200) // 20)
    vars(model)["vectors"] = held
    planned = Quick(vectors=59).schedule(model)
    assert len(planned.vectors) == 40
    assert planned.vectors.recordings is not None
    assert set(Counter(planned.vectors.recordings.tolist()).values()) == {20}
    with pytest.raises(InputError, match="needs at least 40 vectors"):
        Quick(vectors=39).check(model)


def test_pytest_takes_both_options(desk: Desk, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_quick(dut):
            run = dut.run()
            run.check()
            assert len(run.vectors) == 3
        """
    )
    shutil.copytree(desk.root / "models", pytester.path / "models")
    options = ("-p", "harness.pytest_plugin", f"--target={TARGET}", "--harness-vectors=3")
    result = pytester.runpytest_subprocess(*options, "--time-limit=1000")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*3 of 30*"])
    result = pytester.runpytest_subprocess(*options[:-1], "--vectors=31")
    assert "31 vectors are asked for, but sine has 30" in result.stdout.str()
    assert result.ret != ExitCode.PASSED
