"""Runs over MLPerf Tiny's protocol: against a double behind a pty, and our own firmware."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.cli.main import main
from harness.engines.prebuilt_engine import PREBUILT
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InfrastructureError, InputError, Verdict
from harness.golden import oracle
from harness.image.build import Image, build_image
from harness.measure.energy.inference_windows import between_edges
from harness.measure.energy.meters.meter import Capture
from harness.model import tflite_file
from harness.model.folder import Model, load_model
from harness.model.mlperf_benchmarks import BENCHMARKS, Content, agrees, expected, payload
from harness.model.quantization import quantize
from harness.report.json_documents.mlperf_document import MlperfDocument, benchmark_results
from harness.report.mlperf_submission import check_name, write_submission
from harness.report.mlperf_table import print_outcomes
from harness.results.record import Record
from harness.results.record_file import read_record
from harness.results.recording import record_of, record_run
from harness.runs.bench import open_mlperf_dut
from harness.runs.mlperf import runner
from harness.runs.mlperf.measured_window import Window
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.runs.mlperf.suite import Outcome, models_of, run_all
from harness.runs.mlperf.window_plan import WindowPlan
from harness.runs.quality_numbers import quality_numbers
from harness.runs.request import RunRequest
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Target
from harness.workspace import Workspace
from tests.support.documents import checked
from tests.support.mlperf_device import Double, DoubleBoard, channel_of
from tests.support.models import ROOT, few_digits

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


@pytest.fixture(autouse=True)
def _busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run on busy machines, where lines of windows this short come late."""
    monkeypatch.setattr(runner, "_LATE", 2.0)


def right_answers(model: Model) -> Callable[[bytes], str]:
    """Return what answers each input as golden does, cut off as the reference has it."""
    network = tflite_file.parse(model.tflite, where=model.name)
    answers = oracle.of_model(model, model.vectors, Path(), print)[0][0]
    right = expected(model, model.vectors, answers, network)
    known = {
        payload("int8", values, network): values_of
        for values, values_of in zip(model.vectors.inputs, right, strict=True)
    }
    return lambda data: ",".join(f"{int(value * 1000) / 1000:.3f}" for value in known[data])


def run_double(
    double: Double,
    target: Target,
    model: Model,
    image: Image,
    root: Path,
    plan: WindowPlan,
) -> tuple[MlperfRun, Record]:
    if double.name == "double":
        double.name = image.build_id
    workspace, progress = Workspace(root), Progress(StringIO())
    asked = RunRequest(
        target, model, workspace, progress=progress, protocol="mlperf-tiny", plan=plan
    )
    with (
        channel_of(double) as channel,
        open_mlperf_dut(asked, image, DoubleBoard(channel)) as dut,
    ):
        run = dut.run()
    record = read_record(record_run(run, workspace))
    return run, record


QUICK = WindowPlan(windows=5, seconds=0.05, iterations=2, warmups=0)


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
    foreign = dataclasses.replace(image, engine=PREBUILT)
    double = Double(right_answers(model), model="theirs")
    _, other = run_double(double, emulator, model, foreign, tmp_path, QUICK)

    assert "instructions_estimated" not in other.numbers


