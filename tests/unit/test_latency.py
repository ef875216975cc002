"""How long inferences take: the distribution of ticks, and time where a clock is stated."""

import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.engines import registry
from harness.errors import ExitCode
from harness.measure import core_clock
from harness.measure.latency import distribution, numbers
from harness.report.latency_table import print_latency
from harness.results.judge.run_context import facts
from harness.results.run_record import record_of
from harness.target.find_target import load_target
from harness.target.target_file import Clock, Counter, Target
from tests.support.models import ROOT
from tests.support.repository import HandMade, Repository, make_repository
from tests.unit.test_record import make_run

TICKS = st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=300)


def rank(ticks: Sequence[int], percent: int) -> int:
    """Return the smallest of `ticks` that at least `percent` of them do not exceed."""
    return sorted(ticks)[-(-percent * len(ticks) // 100) - 1]


@given(ticks=TICKS)
def test_a_percentile_is_an_inference_that_was_observed(ticks: list[int]) -> None:
    found = distribution(np.array(ticks, np.int64))
    assert (found.p95, found.p99) == (rank(ticks, 95), rank(ticks, 99))
    assert found.min <= found.median <= found.p95 <= found.p99 <= found.max
    assert (found.min, found.max) == (min(ticks), max(ticks))
    assert found.spread == (max(ticks) - min(ticks)) / found.median


def test_percentiles_are_exact_for_any_number_of_inferences() -> None:
    for count in range(1, 2001):
        found = distribution(np.arange(1, count + 1, dtype=np.int64))
        assert found.p95 == -(-95 * count // 100), count
        assert found.p99 == -(-99 * count // 100), count


def test_of_few_inferences_the_percentiles_are_the_slowest() -> None:
    found = distribution(np.arange(1, 51, dtype=np.int64))
    assert (found.median, found.p95, found.p99, found.max) == (25.5, 48, 50, 50)
    assert distribution(np.array([7], np.int64)) == (7, 7, 7, 7, 7)


def target(ticks: str, hz: int | None) -> Target:
    held = load_target(ROOT / "targets" / "nucleo-f429zi.toml")
    clock = None if hz is None else Clock(hz, "HSI")
    return msgspec.structs.replace(held, counter=Counter(ticks), clock=clock)  # type: ignore[arg-type]


def test_cycles_are_time_by_the_stated_clock_and_instructions_never() -> None:
    ticks = np.array([8_000_000, 16_000_000, 32_000_000], np.int64)
    found = numbers(ticks, 17_000_000, target("cycles", 16_000_000))
    latency = {name: n.value for name, n in found.items() if name.startswith("latency")}
    assert latency == {
        "latency_min": 0.5,
        "latency_median": 1.0,
        "latency_p95": 2.0,
        "latency_p99": 2.0,
        "latency_max": 2.0,
    }
    assert {found[name].unit for name in latency} == {"s"}
    assert {number.kind for number in found.values()} == {"measured"}
    assert found["cycles_first"].value == 17_000_000
    assert found["cycles_spread"].value == 1.5
    for other in (target("cycles", None), target("instructions", 16_000_000)):
        assert not [name for name in numbers(ticks, None, other) if name.startswith("latency")]
    exact = numbers(ticks, 1, target("instructions", 16_000_000))
    assert {number.kind for number in exact.values()} == {"exact"}


def rule(lines: list[str]) -> str:
    return next(line for line in lines if "───" in line)


def test_the_distribution_is_shown_where_inferences_differ(tmp_path: Path) -> None:
    run = make_run(first=14_223_999)
    alike = record_of(replace(run, ticks=run.ticks * 0 + 5), tmp_path)
    slow = replace(run, ticks=run.ticks + np.int64(14_223_000))
    measured = replace(slow, target=target("cycles", 16_000_000))
    text = io.StringIO()
    console = Console(file=text, width=80)
    print_latency([alike], console)
    assert text.getvalue() == ""
    print_latency([alike, record_of(slow, tmp_path), record_of(measured, tmp_path)], console)
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    names, row, below, *_ = (line.split() for line in lines[lines.index(rule(lines)) + 1 :])
    shown = ["14,223,001", "14,223,100", "14,223,190", "14,223,198", "14,223,200"]
    assert names == ["valid", "digits", "run", "2"]
    assert row == [*shown, "0.00%"]
    assert below == ["14,223,999"]
    assert "888.938 ms" in text.getvalue()
    assert "no spread, because each inference takes the same: digits on valid" in text.getvalue()


# On a board whose ticks are said to be cycles of a stated clock


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not on PATH: see `make system`")
    monkeypatch.setitem(registry.ENGINES, "counting", HandMade("counting"))
    return make_repository(tmp_path, monkeypatch, capsys)


@pytest.fixture
def desk(repository: Repository, cycles: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual board whose instructions are said to be cycles; its clock is how fast it runs."""
    monkeypatch.setattr(core_clock, "APART", 0.2)
    monkeypatch.setattr(core_clock, "_VAGUE", 1.0)  # it runs now faster, now slower
    held = (ROOT / "targets" / "virtual-stm32.toml").read_text()
    path = repository.root / "targets" / "desk.toml"
    path.parent.mkdir()
    path.write_text(held.replace('ticks = "instructions"', 'ticks = "cycles"'))
    return path


def test_a_clock_that_is_too_vague_gives_no_time(
    repository: Repository, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_clock, "_VAGUE", 0.0)
    text = desk.read_text()
    desk.write_text(text[: text.index("[clock]")] + text[text.index("# Typically") :])
    assert repository.run("counting", "--target", "desk") == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert not {"clock", "latency_median"} & record.numbers.keys()
    assert record.time_unavailable.startswith("the clock could only be measured as ")


def test_without_a_stated_clock_the_measured_one_gives_the_time(
    repository: Repository, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_clock, "_VAGUE", 1.0)  # the simulator's speed is no exact clock
    text = desk.read_text()
    desk.write_text(text[: text.index("[clock]")] + text[text.index("# Typically") :])
    assert repository.run("counting", "--target", "desk") == (ExitCode.PASSED, "")
    (record,) = repository.records()
    measured, time = record.numbers["clock"], record.numbers["latency_median"]
    assert (measured.unit, measured.kind) == ("Hz", "measured")
    assert measured.value > 1e6
    assert measured.error is not None
    assert measured.error > 0
    assert time.value == pytest.approx(record.ticks[0] / measured.value)
    assert (time.kind, time.error) == ("measured", measured.error)
    assert facts(record)["clock"] == "measured"
    other = facts(msgspec.structs.replace(record, carrier="rtt"))
    assert (facts(record)["carrier"], other["carrier"]) == ("serial", "rtt")


@pytest.mark.parametrize("hz", [1000, 1_000_000_000])
def test_a_clock_that_is_stated_wrong_is_an_error(
    repository: Repository, desk: Path, hz: int
) -> None:
    desk.write_text(desk.read_text().replace("hz = 16_000_000", f"hz = {hz}"))
    code, text = repository.run("counting", "--target", "desk")
    assert code == ExitCode.INFRASTRUCTURE
    assert "desk.toml: clock.hz" in text
    assert f"but the stated clock is {hz / 1e6:g} MHz" in text
    assert repository.records() == []
