"""Tables for terminals: names and numbers stay whole at any width, and a log shows what failed."""

import io
import os
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from harness.report.terminal_lines import print_line, wrapped
from harness.report.terminal_table import (
    VERDICT,
    Column,
    TerminalTable,
    name_columns,
    number_columns,
    verdict_text,
)
from harness.support.terminal import Terminal

WIDTHS = st.integers(20, 200)
NAMES = st.text(st.sampled_from("abXY09-_./äß模型ターゲット한"), min_size=1, max_size=80)
NUMBERS = st.integers(0, 10**9).map("{:,}".format)
ESTIMATES = st.floats(0.01, 999).map("~ {:.3g} M".format)


def plain(lines: Sequence[Text]) -> list[str]:
    return [line.plain for line in lines]


def assert_fits(lines: Sequence[str], width: int, words: Sequence[str]) -> None:
    """No line is longer than `width`, unless one of `words` stands in it alone."""
    for line in lines:
        assert cell_len(line) <= width or line.strip() in words, line


def runs_like(
    rows: Sequence[tuple[str, str, str, str]], kinds: Sequence[Column] = ()
) -> TerminalTable:
    columns = number_columns("accuracy\n≥ target", "instr.\n~ cycles", "flash\nRAM", "wall")
    table = TerminalTable([VERDICT, *name_columns("target", "model\nengine"), *columns, *kinds])
    for target, model, ticks, cycles in rows:
        figures = ("0.9850\n≥ 0.97", f"{ticks}\n{cycles}", "41,880\n22,032", "12.3 s")
        details = ("cannot run: in a/b/c.toml, nothing",) * len(kinds)
        table.add_row(verdict_text("passed"), target, f"{model}\ncmsis-nn", *figures, *details)
    return table


@given(st.lists(st.tuples(NAMES, NAMES, NUMBERS, ESTIMATES), min_size=1, max_size=4), WIDTHS)
def test_names_and_numbers_are_whole_at_every_width(
    rows: list[tuple[str, str, str, str]], width: int
) -> None:
    for kinds in ([], [Column("why", "detail")], [Column(kind="picture")]):
        lines = plain(runs_like(rows, kinds).lines(width))
        for row in rows:
            for word in (*row, "cmsis-nn", "≥ 0.97", "41,880", "22,032", "12.3 s", "passed"):
                assert any(word in line for line in lines), word
        assert_fits(lines, width, [word for row in rows for word in row])


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=4), NUMBERS, WIDTHS)
def test_every_number_stands_behind_its_heading_or_its_name(
    names: list[tuple[str, str]], number: str, width: int
) -> None:
    table = TerminalTable(
        [*name_columns("symbol"), *number_columns("bytes", ""), Column("in", "detail")]
    )
    for name, path in names:
        table.add_row(name, number, "+1", f".text {path}")
    lines = plain(table.lines(width))
    words = [word for pair in names for word in pair]
    assert_fits(lines, width, words)
    for word in (*words, number, "+1"):
        assert any(word in line for line in lines)


@given(st.lists(NAMES, min_size=1, max_size=12), st.integers(1, 200), st.sampled_from(["", "    "]))
def test_a_line_ends_between_words_and_loses_none(
    words: list[str], width: int, before: str
) -> None:
    lines = plain(wrapped(Text(f"{before}{' '.join(words)} ± 11 %"), width))
    assert " ".join(lines).split() == [*words, "±", "11", "%"]
    assert any("± 11 %" in line for line in lines)
    assert_fits(lines, width, [*words, "± 11 %"])


@pytest.mark.parametrize(
    "number", ["~ 5.49 M", "± 11 %", "≥ 0.97", "12.3 µJ", "64 MHz", "96 bytes"]
)
def test_a_number_keeps_its_sign_and_its_unit(number: str) -> None:
    assert any(number in line for line in plain(wrapped(Text(f"an {number}, or"), 9)))