def test_other_results_are_a_verdict_of_an_image_that_was_built_from_the_model(
    emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    right = right_answers(model)
    wrong = lambda data: right(data).replace("0.000", "0.004", 1)  # noqa: E731
    plan = WindowPlan(windows=0)
    run, record = run_double(Double(wrong, model="digits"), emulator, model, image, tmp_path, plan)
    assert run.differing == [0, 1, 2, 3, 4]
    assert record.verdict == "failed"
    assert record.differing == 5
    with pytest.raises(Verdict, match="5 of 5 results differ from golden"):
        run.check()
    foreign = dataclasses.replace(image, engine=PREBUILT)
    double = Double(wrong, model="theirs")
    run, record = run_double(double, emulator, model, foreign, tmp_path, plan)
    assert run.differing == [0, 1, 2, 3, 4]
    run.check()
    assert record.verdict == "passed"


def test_an_input_that_was_damaged_on_its_way_is_sent_again(
    emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    right = right_answers(model)
    damaged: list[str] = []

    def mishear(command: str) -> str:
        if command.startswith("db 80") and not damaged:
            damaged.append(command)
            return "db 81" + command[5:]
        return command

    def infer(data: bytes) -> str:
        return right(data) if data[0] == 0x80 else ",".join(["0.500"] * 10)

    double = Double(infer, model="digits", mishear=mishear)
    run, record = run_double(double, emulator, model, image, tmp_path, WindowPlan(windows=0))
    assert damaged
    assert run.retries == record.retries == 1
    assert run.differing == []


@pytest.mark.parametrize("held", ["kws01", "ic01", "vww01", "ad01"])
def test_a_device_that_holds_a_benchmark_does_not_pass_for_another_model(
    held: str, emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    with pytest.raises(InfrastructureError, match=f"reports {held}"):
        run_double(Double(model=held), emulator, model, image, tmp_path, QUICK)


def test_another_build_ends_the_run(
    emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    double = Double(right_answers(model), model="digits", name="0" * 32)
    with pytest.raises(InfrastructureError, match="but build"):
        run_double(double, emulator, model, image, tmp_path, QUICK)


def test_what_the_board_knows_at_the_end_ends_the_run(
    emulator: Target,
    model: Model,
    image: Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check(_: DoubleBoard) -> None:
        raise InfrastructureError("a read of 4 bytes at 0x30000000")

    monkeypatch.setattr(DoubleBoard, "check", check)
    double = Double(right_answers(model), model="digits")
    with pytest.raises(InfrastructureError, match="0x30000000"):
        run_double(double, emulator, model, image, tmp_path, QUICK)


def test_a_clock_that_is_not_the_hosts_ends_the_run(
    desk: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    double = Double(right_answers(model), model="digits", seconds=5.0)  # and does not sleep
    with pytest.raises(InfrastructureError, match="the host's"):
        run_double(double, desk, model, image, tmp_path, QUICK)


def test_a_clock_that_stands_still_ends_the_run(
    emulator: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    double = Double(right_answers(model), model="digits", seconds=0.0)
    with pytest.raises(InfrastructureError, match="count microseconds"):
        run_double(double, emulator, model, image, tmp_path, QUICK)


def test_results_are_goldens_cut_off_or_rounded_to_what_is_printed() -> None:
    for printed, golden_value, same in (
        ("0.996", 0.99609375, True),
        ("0.996", 0.9956, True),
        ("0.996", 0.9954, False),
        ("0.996", 0.9971, False),
        ("0.000", -0.0009, True),
        ("-1.234", -1.2349, True),
        ("-1.234", -1.2334, False),
        ("7", 7.0, True),
        ("7", 8.1, False),
        ("12.345", 12.3451, True),
    ):
        assert agrees(printed, golden_value) == same, (printed, golden_value)


def test_the_bundled_models_are_none_of_the_benchmarks() -> None:
    models = [load_model(path) for path in sorted((ROOT / "models").iterdir())]
    assert models_of(models) == {}


@pytest.mark.parametrize(
    ("content", "sent"),
    [("int8", b"\x80\xff\x00\x7f"), ("uint8", b"\x00\x7f\x80\xff")],
)
def test_bytes_of_an_input(content: Content, sent: bytes, model: Model) -> None:
    network = tflite_file.parse(model.tflite, where=model.name)
    values = np.array([-128, -1, 0, 127], np.int8)
    assert payload(content, values, network) == sent


def test_floats_of_an_input_are_quantized_to_the_same_values(model: Model) -> None:
    network = tflite_file.parse(model.tflite, where=model.name)
    values = np.arange(-128, 128).astype(np.int8)
    sent = np.frombuffer(payload("float32", values, network), "<f4")
    assert (quantize(sent, network.input_tensors[0]) == values).all()


@pytest.fixture
def run(desk: Target, model: Model, image: Image, tmp_path: Path) -> MlperfRun:
    double = Double(right_answers(model), model="digits", seconds=0.02, sleeps=True)
    return run_double(double, desk, model, image, tmp_path / "run", QUICK)[0]


def official(run: MlperfRun) -> MlperfRun:
    """Return `run` with windows as the rules ask for them."""
    windows = [Window(vector, 520, 10, 10_400_000 + vector, 10.4) for vector in range(5)]
    return dataclasses.replace(run, windows=tuple(windows))


def test_a_regression_is_judged_by_the_printed_values(run: MlperfRun) -> None:
    model = dataclasses.replace(run.model, task="regression", metric="mae", unit="V")
    vectors = dataclasses.replace(run.vectors, labels=run.values + 0.5)
    numbers = quality_numbers(dataclasses.replace(run, model=model, vectors=vectors))
    for name in ("mae", "rmse"):
        assert numbers[name].value == pytest.approx(0.5)
        assert numbers[name].unit == "V"


def test_a_detector_is_scored_over_time_by_the_printed_values(
    run: MlperfRun, tmp_path: Path
) -> None:
    model = dataclasses.replace(
        run.model, task="wakeword-detection", metric="detection_errors", quality_target=0
    )
    labels = np.array([0, 0, 1, 1, 2])
    vectors = dataclasses.replace(run.vectors, labels=labels, recordings=np.zeros(5, np.int64))
    printed = tuple((heard, "0.1") for heard in ("0.999", "0.951", "0.949", "0.951", "0.949"))
    run = dataclasses.replace(
        run, model=model, vectors=vectors, printed=printed, expected=run.expected[:, :2]
    )
    numbers = quality_numbers(run)
    values = {name: number.value for name, number in numbers.items()}
    assert (values["misses"], values["false_accepts"], values["detection_errors"]) == (1, 1, 1)
    assert "1 missed, 1 false: more than 0 of either" in " ".join(run.failures())
    outcome = Outcome(BENCHMARKS["sww01"], run, code=ExitCode.PASSED)
    text = StringIO()
    print_outcomes([outcome], "virtual-stm32", Console(file=text, width=80))
    shown = " ".join(text.getvalue().split())
    assert "1 missed, 1 false" in shown
    assert "detection errors ≤ 8" in shown
    assert "target of the rules, 8, proves nothing: one answer to all inputs may reach 1" in shown
    with pytest.raises(InputError, match="sww01: the rules stream its sound over I2S"):
        write_submission([outcome], tmp_path / "submission", "us")


def test_agreement_is_the_share_of_printed_results_that_are_golden_s(run: MlperfRun) -> None:
    model = dataclasses.replace(run.model, task="agreement", metric="agreement")
    vectors = dataclasses.replace(run.vectors, labels=None)
    wrong = tuple("9.000" for _ in run.printed[0])
    other = dataclasses.replace(
        run, model=model, vectors=vectors, printed=(wrong, *run.printed[1:])
    )
    numbers = quality_numbers(other)
    assert numbers["agreement"].value == (len(vectors) - 1) / len(vectors)
    assert numbers["agreement_golden"].value == 1
    assert "agreement_chance" not in numbers


def test_a_submission_has_what_the_checker_reads(run: MlperfRun, tmp_path: Path) -> None:
    benchmark = BENCHMARKS["kws01"]
    outcomes = [Outcome(benchmark, official(run)), Outcome(BENCHMARKS["ad01"], reason="no model")]
    missing = write_submission(outcomes, tmp_path / "submission", "us")
    assert missing == ["ad01: no model", "kws01: no energy: no meter was used"]
    ours = tmp_path / "submission" / "closed" / "us"
    system = json.loads((ours / "systems" / "nucleo-f429zi.json").read_text())
    assert (system["Division"], system["Status"]) == ("Closed", "RDI")
    place = ours / "results" / "nucleo-f429zi" / "kws"
    assert sorted(path.name for path in place.iterdir()) == ["accuracy", "performance"]
    files = ["log.txt", "results.json", "results.txt"]
    assert sorted(path.name for path in (place / "performance").iterdir()) == files
    # The patterns of tools/submission/submission_checker.py.
    accuracy = (place / "accuracy" / "results.txt").read_text()
    found = re.match(r".* Top[- ]1%?\s?[:=] ([\d\.]+).*", accuracy)
    assert found is not None
    assert float(found[1]) == 100 * run.quality
    performance = (place / "performance" / "results.txt").read_text().splitlines()
    found = re.match(r".* Median throughput is\s+([\d\.]+) inf\./sec\..*", performance[-1])
    assert found is not None
    assert float(found[1]) == pytest.approx(50, rel=1e-3)
    log = (place / "accuracy" / "log.txt").read_text()
    assert "-> infer 1 0%" in log
    assert "<- m-results-[" in log
    answers = json.loads((place / "accuracy" / "results.json").read_text())
    assert len(answers) == VECTORS


def test_a_submission_leaves_out_what_was_not_measured_as_the_rules_ask(
    run: MlperfRun, emulator: Target, tmp_path: Path
) -> None:
    benchmark = BENCHMARKS["kws01"]
    for name, held, why in (
        ("short", run, "5 windows of at least 10 s"),
        ("emulated", dataclasses.replace(official(run), target=emulator), "not time"),
        ("none", dataclasses.replace(run, windows=()), "no window was measured"),
    ):
        missing = write_submission([Outcome(benchmark, held)], tmp_path / name, "us")
        assert why in missing[0]
        assert not list((tmp_path / name).rglob("performance"))
    with pytest.raises(InputError, match="already exists"):
        write_submission([Outcome(benchmark, run)], tmp_path / "short", "us")
    with pytest.raises(InputError, match="nothing to submit"):
        write_submission([Outcome(benchmark)], tmp_path / "nothing", "us")


@pytest.mark.parametrize("name", ["", ".us", "a b", "a/b", "ä"])
def test_an_organization_is_the_name_of_a_folder(name: str) -> None:
    with pytest.raises(InputError, match="--organization"):
        check_name(name, "--organization")


def test_the_five_are_shown_with_what_was_not_run_and_why(run: MlperfRun) -> None:
    held = {"kws01": run.model, "ic01": run.model}

    def one(model: Model, benchmark: str) -> MlperfRun:
        if benchmark == "ic01":
            raise InfrastructureError("the line is dead")
        return run

    outcomes = run_all(held, one)
    assert [outcome.code for outcome in outcomes] == [
        ExitCode.PASSED,
        None,
        ExitCode.INFRASTRUCTURE,
        None,
        None,
    ]
    text = StringIO()
    print_outcomes(outcomes, "nucleo-f429zi", Console(file=text, width=80))
    shown = text.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    for word in ("kws01", "accuracy ≥ 0.90", "passed", "not run: the line is dead", "AUC ≥ 0.85"):
        assert word in shown
    assert "vww01, ad01, sww01: not run: no model: " in shown
    results = benchmark_results(outcomes, {"kws01": (record_of(run, Workspace(ROOT)), None)})
    document = MlperfDocument(
        target="nucleo-f429zi",
        passed=False,
        benchmarks=results,
        submission=None,
        errors=[],
        notes=[],
    )
    shown_results = {each["benchmark"]: each for each in checked(document)["benchmarks"]}
    assert shown_results["kws01"]["outcome"] == "passed"
    assert shown_results["kws01"]["record"]["protocol"] == "mlperf-tiny"
    assert shown_results["ic01"]["reasons"] == ["not run: the line is dead"]


def capture_of(level: list[int]) -> Capture:
    return Capture(100_000, np.full(len(level), 1e-3), 3.0, np.array(level, np.bool_), 0.0)


def test_windows_are_between_falling_edges() -> None:
    found = between_edges(capture_of([1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1]), 2)
    assert found.trigger is not None
    assert found.trigger.tolist() == [bool(x) for x in (0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0)]
    with pytest.raises(InfrastructureError, match="fell 3 times, for 1 windows"):
        between_edges(capture_of([1, 0, 1, 0, 1, 0]), 1)
    blind = dataclasses.replace(capture_of([1]), trigger=None)
    with pytest.raises(InfrastructureError, match="no input for the pin"):
        between_edges(blind, 1)


def test_our_firmware_answers_on_a_virtual_board(
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "images").symlink_to(ROOT / "build" / "images")
    arguments = ("--protocol=mlperf-tiny", "--windows=1", "--model", str(model.path))
    assert main(["run", "--target=virtual-stm32", *arguments]) == ExitCode.PASSED
    [record] = [read_record(path) for path in (tmp_path / "reports" / "runs").iterdir()]
    assert record.protocol == "mlperf-tiny"
    assert record.differing == 0
    assert record.numbers["vectors"].value == VECTORS
    # The link counts 4,376,983 to 4,380,250 instructions, which is exact.
    counted = record.numbers["instructions_estimated"]
    assert counted.value == pytest.approx(4_379_312, rel=counted.error)
    assert "mlperf-tiny" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "--protocol=mlperf-tiny", "--profile"], "--profile"),
        (["run", "--protocol=mlperf-tiny", "--input-via=debug"], "--input-via=debug"),
        (["mlperf", "--elf=kws01"], "--elf"),
        (["mlperf", "--elf=xyz01=fw.elf"], "--elf"),
        (["mlperf", "--target=virtual-stm32,qemu-stm32"], "--target"),
        (["mlperf", "--organization=a/b", "--submission=new"], "--organization: "),
        (["mlperf", "--organization=a"], "--organization: does nothing without --submission"),
        (["mlperf", "--model=digits"], "there is no model for a benchmark"),
        (["mlperf", "--submission=."], "exists already"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    arguments: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == ExitCode.USAGE
    assert named in capsys.readouterr().err
