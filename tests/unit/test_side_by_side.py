"""Engines side by side: which runs belong there, and why they differ."""

import random
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from rich.console import Console

from harness.cli.main import main
from harness.engines.cmsis_nn import CmsisNN
from harness.engines.registry import ENGINES as KNOWN
from harness.engines.registry import Generated
from harness.errors import ExitCode
from harness.image.memory_record import MemoryUse, Use
from harness.measure.number import Number
from harness.measure.profiled_layer import LayerProfile
from harness.model.graph import Graph
from harness.report.engines_table import Row, legend_of, notes_of, print_side_by_side, rows_of
from harness.report.html_report import render
from harness.report.markdown_summary import markdown
from harness.report.page.page_script import page_script
from harness.report.report_data import summarize
from harness.results.judge.compare import Sample
from harness.results.judge.side_by_side import SideBySide, side_by_side
from harness.results.record import Record
from harness.results.store.store import Store
from harness.support.git_commit import Commit
from tests.support.repository import Repository
from tests.support.year import FIRST, SILICON, made_up

EMULATOR = "virtual-stm32"
ENGINES = ("cmsis-nn", "tflm")
HOSTILE = ["[bold red]x[/]", "a\nb\x1b[31m", "\u202eevil", "<script>", "x" * 500]


needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


def run(
    engine: str, target: str = EMULATOR, model: str = "faces", day: int = 0, **numbers: float
) -> Record:
    record = made_up(random.Random(1), FIRST + timedelta(days=day), target, model)
    changed = {
        name: structs.replace(record.numbers[name], value=value) for name, value in numbers.items()
    }
    return structs.replace(
        record,
        id=f"{record.id}-{engine.encode().hex()[:40]}",
        image=structs.replace(record.image, engine=engine, engine_version=f"{engine} 1"),
        numbers=record.numbers | changed,
    )


def profiled(record: Record, *layers: tuple[int, str, int], around: int = 0) -> Record:
    """Return `record` with layers that were profiled: place, operator and ticks."""
    profile = [LayerProfile(place, kind, "x", [1], 0, ticks) for place, kind, ticks in layers]
    whole = sum(ticks for _, _, ticks in layers) + around
    return structs.replace(record, layers=profile, ticks=[whole, *record.ticks[1:]])


def using(record: Record, **parts: int) -> Record:
    return structs.replace(
        record, memory=MemoryUse({name: Use(flash=size) for name, size in parts.items()}, {}, [])
    )


def group(*records: Record, engines: Sequence[str] = ENGINES) -> SideBySide:
    (found,) = side_by_side(records, engines)
    return found


def rows(found: SideBySide) -> dict[str, Row]:
    return {row.name: row for row in rows_of(found)}


def beside(row: Row) -> list[str]:
    return [cell.comparison for cell in row.cells]


def texts(row: Row) -> list[str]:
    return [cell.text for cell in row.cells]


def shown(*records: Record, engines: Sequence[str] = ENGINES) -> list[str]:
    console = Console(width=80, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    print_side_by_side(side_by_side(records, engines), console)
    return console.export_text().splitlines()


# Which runs belong together


def test_engines_stand_in_the_order_that_they_were_asked_for() -> None:
    records = [run(engine) for engine in ("c", "tflm", "b", "cmsis-nn")]
    found = group(*records)
    assert [record.image.engine for record in found.records] == ["cmsis-nn", "tflm", "b", "c"]
    assert group(*records, engines=("b",)).first.image.engine == "b"


def test_the_newest_run_of_an_engine_counts() -> None:
    records = [run("tflm", day=day, flash=day) for day in (2, 0, 1)]
    commit = Commit("a" * 40, dirty=False)
    found = group(*(structs.replace(r, commit=commit) for r in [*records, run("cmsis-nn")]))
    assert texts(rows(found)["flash"]) == ["18,208", "2"]


def test_targets_models_and_builds_have_a_group_each() -> None:
    records = [
        run(engine, target=target, model=model)
        for engine in ENGINES
        for target in (EMULATOR, "qemu-stm32")
        for model in ("faces", "digits")
    ]
    small = [
        structs.replace(r, image=structs.replace(r.image, optimize="-Os")) for r in records[::4]
    ]
    assert len(side_by_side([*records, *small], ENGINES)) == 5
    assert side_by_side(records[:4], ("cmsis-nn",)) == []


def test_an_engine_that_has_no_run_is_named_and_not_left_out() -> None:
    found = group(run("tflm"))
    assert found.comparisons == []
    assert found.refused == {"cmsis-nn": "has no run"}
    assert shown(run("tflm")) == ["faces on virtual-stm32: cmsis-nn has no run"]
    three = shown(*map(run, ENGINES), engines=(*ENGINES, "own"))
    assert "faces on virtual-stm32: own has no run" in three


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"model": {"digest": "0" * 64}}, "tflm ran another network"),
        ({"commit": {"hash": "0" * 40}}, "tflm ran at another commit"),
    ],
)
def test_what_ran_something_else_is_refused(changed: Any, why: str) -> None:
    ((part, keys),) = changed.items()
    record = run("tflm")
    other = structs.replace(record, **{part: structs.replace(getattr(record, part), **keys)})
    assert shown(run("cmsis-nn"), other) == [f"faces on virtual-stm32: {why}"]


