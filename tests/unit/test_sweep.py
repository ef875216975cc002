"""Sweeps: what is Pareto-optimal, what a failure leaves of the rest, the table and the plot."""

import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.cli.main import main
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InputError
from harness.image.build import build_image
from harness.image.toolchain import find_clang, find_toolchain
from harness.measure.number import Number
from harness.model.folder import find_model
from harness.options.plot_option import check_plot_path
from harness.report.sweep_table import plot_sweep, print_sweep
from harness.results.judge.pareto import pareto
from harness.results.judge.sweep_row import SweepRow, groups
from harness.target.find_target import find_target
from tests.support.repository import FAIL, Repository, make_repository, vectors

ROOT = Path(__file__).parents[2]

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


# Which is worth a look

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)))


def dominates(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one != other


@given(POINTS)
def test_what_is_not_optimal_is_dominated_by_what_is(points: list[tuple[int, int]]) -> None:
    chosen = pareto(points)
    assert len(chosen) == len(points)
    front = [point for point, best in zip(points, chosen, strict=True) if best]
    assert bool(front) == bool(points)
    for point, best in zip(points, chosen, strict=True):
        assert best != any(dominates(other, point) for other in front)


@given(POINTS, st.randoms())
def test_the_order_of_points_is_nothing(points: list[tuple[int, int]], random: Any) -> None:
    order = list(range(len(points)))
    random.shuffle(order)
    shuffled = pareto([points[place] for place in order])
    assert shuffled == [pareto(points)[place] for place in order]


def row(opt: str, flash: int, ticks: int, **more: Any) -> SweepRow:
    unit = more.pop("unit", "instructions")
    numbers = {
        "flash": Number(flash, "byte", "exact"),
        "ram": Number(20_000, "byte", "exact"),
        f"{unit}_median": Number(ticks, "1", "exact" if unit == "instructions" else "measured"),
        "bytes_differing": Number(0, "byte", "exact"),
    }
    names = {
        "target": "virtual-stm32",
        "model": "digits",
        "engine": "cmsis-nn",
        "toolchain": "gcc",
    }
    return SweepRow(**{**names, "opt": opt, "numbers": numbers, **more})


ROWS = [
    row("-Os", 39_320, 5_775_834),
    row("-O2", 41_688, 4_379_312),
    row("-O3", 44_732, 4_388_210),
    row("-O1", 30_000, 1, reasons=["7 of 2000 output bytes differ"], code=ExitCode.FAILED),
    row("-Os", 50_000, 9_000_000, target="qemu-stm32"),
    SweepRow(
        "qemu-stm32",
        "digits",
        "cmsis-nn",
        "gcc",
        "-O0",
        reasons=["the model is too large"],
        code=ExitCode.USAGE,
    ),
]


def test_only_what_is_right_is_compared_and_only_within_a_target() -> None:
    first, second = groups(ROWS)
    assert [row.best for row in first] == [True, True, False, False]
    assert [row.best for row in second] == [True, False]


def shown(rows: list[SweepRow]) -> list[str]:
    console = Console(width=80, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    print_sweep(rows, console)
    return console.export_text().splitlines()


def test_cycles_are_shown_as_the_estimate_that_they_are() -> None:
    estimate = Number(5_489_750, "1", "estimated", "a model", 0.107)
    numbers = {**ROWS[1].numbers, "cycles_estimated": estimate}
    lines = [line.rstrip() for line in shown([replace(ROWS[1], numbers=numbers), ROWS[2]])]
    assert any("4,379,312  ~ 5.49 M         0     *" in line for line in lines), lines
    assert any("4,388,210                   0" in line for line in lines), lines
    assert "estimated: ~ cycles, ± 11 % (a model)" in lines
    assert max(map(len, lines)) <= 80


def test_a_failure_is_a_row_that_says_why() -> None:
    lines = [line.rstrip() for line in shown(ROWS)]
    assert sum(line.endswith(" *") for line in lines) == 3
    assert "  passed  gcc -O2    41,688  20,000   4,379,312         0     *" in lines
    assert "virtual-stm32, digits" in lines
    verdicts = [line.split("  gcc")[0] for line in lines if "  gcc -" in line]
    assert verdicts == ["✗ failed", *["  passed"] * 3, "✗ failed", "  passed"]
    assert lines[-4:] == [
        "virtual-stm32, digits, cmsis-nn, gcc -O1:",
        "  7 of 2000 output bytes differ",
        "qemu-stm32, digits, cmsis-nn, gcc -O0:",
        "  the model is too large",
    ]


def test_engines_are_told_apart_in_table_and_plot(tmp_path: Path) -> None:
    other = row("-O2", 120_000, 9_000_000, engine="tflm")
    lines = [line.split() for line in shown([ROWS[1], other])]
    assert ["passed", "tflm", "gcc", "-O2", "120,000", "20,000", "9,000,000", "0"] in lines
    plot_sweep([ROWS[1], other], tmp_path / "a.svg")
    for label in ("cmsis-nn -O2", "tflm -O2"):
        assert f">{label}<" in (tmp_path / "a.svg").read_text()


def test_instructions_and_cycles_have_a_column_each() -> None:
    silicon = row("-Os", 39_320, 6_200_000, unit="cycles", target="nucleo-f429zi")
    lines = shown([ROWS[0], silicon])
    assert any("instr." in line and "cycles" in line for line in lines)
    [line] = [line for line in lines if "6,200,000" in line]
    assert "5,775,834" not in line


def test_a_name_is_no_formula(tmp_path: Path) -> None:
    plot_sweep([replace(each, model=r"a$\no_such{b$") for each in ROWS], tmp_path / "a.svg")
    assert r"a$\no_such{b$ on" in (tmp_path / "a.svg").read_text()


def test_the_plot_names_flags_toolchains_and_unit(tmp_path: Path) -> None:
    same = [row("-O2", 45_000, 4_500_000, toolchain="clang"), ROWS[1]]
    plot_sweep([*same, row("-O3", 45_000, 4_500_000, toolchain="clang")], tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for label in ("-O2, -O3", "gcc", "clang", "flash (bytes)", "digits on virtual-stm32"):
        assert f">{label}<" in text
    assert ">instructions per inference (median)<" in text
    silicon = row("-Os", 39_320, 6_200_000, unit="cycles", target="nucleo-f429zi")
    plot_sweep([*ROWS, silicon], tmp_path / "b.svg")
    both = (tmp_path / "b.svg").read_text()
    assert ">cycles per inference (median)<" in both
    assert ">-O1<" not in both  # it failed


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("plot.jpeg2", "the format of a plot is .svg, .png, .pdf, not '.jpeg2'"),
        ("plot", "the format of a plot is .svg, .png, .pdf, not ''"),
        ("nowhere/plot.svg", "there is no such folder"),
    ],
)
def test_a_plot_that_cannot_be_written_is_told_before(tmp_path: Path, path: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        check_plot_path(tmp_path / path)
    assert main(["sweep", "--plot", str(tmp_path / path)]) == ExitCode.USAGE


# Flags


@pytest.mark.parametrize("opt", ["-Ofast", "-O4", "O2", "", "-O2 -g"])
@pytest.mark.parametrize("command", ["run", "build", "sweep"])
def test_an_unknown_flag_is_refused_with_those_there_are(
    opt: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, f"--opt={opt}"]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert err.startswith(f"starting harness {command}\n")
    assert err.endswith(
        f"\nharness: unknown optimization flag {opt!r}\n"
        "  -> one of -O0, -Og, -O1, -O2, -O3, -Os, -Oz\n"
    )
    with pytest.raises(InputError, match="unknown optimization flag"):
        find_toolchain("gcc", opt)


# Sweeps


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    return make_repository(tmp_path, monkeypatch, capsys)


SWEEP = ("sweep", "--model=small", "--target=virtual-stm32")


@needs_gcc
def test_a_sweep_runs_every_combination_and_plots_it(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert (
        main([*SWEEP, "--engine=misbehaving", "--opt=-Os,-O3", "--plot=a.svg"]) == ExitCode.PASSED
    )
    records = {record.image.optimize: record for record in repository.records()}
    assert set(records) == {"-Os", "-O3"}
    assert len({record.image.build_id for record in records.values()}) == 2
    lines = capsys.readouterr().out.splitlines()
    for opt, record in records.items():
        [line] = [line for line in lines if f" {opt} " in line]
        for name in ("flash", "ram", "instructions_median"):
            assert f" {record.numbers[name].value:,.0f} " in line
    assert lines[-1] == "plot: a.svg"
    assert ">-Os<" in (repository.root / "a.svg").read_text()


@needs_gcc
def test_a_combination_that_fails_does_not_end_the_sweep(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = vectors([0, 0])
    repository.vectors(golden=held["golden"] ^ 1)
    small = repository.target("tiny", flash=0x400, ram=0x8000)
    monkeypatch.setattr("harness.image.toolchain._zig", lambda: None)
    capsys.readouterr()
    targets = f"--target=virtual-stm32,{small}"
    find_clang.cache_clear()
    code = main(
        [
            "sweep",
            "--model=small",
            targets,
            "--engine=misbehaving",
            "--toolchain=gcc,clang",
            "--plot=a.svg",
        ]
    )
    assert code == ExitCode.INFRASTRUCTURE
    out = capsys.readouterr().out
    assert (
        "virtual-stm32, small, misbehaving, gcc -O2:\n  8 of 8 output bytes differ from golden"
        in out
    )
    assert (
        "virtual-stm32, small, misbehaving, clang -O2:\n  the package ziglang is not installed"
        in out
    )
    assert "bytes larger than the 1,024 bytes of flash" in out
    assert "plot: " not in out
    assert not (repository.root / "a.svg").exists()
    assert len(repository.records()) == 1


@needs_gcc
def test_the_code_is_that_of_the_worst(repository: Repository) -> None:
    repository.answers(FAIL)
    assert main([*SWEEP, "--engine=misbehaving"]) == ExitCode.INFRASTRUCTURE
    repository.vectors(golden=np.full((2, 4), 9, np.int8))
    assert main([*SWEEP, "--engine=misbehaving"]) == ExitCode.FAILED


def test_clang_is_told_what_zig_does_not_tell_apart(tmp_path: Path) -> None:
    """To zig, -O3 is -O2."""
    if find_spec("ziglang") is None:
        pytest.skip("the package ziglang is not installed: pip install 'tinyml-harness[clang]'")
    target = find_target("virtual-stm32", [ROOT / "targets"])
    model = find_model("faces", [ROOT / "models"])
    sizes = {
        build_image(
            target,
            model,
            find_engine("cmsis-nn"),
            ROOT / "build" / "images",
            toolchain=find_toolchain("clang", opt),
        ).flash
        for opt in ("-O2", "-O3")
    }
    assert len(sizes) == 2
