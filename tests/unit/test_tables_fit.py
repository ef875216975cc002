"""Every table at every width: its names and numbers can be found, and no line is too long."""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from rich.cells import cell_len
from rich.console import Console

from harness.cli.doctor import print_checks
from harness.errors import ExitCode
from harness.image.memory_use import Piece
from harness.measure.cycles.calibrate import Comparison as Calibrated
from harness.measure.cycles.costs import costs_of
from harness.measure.cycles.estimate import Estimate, FunctionCost
from harness.measure.number import Number
from harness.measure.profiled_layer import LayerProfile
from harness.model.mlperf_benchmarks import BENCHMARKS
from harness.report.calibration_table import print_calibration
from harness.report.comparison_text import print_comparison
from harness.report.engines_table import print_side_by_side
from harness.report.functions_table import print_functions
from harness.report.json_documents.machine_documents import Check
from harness.report.memory_table import print_growth, print_memory
from harness.report.mlperf_table import print_outcomes
from harness.report.profile_table import print_profile
from harness.report.run_labels import labels_of
from harness.report.runs_legend import legend_of
from harness.report.runs_report import print_failures
from harness.report.runs_table import print_table
from harness.report.sweep_table import print_sweep
from harness.report.terminal_lines import keeping
from harness.results.judge.compare import compare
from harness.results.judge.side_by_side import side_by_side
from harness.results.judge.sweep_row import SweepRow
from harness.results.record import Record
from harness.runs.layer_profile import Profile
from harness.runs.mlperf.suite import Outcome
from harness.support.terminal import Terminal
from tests.support.year import FIRST, SILICON, made_up

WIDTHS = (20, 24, 32, 40, 41, 60, 72, 80, 100, 120, 200)
NAMES = (
    "virtual-stm32",
    "renode-arduino-nano-33-ble",
    "b-l475e-iot01a",
    "ab_" * 20,
    "a-board-on-the-desk-of-somebody-in-the-other-office-behind-the-corridor-123456789",
    "模型ターゲット" * 4,
    "é",
)


def record(target: str, model: str = "digits", day: int = 0, flash: int = 41_688) -> Record:
    made = made_up(random.Random(1), FIRST + timedelta(days=day), target, "digits")
    estimated = Number(5_489_750, "1", "estimated", "a model", 0.107)
    return structs.replace(
        made,
        model=structs.replace(made.model, name=model),
        numbers=made.numbers
        | {"flash": Number(flash, "byte", "exact"), "cycles_estimated": estimated}
        | {"energy_estimated": Number(0.0001234, "J", "estimated", "a model", 0.2)}
        | {"stack_margin": Number(96, "byte", "measured")},
    )


def failed(record: Record) -> Record:
    return structs.replace(record, verdict="failed", reasons=["it is wrong"])


def clang(record: Record, flag: str = "-Oz") -> Record:
    version = "clang version 22.1.8 (ziglang 0.17.1)"
    image = structs.replace(record.image, toolchain="clang", optimize=flag, compiler=version)
    return structs.replace(record, image=image)


# Each function prints a table with two names and returns what must be found in it.


def runs(one: str, other: str, console: Console) -> Sequence[str]:
    records = [record(one, other), failed(clang(record(other, one))), record(SILICON, one)]
    print_table(records, console)
    names = (one, other, SILICON, "cmsis-nn", "gcc -O2", "clang -Oz", "passed", "✗ failed")
    return (*names, "0.9850", "≥ 0.97", "4,379,339", "41,688", "22,008", "~ 5.49 M", "96", "123 µJ")


def sweep(one: str, other: str, console: Console) -> Sequence[str]:
    numbers = record(one).numbers
    row = SweepRow(one, other, "cmsis-nn", "gcc", "-O2", numbers)
    rows = [row, replace(row, target=other), replace(row, engine=one, reasons=["wrong"])]
    print_sweep(rows, console)
    return (one, other, "gcc -O2", "✗ failed", "passed", "41,688", "22,008", "4,379,339")