def test_ticks_on_other_vectors_have_no_ratio_and_sizes_have() -> None:
    record = run("tflm", flash=36_416)
    other = structs.replace(record, model=structs.replace(record.model, vectors="0" * 64))
    found = group(run("cmsis-nn"), other)
    assert beside(rows(found)["instructions"]) == ["", ""]
    assert beside(rows(found)["flash"]) == ["", "2x"]
    assert "tflm, instructions, not comparable: different vectors" in list(notes_of(found))


# The numbers


@pytest.mark.parametrize(
    ("flash", "times"),
    [
        (18_208, "="),
        (18_209, "1.0001x"),
        (9_104, "0.5x"),
        (76_666, "4.21x"),
        (18_208_000, "1,000x"),
        (0, "0x"),
    ],
)
def test_what_is_not_the_same_is_never_shown_as_one(flash: int, times: str) -> None:
    found = group(run("cmsis-nn"), run("tflm", flash=flash))
    assert beside(rows(found)["flash"]) == ["", times]


def test_bytes_that_differ_are_wrong_in_their_own_column() -> None:
    found = group(run("cmsis-nn"), run("tflm", bytes_differing=12))
    row = rows(found)["≠ golden"]
    assert texts(row) == ["0", "12"]
    assert [cell.wrong for cell in row.cells] == [False, True]
    assert beside(row) == ["", ""]


def test_an_estimate_is_one_and_its_ratio_is_too() -> None:
    def estimated(engine: str, cycles: float) -> Record:
        number = Number(cycles, "1", "estimated", "a model", 0.11)
        record = run(engine)
        return structs.replace(record, numbers=record.numbers | {"cycles_estimated": number})

    found = group(estimated("cmsis-nn", 5.489e6), estimated("tflm", 10.978e6))
    row = rows(found)["~ cycles"]
    assert (texts(row), beside(row)) == (["~ 5.49 M", "~ 11.0 M"], ["", "~ 2x"])
    assert "estimated: ~ cycles, ± 11 % (a model)" in legend_of([found])


def test_measured_numbers_are_compared_by_the_levels_of_their_history() -> None:
    first, other = (run(engine, target=SILICON, cycles_median=1000) for engine in ENGINES)
    other = structs.replace(
        other,
        numbers=other.numbers | {"cycles_median": Number(2000, "1", "measured")},
    )
    alone = group(first, other)
    assert beside(rows(alone)["cycles"]) == ["", "2x ?"]
    assert "tflm, cycles, unclear: too little history: 1 of 10 runs" in notes_of(alone)
    samples: list[Sample] = [(str(night), 2000 + night % 3) for night in range(20)]
    (found,) = side_by_side([first, other], ENGINES, lambda _: lambda _: samples)
    assert beside(rows(found)["cycles"]) == ["", "2x"]
    assert "measured: cycles (median; of vector 0 in layers)" in legend_of([found])


# Why


def test_the_layers_that_differ_most_are_named_and_the_others_added_up() -> None:
    ours = [(place, "CONV_2D", 100) for place in range(8)]
    theirs = [(place, "CONV_2D", 100 + 10 * place) for place in range(8)]
    found = rows(group(profiled(run("cmsis-nn"), *ours), profiled(run("tflm"), *theirs, around=20)))
    parts = [row for row in found.values() if row.is_part]
    assert [row.name for row in parts] == [
        "7 CONV_2D",
        "6 CONV_2D",
        "5 CONV_2D",
        "4 CONV_2D",
        "5 others",
    ]
    assert texts(parts[0]) == ["100", "170"]
    assert beside(parts[0]) == ["", "+23.3 %"]  # 70 of 300
    assert texts(parts[-1]) == ["400", "480"]
    assert beside(parts[-1]) == ["", "+26.7 %"]
    assert texts(found["layers"]) == ["8", "8"]