def test_a_table_takes_the_first_layout_that_fits() -> None:
    table = runs_like([("renode-arduino-nano-33-ble", "digits", "4,379,312", "~ 5.49 M")])

    def first_lines(width: int) -> list[str]:
        return plain(table.lines(width))

    row = "passed  renode-arduino-nano-33-ble  digits      0.9850  4,379,312  41,880  12.3 s"
    assert first_lines(120)[3] == row
    assert first_lines(60) == [
        "target  model  engine",
        "  accuracy     instr.   flash",
        "  ≥ target   ~ cycles     RAM    wall",
        "─────────────────────────────────────",
        "passed  renode-arduino-nano-33-ble  digits  cmsis-nn",
        "    0.9850  4,379,312  41,880  12.3 s",
        "    ≥ 0.97   ~ 5.49 M  22,032",
    ]
    assert first_lines(30) == [
        "passed",
        "  renode-arduino-nano-33-ble",
        "  digits  cmsis-nn",
        "  accuracy     0.9850",
        "  ≥ target     ≥ 0.97",
        "  instr.    4,379,312",
        "  ~ cycles   ~ 5.49 M",
        "  flash        41,880",
        "  RAM          22,032",
        "  wall         12.3 s",
    ]


def test_a_picture_is_left_out_first_and_a_detail_moves_below() -> None:
    table = TerminalTable(
        [*name_columns("layer"), *number_columns("share"), Column(kind="picture")]
    )
    table.add_row("CONV_2D", "35.9%", "█" * 6)
    assert plain(table.lines(22))[2] == "CONV_2D  35.9%  ██████"
    assert plain(table.lines(20))[2] == "CONV_2D 35.9% ██████"
    assert plain(table.lines(19))[2] == "CONV_2D  35.9%"
    assert plain(table.lines(13))[2] == "CONV_2D 35.9%"
    table = TerminalTable([*name_columns("", "machine"), Column(kind="detail")])
    table.add_row("✗", "Renode", "is not installed, and nothing names where it is")
    assert plain(table.lines(40))[2:] == [
        "✗  Renode   is not installed, and",
        "              nothing names where it is",
    ]
    assert plain(table.lines(20))[2:] == [
        "✗  Renode",
        "    is not",
        "      installed, and",
        "      nothing names",
        "      where it is",
    ]


def test_a_column_without_a_heading_belongs_to_the_number_before_it() -> None:
    table = TerminalTable(
        [*name_columns(""), *number_columns("cmsis-nn", "tflm", "", "edge-impulse", "")]
    )
    table.add_line("virtual-stm32, faces (gcc -O2)")
    table.add_row("instructions", "249,811", "499,622", "2x", "1,249,811", "5x")
    assert plain(table.lines(30)) == [
        "virtual-stm32, faces (gcc -O2)",
        "instructions",
        "  cmsis-nn        249,811",
        "  tflm            499,622  2x",
        "  edge-impulse  1,249,811  5x",
    ]


def test_what_nobody_searches_for_is_broken() -> None:
    assert [len(line) for line in plain(wrapped(Text("x" * 200), 80))] == [200]
    assert [len(line) for line in plain(wrapped(Text("x" * 201), 80))] == [80, 80, 43]  # indented
    table = TerminalTable([*name_columns("x" * 900), *number_columns("y" * 900)])
    table.add_row("x" * 900, "1")
    assert max(map(len, plain(table.lines(80)))) <= 80


def test_what_came_from_outside_is_cleaned_before_it_is_aligned() -> None:
    table = TerminalTable([*name_columns("target"), *number_columns("n")])
    table.add_row("a\x1b[31mb", "1")
    table.add_row(Text("a\x07b", "red"), "1")
    file = io.StringIO()
    table.print_to(Terminal(file=file, width=80))
    rows = file.getvalue().splitlines()[3:5]
    assert {row.index(" 1") for row in rows} == {max(map(len, rows)) - 2}
    assert "\x1b" not in file.getvalue()


@pytest.mark.parametrize(("columns", "width"), [("40", 40), ("0", 80), ("none", 80), ("", 80)])
def test_without_a_terminal_the_width_is_that_of_columns_or_80(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))
    file = io.StringIO()
    console = Terminal(file=file)
    assert console.width == width
    print_line(console, "a line")
    assert file.getvalue() == "a line\n"


def test_a_line_that_goes_on_is_indented() -> None:
    file = io.StringIO()
    print_line(Terminal(file=file, width=20), "exact: flash and RAM, median instructions")
    assert file.getvalue().splitlines() == [
        "exact: flash and",
        "  RAM, median",
        "  instructions",
    ]