def engines(one: str, other: str, console: Console) -> Sequence[str]:
    layers = [LayerProfile(0, one, "x", [1], 0, 1_234_567)]
    first = structs.replace(record(one, other), layers=layers)
    changed = [structs.replace(layers[0], ticks=7_654_321)]
    image = structs.replace(first.image, engine=other)
    second = structs.replace(record(one, other, flash=51_688), layers=changed, image=image)
    print_side_by_side(side_by_side([first, second], ("cmsis-nn", other)), console)
    return (
        one,
        f"0 {one}",
        other,
        "cmsis-nn",
        "41,688",
        "51,688",
        "1.24x",
        "1,234,567",
        "7,654,321",
    )


def profile(one: str, other: str, console: Console) -> Sequence[str]:
    layers = [
        LayerProfile(i, name, "x", [1, 640, 1, 2480], 24_960, 7_654_321)
        for i, name in enumerate((one, other))
    ]
    print_profile(
        Profile(tuple(layers), 21, 0, 15_308_642, 15_308_642),
        keeping(f"{one} on {other}, cmsis-nn, gcc", one, other),
        "instructions",
        console,
    )
    return (one, other, "1x640x1x2480", "24,960", "7,654,321", "15,308,642", "50.0%", "49,920")


def functions(one: str, other: str, console: Console) -> Sequence[str]:
    found = (FunctionCost(one, f"{other}.c", 123_456, 234_567), FunctionCost(other, "", 9, 11))
    print_functions(Estimate("a model", 0.11, found, 0, 0), console)
    return (f"{one} ({other}.c)", "123,456", "234,567", "1.90")


def memory(one: str, other: str, console: Console) -> Sequence[str]:
    pieces = [
        Piece(".text", "model", f"{other}.c", one, 0x800_0000, 12_345, flash=True, ram=False),
        Piece(".bss", one, other, other, 0x2000_0000, 54_321, flash=False, ram=True),
    ]
    print_memory(pieces, console)
    print_growth(pieces[:1], pieces, console)
    return (one, other, f"{other}.c", "12,345", "54,321", "+54,321")


def calibration(one: str, other: str, console: Console) -> Sequence[str]:
    compared = [Calibrated(name, 123_456, 234_567, 244_444.0) for name in (one, other)]
    print_calibration(compared, costs_of("cortex-m4f"), console)
    return (one, other, "123,456", "234,567", "244,444", "-4.0%")


def comparison(one: str, other: str, console: Console) -> Sequence[str]:
    numbers = {**record(one).numbers, "n" * 60: Number(1, "1", "exact")}
    old = structs.replace(record(one, other), numbers=numbers)
    new = record(one, other, day=1, flash=51_688)
    more = {**new.numbers, "n" * 60: Number(2, "1", "exact")}
    print_comparison(compare(old, structs.replace(new, numbers=more)), console)
    return (one, other, "n" * 60, "41,688", "51,688", "+10,000")


def mlperf(one: str, other: str, console: Console) -> Sequence[str]:
    outcomes = [
        Outcome(benchmark, None, f"no {one}", ExitCode.INFRASTRUCTURE if i else None)
        for i, benchmark in enumerate(BENCHMARKS.values())
    ]
    print_outcomes(outcomes, other, console)
    return (one, other, *BENCHMARKS, "accuracy ≥ 0.90", "not run", "✗ not run")


def doctor(one: str, other: str, console: Console) -> Sequence[str]:
    checks = [
        Check(one, ok=True, detail=f"{other} 12.2.1 (15:12.2.rel1-1), from /usr/bin/{other}"),
        Check(other, ok=False, detail="needs QEMU", remedy=f"apt install {one}"),
    ]
    print_checks(checks, checks, console)
    return (one, other, f"/usr/bin/{other}", "12.2.1")


