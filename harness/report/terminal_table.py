"""Tables in a terminal: names and numbers are never broken, so that a log can be searched.

Most logs are 80 columns wide. A table takes the first of these layouts that fits: all columns side
by side, the names of a row above its numbers, or a line for each number.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Literal, NamedTuple

from rich.console import Console
from rich.text import Text

from harness.report.terminal_lines import (
    GAP,
    INDENT,
    clean,
    longest_word,
    packed,
    print_lines,
    wrapped,
)
from harness.results.outcome import Outcome

TICK_HEADINGS: Mapping[str, str] = {"instructions": "instr.", "cycles": "cycles"}
"""The units of ticks, and their short headings, in the order of columns."""

_SMALL_GAP = " "  # between columns that would not fit otherwise
_NARROW = 24  # columns; a sentence that has less room stands below its row

Row = Sequence[Sequence[Text]]
"""The lines of each cell."""


class Column(NamedTuple):
    """A column of a table: its heading, and what it holds.

    The `name` columns identify the row. A `detail`, the last column, is a sentence or a path, which
    may also stand below its row. A `picture` is left out if there is no room for it.
    """

    heading: str = ""
    kind: Literal["name", "text", "number", "detail", "picture"] = "name"
    right: bool = False


VERDICT = Column(right=True)
"""The first column of a table whose rows passed or failed."""


def name_columns(*headings: str) -> list[Column]:
    """Return columns of names."""
    return [Column(heading) for heading in headings]


def number_columns(*headings: str) -> list[Column]:
    """Return columns of numbers. One without a heading belongs to the number before it."""
    return [Column(heading, "number", right=True) for heading in headings]


def verdict_text(outcome: Outcome) -> Text:
    """Return the outcome of a row; a failure has a mark, because a log has no colours."""
    if outcome == "failed":
        return Text("✗ failed", "bold red")
    return Text(outcome, "green" if outcome == "passed" else "yellow")


class TerminalTable:
    """A table for a terminal of any width."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._heading: Row = [_lines(Text(column.heading, "bold")) for column in columns]
        self._rows: list[Row | Text] = []
        self._widths = [max(line.cell_len for line in cell) for cell in self._heading]

    def add_row(self, *cells: str | Text) -> None:
        """Add a row. A cell may have several lines, and cells at the end may be missing."""
        missing = [""] * (len(self._columns) - len(cells))
        row = [_lines(content) for content in (*cells, *missing)]
        self._rows.append(row)
        widths = (max(line.cell_len for line in cell) for cell in row)
        self._widths = list(map(max, self._widths, widths))

    def add_line(self, text: str | Text = "") -> None:
        """Add a line of text across all columns; an empty one divides the rows."""
        self._rows.append(clean(text))

    def print_to(self, console: Console) -> None:
        """Print the table between two empty lines."""
        print_lines(console, [Text(), *self.lines(console.width), Text()])

    def lines(self, width: int) -> list[Text]:
        """Return the table in lines of at most `width` columns; a longer name has its own line."""
        return [_without_blanks(line) for line in self._first_that_fits(width)]

    def _first_that_fits(self, width: int) -> Iterator[Text]:
        figures = self._of_kind("text", "number")
        plain = self._of_kind("name", "text", "number")
        for columns in (self._of_kind("name", "text", "number", "picture"), plain):
            for gap in (GAP, _SMALL_GAP):
                if self._width(columns, gap) <= width:
                    return self._side_by_side(columns, gap, width)
        if figures and len(INDENT) + self._width(figures) <= width:
            return self._names_above(figures, width)
        return self._list(figures, width)

    def _of_kind(self, *kinds: str) -> list[int]:
        return [index for index, column in enumerate(self._columns) if column.kind in kinds]

    def _width(self, columns: Sequence[int], gap: str = GAP) -> int:
        """Return the width of `columns` side by side."""
        return sum(self._widths[i] for i in columns) + len(gap) * max(0, len(columns) - 1)

    # Layouts

    def _side_by_side(self, columns: Sequence[int], gap: str, width: int) -> Iterator[Text]:
        """Yield the rows with `columns` side by side, and the detail there or below."""
        grid = self._width(columns, gap)
        room = width - grid - len(GAP)
        details = self._of_kind("detail")
        beside = bool(details) and room >= min(self._width(details), _NARROW)
        rule = grid + len(GAP) + self._width(details) if beside else grid
        for row in self._all_rows(min(width, rule)):
            if isinstance(row, Text):
                yield from wrapped(row, width)
            elif beside and longest_word(self._detail(row)) <= room:
                detail = [part for line in self._detail(row) for part in wrapped(line, room)]
                blank = Text(" " * grid)
                for left, right in zip_longest(self._grid(row, columns, gap), detail):
                    yield Text.assemble(left or blank, GAP, right or "")
            else:
                yield from self._grid(row, columns, gap)
                yield from self._below(row, width)

    def _names_above(self, columns: Sequence[int], width: int) -> Iterator[Text]:
        """Yield the rows with their names above `columns`, which are side by side."""
        for row in self._all_rows(len(INDENT) + self._width(columns)):
            if isinstance(row, Text):
                yield from wrapped(row, width)
                continue
            yield from self._names(row, width)
            yield from (Text.assemble(INDENT, line) for line in self._grid(row, columns))
            yield from self._below(row, width)

    def _list(self, columns: Sequence[int], width: int) -> Iterator[Text]:
        """Yield the rows with a line for each number, behind its heading."""
        rows = [row for row in self._rows if not isinstance(row, Text)]
        entries = {id(row): self._entries(row, columns) for row in rows}
        every = [entry for row in rows for entry in entries[id(row)]]
        label_width = _widest((label for label, *_ in every), width // 2)
        number_width = _widest((n for _, n, *_ in every), width - len(INDENT + GAP) - label_width)
        for row in self._rows:
            if isinstance(row, Text):
                yield from wrapped(row, width)
                continue
            yield from self._names(row, width)
            for label, number, *others in entries[id(row)]:
                aligned = _padded(label, label_width), _padded(number, number_width, right=True)
                yield from packed([*aligned, *others], width, INDENT)
            yield from self._below(row, width)

    # Rows

    def _all_rows(self, width: int) -> Iterator[Row | Text]:
        """Yield the heading, a rule and the rows."""
        if any(line for cell in self._heading for line in cell):
            yield self._heading
            yield Text("─" * width, no_wrap=True)
        yield from self._rows

    def _grid(self, row: Row, columns: Sequence[int], gap: str = GAP) -> list[Text]:
        """Return the cells of a row side by side; those of the heading stand at the bottom."""
        height = max(len(row[index]) for index in columns)
        cells = []
        for index in columns:
            blank = [Text()] * (height - len(row[index]))
            lines = [*blank, *row[index]] if row is self._heading else [*row[index], *blank]
            right = self._columns[index].right
            cells.append([_padded(line, self._widths[index], right=right) for line in lines])
        return [Text(gap).join(line) for line in zip(*cells, strict=True)]

    def _names(self, row: Row, width: int) -> list[Text]:
        """Return the names of a row one after the other: first those in the first lines."""
        cells = [row[index] for index in self._of_kind("name")]
        found = [cell[0] for cell in cells] + [name for cell in cells for name in cell[1:]]
        return packed([name for name in found if name], width)

    def _detail(self, row: Row) -> list[Text]:
        return [line for index in self._of_kind("detail") for line in row[index] if line]

    def _below(self, row: Row, width: int) -> Iterator[Text]:
        """Yield the detail of a row, to stand below it."""
        for line in self._detail(row):
            yield from wrapped(Text.assemble(INDENT * 2, line), width)

    def _entries(self, row: Row, columns: Sequence[int]) -> list[list[Text]]:
        """Return for each number its heading, the number, and numbers without a heading."""
        entries: list[list[Text]] = []
        for index in columns:
            heading, cell = self._heading[index], row[index]
            if not any(heading) and entries:
                entries[-1] += [line for line in cell if line]
                continue
            if len(cell) == 1:
                heading = [Text(" ").join(heading)]
            pairs = zip_longest(heading, cell, fillvalue=Text())
            entries += [[label, number] for label, number in pairs if number]
        return entries


def _lines(content: str | Text) -> list[Text]:
    return list(clean(content).split("\n", allow_blank=True))


def _without_blanks(line: Text) -> Text:
    line.rstrip()
    return line


def _widest(lines: Iterable[Text], room: int) -> int:
    """Return the width of the widest of `lines` for which there is `room`."""
    return max((line.cell_len for line in lines if line.cell_len <= room), default=0)


def _padded(line: Text, width: int, *, right: bool = False) -> Text:
    """Return `line` with blanks on one side."""
    blanks = " " * (width - line.cell_len)
    return Text.assemble(blanks, line) if right else Text.assemble(line, blanks)
