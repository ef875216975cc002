"""Trends: which runs make a line, what is marked, and what is printed and plotted."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli import main
from harness.errors import ExitCode, InputError
from harness.measure.number import Number
from harness.measure.shown_number import percent
from harness.report.trend_plot import kind_of, plot_trends, print_trend, sparkline, title
from harness.results.judge.trend import Trend, cause, trends
from harness.results.record import Record
from harness.results.store.open_results import MAKE_RUNS
from harness.results.store.store import Store
from tests.support.year import SILICON
from tests.unit.test_compare import HOSTILE, run, with_numbers, with_part, with_value

NIGHTS = 24
STEP = 14
MISSING = (5, 6)


def night(day: int, target: str = "virtual-stm32", model: str = "faces") -> Record:
    """Return an exact or measured run; from the night STEP on, ticks are 10 % more."""
    record = run(day, target, model, day)
    name = "cycles_median" if target == SILICON else "instructions_median"
    ticks = 1000 + (100 if day >= STEP else 0)
    return with_value(record, name, ticks + (day % 3 if target == SILICON else 0))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'store.sqlite'}") as found:
        days = [day for day in range(NIGHTS) if day not in MISSING]
        found.add(*map(night, days), *(night(day, SILICON) for day in days))
        yield found


def shown(store: Store, trend: Trend) -> str:
    console = Console(width=80, file=io.StringIO(), record=True)
    print_trend(trend, lambda trend, change: cause(store, trend, change), console)
    return console.export_text()


def test_cycles_are_what_there_is_and_not_mixed_with_instructions(store: Store) -> None:
    found = trends(store, "cycles")
    assert [(t.metric, t.target, t.kind) for t in found] == [
        ("cycles_median", SILICON, "measured"),
        ("instructions_median", "virtual-stm32", "exact"),
    ]
    for trend in found:
        assert len(trend.points) == NIGHTS - len(MISSING)
        (change,) = trend.changes
        assert change.index == STEP - len(MISSING)
        assert round(change.relative, 2) == 0.1


def test_kinds_units_and_estimators_are_lines_of_their_own(store: Store) -> None:
    energy = {
        "a": Number(1.0, "J", "estimated", "one", 0.2),
        "b": Number(1.0, "J", "estimated", "two"),
        "c": Number(1.0, "J", "measured"),
        "d": Number(1.0, "mJ", "measured"),
    }
    for day, number in enumerate(energy.values(), start=50):
        store.add(with_numbers(run(day, model="digits", day=day), energy_median=number))
    found = trends(store, "energy", model="digits")
    assert sorted(map(kind_of, found)) == [
        "estimated by two",
        "estimated ±20 % by one",
        "measured",
        "measured",
    ]
    assert {(len(trend.points), trend.unit) for trend in found} == {(1, "J"), (1, "mJ")}


def test_another_flag_is_another_line(store: Store) -> None:
    store.add(
        with_part(night(0, model="digits"), "image", optimize="-Os"), night(1, model="digits")
    )
    assert [title(trend) for trend in trends(store, "flash", model="digits")] == [
        "digits on virtual-stm32 (cmsis-nn, gcc -O2)",
        "digits on virtual-stm32 (cmsis-nn, gcc -Os)",
    ]


def test_a_change_names_its_cause(store: Store) -> None:
    old, new = (night(day, model="digits") for day in (0, 1))
    new = with_part(with_value(new, "flash", 1), "image", compiler="gcc 14")
    store.add(old, new)
    (trend,) = trends(store, "flash", model="digits")
    causes = cause(store, trend, trend.changes[0])
    assert causes[0] == "compiler: gcc, arm-none-eabi-gcc 12.2.1 → gcc, gcc 14"
    assert causes[1].startswith("commits: ")


def test_the_line_has_gaps_where_nights_are_missing(store: Store) -> None:
    (trend,) = trends(store, "instructions")
    line = sparkline(trend)
    assert line == "▁▁▁▁▁  ▁▁▁▁▁▁▁██████████"
    text = shown(store, trend)
    assert line in text
    assert "22 runs, 2026-01-01 to 2026-01-24, exact" in text
    assert "1,000 → 1,100 (+10.0 %)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_one_run_and_a_constant_are_lines_too(store: Store) -> None:
    store.add(night(0, model="vowels"))
    (trend,) = trends(store, "flash", model="vowels")
    assert sparkline(trend) == "▅"
    assert "no change" in shown(store, trend)


@pytest.mark.parametrize(
    ("metric", "which", "text"),
    [
        ("cycls", {}, "has a number 'cycls'\n  -> did you mean cycles"),
        ("cycles", {"model": "face"}, "no run has the model 'face'\n  -> did you mean faces?"),
        # Such a number exists, but these runs do not have it.
        ("energy_median", {"target": "virtual-stm32"}, "-> did you mean energy?"),
        ("results_differing", {}, "-> did you mean bytes_differing"),
    ],
)
def test_what_was_not_recorded_is_explained(
    store: Store, metric: str, which: dict[str, str], text: str
) -> None:
    with pytest.raises(InputError) as caught:
        trends(store, metric, **which)  # type: ignore[arg-type]
    assert text in str(caught.value)


def test_without_a_metric_the_message_lists_the_numbers(store: Store) -> None:
    with pytest.raises(InputError) as caught:
        trends(store, "")
    assert caught.value.where == "--metric"
    names = caught.value.remedy.removeprefix("known: ").split(", ")
    assert {"cycles", "flash", "instructions_median", "ram"} <= set(names)
    assert "latency" not in names  # no run has one


def test_without_runs_the_message_says_how_to_make_one(tmp_path: Path) -> None:
    with (
        Store(f"sqlite:///{tmp_path / 'empty.sqlite'}") as empty,
        pytest.raises(InputError) as caught,
    ):
        trends(empty, "cycles", target="virtual-stm32")
    assert str(caught.value) == f"there are no runs yet\n  -> {MAKE_RUNS}"


def test_filters_that_match_runs_only_alone_are_named(store: Store) -> None:
    store.add(night(0, target="board", model="digits"))
    with pytest.raises(InputError) as caught:
        trends(store, "flash", target="virtual-stm32", model="digits")
    assert str(caught.value) == (
        "no run has the target 'virtual-stm32' and the model 'digits'\n"
        "  -> leave out one of these options"
    )


def test_too_many_lines_are_refused(store: Store) -> None:
    store.add(*(night(0, target=f"board-{number}") for number in range(20)))
    with pytest.raises(InputError, match="has 21 combinations"):
        trends(store, "instructions")


@pytest.mark.parametrize("name", [*HOSTILE, "$\\frac{$"], ids=range(6))
def test_hostile_names_are_plotted_and_printed(store: Store, tmp_path: Path, name: str) -> None:
    store.add(*(with_part(night(day), "model", name=name) for day in range(NIGHTS, NIGHTS + 3)))
    found = trends(store, "instructions", model=name)
    plot_trends(found, tmp_path / "plot.svg")
    text = shown(store, found[0])
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_plot_marks_the_changes_with_their_commits(store: Store, tmp_path: Path) -> None:
    found = trends(store, "cycles")
    plot_trends(found, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    for trend in found:
        point = trend.points[trend.changes[0].index]
        assert point.commit[:7] in text
        assert percent(trend.changes[0].relative) in text
        assert trend.metric in text
    with pytest.raises(InputError, match="the plot cannot be written"):
        plot_trends(found, tmp_path / "plot.doc")


def test_one_large_change_is_not_lost_among_many_small_ones(tmp_path: Path) -> None:
    ticks = [100_000 + day + (10_000 if day >= STEP else 0) for day in range(NIGHTS)]
    with Store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
        nights = (night(day) for day in range(NIGHTS))
        store.add(
            *(with_value(r, "instructions_median", n) for r, n in zip(nights, ticks, strict=True))
        )
        (trend,) = trends(store, "instructions")
        text = shown(store, trend)
    assert len(trend.changes) == NIGHTS - 1
    assert f"{NIGHTS - 1} changes, the largest:" in text
    assert text.count("→") == text.count("100,013 → 110,014 (+10.0 %)") + text.count("commits: ")
    plot_trends([trend], tmp_path / "plot.svg")
    plot = (tmp_path / "plot.svg").read_text()
    assert f"{NIGHTS - 2} smaller changes are not marked" in plot


def test_the_command_prints_and_plots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store("sqlite:///shared.sqlite") as store:
        store.add(night(0), night(1))
    arguments = ["trend", "--metric=flash", "--plot=trend.png", "--store=sqlite:///shared.sqlite"]
    assert main.main(arguments) == ExitCode.PASSED
    assert "flash of faces on virtual-stm32" in capsys.readouterr().out
    assert (tmp_path / "trend.png").stat().st_size > 10_000
    assert main.main([*arguments, "--model=nope"]) == ExitCode.USAGE
    assert main.main(["trend", "--store=sqlite:///shared.sqlite"]) == ExitCode.USAGE
    assert "known: " in capsys.readouterr().err
    assert main.main([*arguments, "--plot=trend.doc"]) == ExitCode.USAGE
