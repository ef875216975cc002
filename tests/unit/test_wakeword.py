"""MLPerf Tiny's streaming wakeword: features, sliding windows, and its score over time."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.intake.inputs.log_mel import FILTERS, HOP, RATE, log_mel, mel_filters
from harness.measure.detections import DEBOUNCE, score
from harness.measure.number import Number
from harness.measure.vector_order import order_of
from harness.model.mlperf_benchmarks import benchmark_of
from harness.report.html_report import render
from harness.report.markdown_summary import markdown
from harness.report.report_data import summarize
from harness.results.judge.compare import compare
from harness.results.record_file import read_record
from harness.results.store.store import Store
from tests.support.desk import Desk, dense
from tests.support.models import ROOT
from tests.support.wakewords import HEARD, OTHER, detector, save_list, save_wav, sound

NETWORK = ROOT.parent / "shared" / "mlperf-tiny" / "models" / "str_ww_ref_model.tflite"
ADD = ("import-mlperf", "sww.json", "--model", "net.tflite")

# Features


def test_the_mel_filters_are_those_of_the_reference() -> None:
    """The first frequencies, lengths and values are facts of its fixed_data.c."""
    filters = mel_filters()
    used = filters > 0
    assert used.argmax(axis=0)[:8].tolist() == [1, 3, 6, 10, 13, 17, 20, 25]
    assert used.argmax(axis=0)[-1] == 448
    assert used.sum(axis=0)[-4:].tolist() == [54, 57, 60, 64]
    assert used.sum() == 987
    first = [0.359173, 0.710586, 0.945429, 0.608567, 0.278538]
    assert filters[1:6, 0] == pytest.approx(first, abs=1e-5)


def test_silence_has_no_features_and_a_tone_has_its_own() -> None:
    features = log_mel(sound(0.5, (0.1, 0.5, HEARD)) / 2**15)
    assert features.shape == (15, FILTERS)
    assert not features[:2].any()
    middle = HEARD * 1024 // RATE
    assert features[8].argmax() == mel_filters()[middle].argmax()
    # A sine of amplitude a has the power (a N/2 · 0.54)² / N in its bin.
    power = (8000 / 2**15 * (1 - 0.96875 * np.exp(-2j * np.pi * HEARD / RATE))) * 512 * 0.54
    loudest = 10 * np.log10(abs(power) ** 2 / 1024)
    assert features[8].max() == pytest.approx((loudest + 52) / 64, abs=0.03)


def test_a_frame_depends_on_its_own_samples_and_the_one_before() -> None:
    generator = np.random.default_rng(1)
    audio = generator.uniform(-1, 1, 5 * HOP)
    whole = log_mel(audio)
    assert whole.min() >= 0
    assert whole.max() <= 1
    other = audio.copy()
    other[: 3 * HOP - 1 - 1] = 0
    assert log_mel(other)[4] == pytest.approx(whole[4])
    assert log_mel(audio[:-1]) == pytest.approx(whole[:4])


# The score


def official(detected: list[int], windows: list[tuple[float, float]]) -> tuple[int, int]:
    """Return misses and false accepts as calc_detection_stats of the runner counts them.

    `detected` are vectors; the first pulse, of vector 0, starts the clock.
    """
    times = [32 * index for index in detected if index > 0]
    misses = 0
    for begin, end in windows:
        inside = [time for time in times if begin <= time / 1000 <= end + 2]
        misses += not inside
        times = [time for time in times if time not in inside]
    false_accepts, last = 0, -5000
    for time in times:
        if time > last + 1000:
            false_accepts, last = false_accepts + 1, time
    return misses, false_accepts


def labelled(
    count: int, windows: list[tuple[float, float]]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    labels = np.zeros(count, np.int64)
    seconds = np.arange(count) * 0.032
    for number, (begin, end) in enumerate(windows, 1):
        labels[(seconds >= begin) & (seconds <= end + 2) & (labels == 0)] = number
    return labels


SECONDS = 20
TIMES = st.lists(st.integers(0, SECONDS * 10 - 30), min_size=1, max_size=4, unique=True)


@given(TIMES, st.lists(st.integers(0, SECONDS * 31), unique=True, max_size=60))
def test_the_score_is_that_of_the_runner(begins: list[int], detected: list[int]) -> None:
    windows = [(begin / 10 + 0.001, begin / 10 + 0.6) for begin in sorted(begins)]
    count = SECONDS * 31 + 1
    labels = labelled(count, windows)
    windows = [window for number, window in enumerate(windows, 1) if number in labels]
    heard = np.where(np.isin(np.arange(count), detected), 0.951, 0.95)
    assert tuple(score(heard, labels, None)) == official(sorted(detected), windows)


def test_a_second_after_a_false_accept_is_quiet_but_not_in_the_next_recording() -> None:
    count = 2 * DEBOUNCE + 10
    labels, heard = np.zeros(count, np.int64), np.zeros(count)
    labels[-1] = 1
    heard[[1, 1 + DEBOUNCE]] = 1
    assert score(heard, labels, None) == (1, 1)
    heard[2 + DEBOUNCE] = 1
    assert score(heard, labels, None) == (1, 2)
    recordings = (np.arange(count) >= DEBOUNCE).astype(np.int64)
    assert score(heard, labels, recordings) == (1, 2)
    # The clock of a recording starts with its first vector: a detection there does not count.
    starts = np.where(np.arange(count) == DEBOUNCE, 1.0, 0.0)
    assert score(starts, labels, recordings) == (1, 0)


# From recordings to a model


@pytest.fixture
def desk(desk: Desk) -> Desk:
    (desk.root / "net.tflite").write_bytes(detector())
    left = sound(5, (1.1, 1.3, HEARD), (4.5, 4.6, HEARD))
    save_wav(desk.root / "a.wav", [left, sound(5, (0, 5, OTHER))])
    save_wav(desk.root / "b.wav", [sound(1.5, (0.2, 0.4, OTHER))])
    save_list(desk.root / "sww.json", a=[(1, 1.3)], b=[(0.2, 0.4)])
    return desk


def test_recordings_are_vectors_that_slide_over_the_sound(desk: Desk) -> None:
    code, out, err = desk.run(*ADD, "--quality-target", "1")
    assert code == ExitCode.PASSED, err
    assert "202 vectors, windows from 2 recordings; wakeword-detection" in out
    assert "2 wakewords in 6.5 s of sound" in out
    assert "quality of golden: 1 missed, 1 false; quality target: 1" in out
    model = desk.model("sww")
    model.check(model.graph)
    benchmark = benchmark_of(model, model.graph)
    assert benchmark is not None
    assert benchmark.id == "sww01"
    assert (model.metric, model.classes[0]) == ("detection_errors", "wakeword")
    vectors = model.vectors
    windows = vectors.inputs.reshape(-1, 30, FILTERS)
    assert vectors.recordings is not None
    assert vectors.recordings.tolist() == [0] * 156 + [1] * 46
    assert not windows[0, :-1].any()  # zeros of int8, not of the real values, as in the reference
    assert (windows[0, -1] == -128).all()
    assert (windows[1:156, :-1] == windows[:155, 1:]).all()
    assert not windows[156, :-1].any()
    for begin, end, number in ((32, 103, 1), (156 + 7, 202, 2)):  # 1 to 3.3 s, 0.2 s to the end
        assert (vectors.class_labels[begin:end] == number).all()
    assert np.count_nonzero(vectors.class_labels) == 72 + 39
    # Sound of the first channel: the tone in the second one is not heard.
    assert windows[20, -1].max() == -128
    order = order_of("detection_errors", vectors)  # whole recordings
    assert (list(order.ends), list(order.numbers)) == ([156, 202], list(range(202)))


def test_a_folder_with_the_official_list_is_that_list(desk: Desk) -> None:
    save_list(desk.root / "sww_long_test.json", a=[(1, 1.3)])
    code, out, _ = desk.run(
        "import-mlperf", ".", *ADD[2:], "--name", "long", "--quality-target", "1"
    )
    assert code == ExitCode.PASSED
    assert "1 wakeword in 5.0 s" in out


def change_list(**values: object) -> Callable[[], None]:
    def change() -> None:
        path = Path("sww.json")
        entries = json.loads(path.read_text())
        entries[0] |= values
        path.write_text(json.dumps(entries))

    return change


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "text": (lambda: Path("sww.json").write_text("wav"), "is not a list of recordings"),
    "keys": (lambda: Path("sww.json").write_text('[{"wav_file": "a.wav"}]'), "detection_windows"),
    "elsewhere": (change_list(wav_file="../a.wav"), "'../a.wav' is not the name of a file"),
    "missing": (change_list(wav_file="c.wav"), "lists c.wav, which is not there"),
    "no wav": (lambda: Path("a.wav").write_text("version https"), "a.wav: is not a WAV"),
    "rate": (change_list(sample_rate=8000), "sample_rate: 8000 is not 16000"),
    "wav rate": (
        lambda: save_wav(Path("a.wav"), [sound(5)], 8000),
        "a.wav: has 80,000 samples at 8000 Hz",
    ),
    "short": (lambda: save_wav(Path("a.wav"), [sound(0.03)]), "a.wav: has 480 samples"),
    "late": (change_list(detection_windows=[(6, 7)]), "the wakeword at 6 to 7 s"),
    "backwards": (change_list(detection_windows=[(2, 1)]), "the wakeword at 2 to 1 s"),
    "covered": (change_list(detection_windows=[(1, 3), (1.5, 2)]), "the wakeword at 1.5 to 2 s"),
    "none": (lambda: save_list(Path("sww.json"), a=[]), "names no wakeword"),
    "network": (lambda: Path("net.tflite").write_bytes(dense(30, 2)), "40 features a frame"),
}


@pytest.mark.parametrize("rule", BAD)
def test_what_is_no_streaming_wakeword_is_explained(desk: Desk, rule: str) -> None:
    change, what = BAD[rule]
    change()
    assert what in desk.refused(*ADD)


def test_several_lists_need_a_choice(desk: Desk) -> None:
    save_list(desk.root / "other.json", a=[(1, 1.3)])
    err = desk.refused("import-mlperf", ".", *ADD[2:], "--name", "x")
    assert "has several lists: other.json, sww.json" in err


def test_a_detector_that_never_hears_proves_nothing(desk: Desk) -> None:
    save_wav(desk.root / "a.wav", [sound(5)])
    err = desk.refused(*ADD)
    assert "golden reaches the detection errors 2, and one answer to all inputs may reach 2" in err


# model.toml and vectors.npz


def test_labels_and_targets_of_a_detector_are_checked(desk: Desk) -> None:
    desk.run(*ADD, "--quality-target", "1")
    folder = desk.root / "models" / "sww"
    held = dict(np.load(folder / "vectors.npz"))
    for changed, what in (
        ({"labels": held["labels"] * 0}, "labels: names no wakeword"),
        ({"labels": held["labels"] - 1}, "labels: holds -1"),
        ({"recordings": np.arange(202) % 2}, "a detector is scored over time"),
    ):
        np.savez(folder / "vectors.npz", **(held | changed))
        model = desk.model("sww")
        with pytest.raises(InputError, match=what):
            model.check(model.graph)
    path = folder / "model.toml"
    path.write_text(path.read_text().replace("quality_target = 1.0", "quality_target = -1.0"))
    with pytest.raises(InputError, match="a count of 0 or more"):
        desk.model("sww")


# A run, and what is read of it


@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
def test_misses_and_false_accepts_go_from_the_device_to_every_report(
    desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    desk.run(*ADD, "--quality-target", "1")
    path = desk.root / "models" / "sww" / "model.toml"
    path.write_text(path.read_text().replace("quality_target = 1.0", "quality_target = 0"))
    capsys.readouterr()
    code = main(["run", "--model", "sww", "--target", "virtual-stm32"])
    out = " ".join(capsys.readouterr().out.split())
    assert code == ExitCode.FAILED
    assert "detection errors" in out
    assert "1 missed, 1 false" in out
    [file] = (desk.root / "reports" / "runs").glob("*.json")
    record = read_record(file)
    values = {name: number.value for name, number in record.numbers.items()}
    assert record.reasons == ["1 missed, 1 false: more than 0 of either; golden reaches 1"]
    assert values["bytes_differing"] == 0
    assert (values["misses"], values["false_accepts"], values["detection_errors"]) == (1, 1, 1)
    assert (values["detection_errors_golden"], values["detection_errors_target"]) == (1, 0)
    changed = {"misses": Number(2, "1", "exact"), "false_accepts": Number(0, "1", "exact")}
    other = msgspec.structs.replace(record, numbers=record.numbers | changed)
    judged = {delta.name: delta.judged for delta in compare(record, other).deltas}
    assert (judged["misses"], judged["false_accepts"]) == ("worse", "better")
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as store:
        store.add(record)
        summary = summarize(store)
    assert "detection errors 1 missed, 1 false" in markdown(summary).replace("\\", "")
    page = " ".join(re.sub(r"<[^>]*>", " ", render(summary)).split())
    assert "1 missed, 1 false detection errors ≤ 0" in page


@pytest.mark.skipif(
    not NETWORK.is_file(), reason="MLPerf Tiny's network is not beside this checkout"
)
def test_mlperf_tiny_s_own_network_hears_no_wakeword_in_tones(desk: Desk) -> None:
    code, out, _ = desk.run(*ADD[:3], NETWORK, "--quality-target", "2")
    assert code == ExitCode.PASSED
    assert "quality of golden: 2 missed, 0 false" in out