def test_layers_that_one_engine_lacks_are_shown_as_such_and_counted() -> None:
    ours = profiled(run("cmsis-nn"), (0, "CONV_2D", 100), (2, "SOFTMAX", 10))
    theirs = profiled(
        run("tflm"), (0, "CONV_2D", 200), (1, "RESHAPE", 50), (2, "SOFTMAX", 10), around=5
    )
    found = group(ours, theirs)
    assert texts(rows(found)["1 RESHAPE"]) == ["-", "50"]
    assert beside(rows(found)["1 RESHAPE"]) == ["", "+32.3 %"]  # 50 of 155
    assert texts(rows(found)["outside the layers"]) == ["0", "5"]
    assert texts(rows(found)["layers"]) == ["2", "3"]
    assert list(notes_of(found)) == ["layers of tflm that not every engine has (1): 1 RESHAPE"]


def test_an_engine_without_layers_says_why_and_the_others_are_shown() -> None:
    ours = profiled(run("cmsis-nn"), (0, "CONV_2D", 100))
    silent = structs.replace(
        run("tflm"), profile_unavailable="engine tflm does not tell of its layers"
    )
    other = profiled(run("own"), (0, "CONV_2D", 300))
    assert "no layers: use --profile to see which layers differ" in notes_of(
        group(run("cmsis-nn"), run("tflm"))
    )
    note = "no layers for tflm: engine tflm does not tell of its layers"
    found = group(ours, silent, other)
    assert texts(rows(found)["0 CONV_2D"]) == ["100", "", "300"]
    assert beside(rows(found)["0 CONV_2D"]) == ["", "", "+100.0 %"]
    assert note in list(notes_of(found))
    assert "0 CONV_2D" not in rows(group(ours, silent))
    assert note in list(notes_of(group(ours, silent)))


def test_flash_and_ram_are_parted_where_they_differ() -> None:
    ours = using(run("cmsis-nn", ram=14_744, arena=7_000), model=12_000, engine=6_000, link=208)
    theirs = using(
        run("tflm", flash=50_208, ram=20_744, arena=11_000), model=20_000, engine=30_000, link=208
    )
    listed = [(row.name, texts(row), beside(row)[1]) for row in rows_of(group(ours, theirs))]
    assert listed[2:] == [
        ("flash", ["18,208", "50,208"], "2.76x"),
        ("engine", ["6,000", "30,000"], "+75.0 %"),
        ("model", ["12,000", "20,000"], "+25.0 %"),
        ("1 other", ["208", "208"], ""),
        ("RAM", ["14,744", "20,744"], "1.41x"),
        ("arena", ["7,000", "11,000"], "+66.7 %"),
        ("other", ["3,648", "5,648"], "+33.3 %"),
        ("1 other", ["4,096", "4,096"], ""),
        ("arena", ["7,000", "11,000"], "1.57x"),
    ]


TICKS = st.lists(st.integers(1, 2**31), min_size=1, max_size=12)


@settings(max_examples=50)
@given(st.lists(TICKS, min_size=2, max_size=4))
def test_what_is_shown_of_a_number_adds_up_to_it(sides: list[list[int]]) -> None:
    records = [
        profiled(run(f"e{place}"), *((layer, "ADD", ticks) for layer, ticks in enumerate(side)))
        for place, side in enumerate(sides)
    ]
    found = [row for row in rows_of(group(*records)) if row.is_part]
    if not found:
        assert all(side == sides[0] for side in sides)
    for place, side in enumerate(sides if found else []):
        cells = [row.cells[place].text.replace(",", "") for row in found]
        assert sum(int(text) for text in cells if text != "-") == sum(side)


# What is printed