WITH_BLANKS = "my board 2 on the left"
"""The name of a target or model may have blanks; a function and a program have none."""
TABLES: Sequence[Callable[[str, str, Console], Sequence[str]]] = (
    runs,
    sweep,
    engines,
    profile,
    functions,
    memory,
    calibration,
    comparison,
    mlperf,
    doctor,
)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_names_and_numbers_are_whole_and_no_line_is_too_long(
    table: Callable[[str, str, Console], Sequence[str]],
) -> None:
    for width in WIDTHS:
        pairs = list(zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True))
        if table in (runs, sweep, engines, profile, comparison):
            pairs += [(WITH_BLANKS, NAMES[0]), (NAMES[1], WITH_BLANKS)]
        for one, other in pairs:
            file = io.StringIO()
            words = table(one, other, Terminal(file=file, width=width))
            lines = file.getvalue().splitlines()
            for word in words:
                assert any(word in line for line in lines), (width, word, lines)
            for line in lines:
                alone = len(line.split()) == 1 or line.strip(" ,:") in words
                assert cell_len(line) <= width or alone, (width, line)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_search_for_a_target_finds_its_verdict(width: int) -> None:
    """Failed runs come first, and a log without colours tells them from the others."""
    records = [record("qemu-m4"), failed(record("virtual-stm32")), record("qemu-m7")]
    file = io.StringIO()
    print_table(records, Terminal(file=file, width=width))
    print_failures(records, Terminal(file=file, width=width))
    text = file.getvalue()
    rows = [line.split() for line in text.splitlines() if "qemu-" in line or "virtual-" in line]
    if width >= 32:
        assert [row[:3] for row in rows[:3]] == [
            ["✗", "failed", "virtual-stm32"],
            ["passed", "qemu-m4", "digits"],
            ["passed", "qemu-m7", "digits"],
        ]
    assert text.index("✗ failed") < text.index("passed")


def test_toolchain_and_flag_are_named_once_or_in_each_row() -> None:
    def shown(*records: Record) -> str:
        file = io.StringIO()
        print_table(records, Terminal(file=file, width=100))
        return file.getvalue()

    gcc = record("virtual-stm32")
    assert "\nbuilt with gcc -O2: arm-none-eabi-gcc 12.2.1\n" in shown(gcc, gcc)
    both = shown(gcc, clang(gcc))
    compilers = "gcc: arm-none-eabi-gcc 12.2.1; clang: clang 22.1.8 (ziglang 0.17.1)"
    assert f"\nbuilt with {compilers}\n" in both
    assert " gcc -O2 " in both
    assert " clang -Oz " in both
    flags = shown(clang(gcc), clang(gcc, "-O2"))
    assert "\nbuilt with clang: clang 22.1.8 (ziglang 0.17.1)\n" in flags


def test_runs_of_one_combination_are_told_apart() -> None:
    def labels(*changes: dict[str, object]) -> list[str]:
        made = record("virtual-stm32")
        return labels_of(
            [
                structs.replace(
                    made,
                    model=structs.replace(
                        made.model,
                        vectors=str(each.get("vectors", "0")) * 64,
                        digest=str(each.get("network", "0")) * 64,
                    ),
                    image=structs.replace(
                        made.image,
                        build_id=str(each.get("image", "0")) * 32,
                        optimize=str(each.get("opt", "-O2")),
                    ),
                )
                for each in changes
            ]
        )

    assert labels({}) == [""]
    assert labels({}, {"opt": "-Os"}) == ["", ""]  # the table names the flags
    assert labels({}, {"vectors": "1"}) == ["vectors 00000000", "vectors 11111111"]
    assert labels({}, {"image": "1"}) == ["image 00000000", "image 11111111"]
    assert labels({}, {"network": "1", "image": "1"}) == ["network 00000000", "network 11111111"]
    assert labels({}, {}, {"opt": "-Os"}) == ["run 1", "run 2", ""]
    assert labels({}, {"vectors": "1"}, {}) == [
        "vectors 00000000, run 1",
        "vectors 11111111",
        "vectors 00000000, run 2",
    ]


def test_a_vague_clock_is_told_once_for_a_target() -> None:
    made = record("nucleo-f429zi")
    why = "the clock could only be measured as {} MHz ± 7 %"
    vague = [structs.replace(made, time_unavailable=why.format(each)) for each in (83, 84, 85)]
    lines = list(legend_of(vague, ["cycles"]))
    assert [line for line in lines if "no time" in line] == [
        "no time on nucleo-f429zi: the clock could only be measured as 83 MHz ± 7 %"
    ]


def test_what_computed_golden_is_named_if_it_is_not_tflm() -> None:
    def shown(source: str) -> str:
        made = record("virtual-stm32", "faces")
        file = io.StringIO()
        print_table(
            [structs.replace(made, model=structs.replace(made.model, golden_source=source))],
            Terminal(file=file, width=80),
        )
        return file.getvalue()

    assert "\ngolden of faces: a host build of the export\n" in shown("a host build of the export")
    assert "golden of" not in shown("tflite-micro 0.dev20261023182759")
