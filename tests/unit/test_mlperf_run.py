"""Runs over MLPerf Tiny's protocol: against a double behind a pty, and our own firmware."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness import golden, tflite_file
from harness.engines import find_engine
from harness.errors import InfrastructureError, InputError, Verdict
from harness.image import Image, build_image
from harness.measure.windows import between_edges
from harness.measure.meters.meter import Capture
from harness.mlperf import suite
from harness.mlperf.benchmarks import BENCHMARKS, agrees, benchmark_of, expected, payload
from harness.mlperf.dut import open_mlperf_dut
from harness.mlperf.run import MlperfRun
from harness.mlperf.runner import Plan
from harness.mlperf.submission import check_name, write_submission
from harness.mlperf.suite import Outcome, models_of, run_all
from harness.model import Model, load_model
from harness.progress import Progress
from harness.report.mlperf import print_outcomes
from harness.results.record import Record, read_record
from harness.target import Target, find_target
from harness.workspace import Workspace
from tests.mlperf_device import Double, DoubleBoard, channel_of
from tests.models import ROOT, few_digits

VECTORS = 5

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return few_digits(tmp_path_factory.mktemp("models") / "digits", VECTORS)


@pytest.fixture(scope="module")
def emulator() -> Target:
    return find_target("virtual-stm32", [ROOT / "targets"])


@pytest.fixture(scope="module")
def image(emulator: Target, model: Model) -> Image:
    images = ROOT / "build" / "images"
    return build_image(emulator, model, find_engine("cmsis-nn"), images)


@pytest.fixture
def desk() -> Target:
    """A board on the desk, whose ticks are cycles."""
    return find_target("nucleo-f429zi", [ROOT / "targets"])


def right_answers(model: Model) -> Callable[[bytes], str]:
    """Return what answers each input as golden does, cut off as the reference has it."""
    network = tflite_file.parse(model.tflite, where=model.name)
    answers = golden.of_model(model, model.vectors, Path(), print)[0][0]
    right = expected(model, model.vectors, answers, network)
    known = {
        payload(content_of_digits(), values, network): values_of
        for values, values_of in zip(model.vectors.inputs, right, strict=True)
    }
    return lambda data: ",".join(f"{int(value * 1000) / 1000:.3f}" for value in known[data])


def content_of_digits() -> str:
    return "int8"


def run_double(
    double: Double,
    target: Target,
    model: Model,
    image: Image,
    root: Path,
    plan: Plan,
    *,
    built: bool = True,
) -> tuple[MlperfRun, Record]:
    records: list[Path] = []
    workspace, progress = Workspace(root), Progress(StringIO())
    with (
        channel_of(double) as channel,
        open_mlperf_dut(
            target,
            model,
            image,
            DoubleBoard(channel),
            workspace,
            progress,
            records.append,
            built=built,
            plan=plan,
        ) as dut,
    ):
        run = dut.run()
    [record] = map(read_record, records)
    return run, record


QUICK = Plan(windows=5, seconds=0.05, iterations=2, warmups=0)


def test_a_board_gives_quality_throughput_and_a_record(
    desk: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    double = Double(right_answers(model), model="digits", seconds=0.02, sleeps=True)
    run, record = run_double(double, desk, model, image, tmp_path, QUICK)
    run.check()
    assert run.quality == run.golden_quality
    assert run.differing == []
    assert [window.vector for window in run.windows] == [0, 1, 2, 3, 4]
    assert all(window.seconds >= QUICK.seconds for window in run.windows)
    assert run.throughput == pytest.approx(50)
    assert record.protocol == "mlperf-tiny"
    assert record.engine == "cmsis-nn/mlperf-tiny"
    assert record.numbers["latency_median"].value == pytest.approx(0.02)
    assert record.numbers["latency_median"].kind == "measured"
    assert record.numbers["throughput"].unit == "1/s"
    assert record.ticks == []
    assert len(record.windows) == 5


def test_an_emulator_has_no_latency(
    emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    double = Double(right_answers(model), model="digits")
    run, record = run_double(double, emulator, model, image, tmp_path, QUICK)
    assert run.throughput is None
    assert "counts instructions" in run.untimed
    assert not {"throughput", "latency_median"} & set(record.numbers)
    counted = record.numbers["instructions_estimated"]
    assert (counted.value, counted.kind) == (1_600_000, "estimated")  # 0.1 s at 16 MHz
    # What is known of our firmware's timer is not known of others'.
    _, other = run_double(
        Double(right_answers(model), model="digits"),
        emulator,
        model,
        image,
        tmp_path,
        QUICK,
        built=False,
    )
    assert "instructions_estimated" not in other.numbers


def test_other_results_are_a_verdict_of_an_image_that_was_built_from_the_model(
    emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    right = right_answers(model)
    wrong = lambda data: right(data).replace("0.000", "0.004", 1)  # noqa: E731
    plan = Plan(windows=0)
    run, record = run_double(Double(wrong, model="digits"), emulator, model, image, tmp_path, plan)
    assert run.differing == [0, 1, 2, 3, 4]
    assert record.verdict == "failed"
    assert record.differing == 5
    with pytest.raises(Verdict, match="5 of 5 results differ from golden"):
        run.check()
    run, record = run_double(
        Double(wrong, model="digits"), emulator, model, image, tmp_path, plan, built=False
    )
    assert run.differing == [0, 1, 2, 3, 4]
    run.check()
    assert record.verdict == "passed"


def test_an_input_that_was_damaged_on_its_way_is_sent_again(
    emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    right, damaged = right_answers(model), []

    def mishear(command: str) -> str:
        if command.startswith("db 80") and not damaged:
            damaged.append(command)
            return "db 81" + command[5:]
        return command

    def infer(data: bytes) -> str:
        return right(data) if data[0] == 0x80 else ",".join(["0.500"] * 10)

    double = Double(infer, model="digits", mishear=mishear)
    run, record = run_double(double, emulator, model, image, tmp_path, Plan(windows=0))
    assert damaged
    assert run.retries == record.retries == 1
    assert run.differing == []


@pytest.mark.parametrize("held", ["kws01", "ic01", "vww01", "ad01"])
def test_a_device_that_holds_a_benchmark_does_not_pass_for_another_model(
    held: str, emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    with pytest.raises(InfrastructureError, match=f"it holds {held}"):
        run_double(Double(model=held), emulator, model, image, tmp_path, QUICK)


def test_a_clock_that_is_not_the_hosts_ends_the_run(
    desk: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    double = Double(right_answers(model), model="digits", seconds=1.0)  # and does not sleep
    with pytest.raises(InfrastructureError, match="the host's"):
        run_double(double, desk, model, image, tmp_path, QUICK)


def test_a_clock_that_stands_still_ends_the_run(
    emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    double = Double(right_answers(model), model="digits", seconds=0.0)
    with pytest.raises(InfrastructureError, match="count microseconds"):
        run_double(double, emulator, model, image, tmp_path, QUICK)