def test_more_engines_than_fit_have_a_table_each_beside_the_first() -> None:
    lines = shown(*map(run, "abcdef"), engines=("a",))
    headings = [line.split() for line in lines if line.strip() and line.split()[0] == "a"]
    assert headings == [["a", "b", "c"], ["a", "d", "e"], ["a", "f"]]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_the_table_fits_80_columns_whatever_names_say(text: str) -> None:
    records = [
        run(engine, instructions_median=9_999_999_999, flash=9_999_999, ram=9_999_999)
        for engine in ("cmsis-nn", text, "edge-impulse")
    ]
    records[1] = profiled(records[1], (0, text, 9_999_999_999), (1, "DEPTHWISE_CONV_2D", 7))
    records[0] = profiled(records[0], (0, text, 1), (1, "DEPTHWISE_CONV_2D", 9_999_999_999))
    lines = shown(*records, engines=("cmsis-nn", text))
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)
    assert any("9,999,999,999" in line for line in lines)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_the_report_has_them_too(text: str, tmp_path: Path) -> None:
    ours = profiled(run("cmsis-nn"), (0, "CONV_2D", 100), (1, text, 100))
    theirs = profiled(run("tflm", flash=36_416), (0, "CONV_2D", 200), (2, text, 7))
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as store:
        store.add(ours, theirs)
        summary = summarize(store)
    page, text = render(summary), markdown(summary)
    assert "<h2>Engines side by side</h2>" in page
    assert page.count("<script>") == len(page_script().scripts)
    assert '<td class="r n">36,416</td><td class="r n dim">2x</td>' in page
    assert "| flash | 18,208 | 36,416 \\(2x\\) |" in text
    with Store(f"sqlite:///{tmp_path / 'other.sqlite'}") as store:
        store.add(ours)
        assert "Engines side by side" not in render(summarize(store))


# A second engine, run


class Unoptimized(CmsisNN):
    """A second engine that gives the same bytes, later: the first one's code at -O0."""

    name = "unoptimized"

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:
        generated = super().generate(graph, directory, core=core)
        with (directory / "model.c").open("a") as file:
            file.write("/* at -O0 */\n")  # of which, unlike of model.cmake, the build ID is made
        with generated.cmake.open("a") as file:
            file.write(
                "set_source_files_properties(${NN_SOURCES} PROPERTIES COMPILE_OPTIONS -O0)\n"
            )
        return generated


@pytest.fixture
def small(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose model's golden is computed, with a second engine."""
    monkeypatch.setitem(cast("Any", KNOWN), Unoptimized.name, Unoptimized())
    inputs = np.array([[1, 2, 3, 4], [40, 30, 20, 10]], np.int8)
    np.savez(repository.root / "models" / "small" / "vectors.npz", inputs=inputs, labels=[0, 0])
    text = (repository.root / "models" / "small" / "model.toml").read_text()
    text = text.replace("quality_target = 0.5", "quality_target = 0.0")
    (repository.root / "models" / "small" / "model.toml").write_text(text)
    return repository


@needs_gcc
def test_two_engines_that_run_stand_side_by_side_with_their_layers(small: Repository) -> None:
    small.capsys.readouterr()
    asked = ["--engine=cmsis-nn", "--engine=unoptimized", "--model=small"]
    assert main(["run", "--target=virtual-stm32", *asked]) == ExitCode.PASSED
    lines = small.capsys.readouterr().out.splitlines()
    words = " ".join(" ".join(lines).split())
    ours, theirs = sorted(small.records(), key=lambda record: record.image.engine)
    assert [record.image.engine for record in (ours, theirs)] == ["cmsis-nn", "unoptimized"]
    assert ours.image.build_id != theirs.image.build_id
    ticks = [record.numbers["instructions_median"].value for record in (ours, theirs)]
    assert ticks[0] < ticks[1]
    ratio = f"{ticks[1] / ticks[0]:.3g}x"
    assert f"instructions {ticks[0]:,.0f} {ticks[1]:,.0f} {ratio}" in words
    (line,) = [line.split() for line in lines if "0 FULLY_CONNECTED" in line]
    assert line[2:4] == [f"{record.layers[0].ticks:,}" for record in (ours, theirs)]
    assert "small (unoptimized) ~ " in words  # whose energy is whose


@needs_gcc
def test_one_engine_has_neither_a_table_beside_others_nor_layers(small: Repository) -> None:
    assert main(["run", "--target=virtual-stm32", "--model=small"]) == ExitCode.PASSED
    (record,) = small.records()
    assert record.layers == []
    assert "times the first engine's" not in small.capsys.readouterr().out
