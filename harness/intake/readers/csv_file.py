"""Reads CSV files as people have them: with or without a header, from spreadsheets and programs.

Commas, semicolons, tabs and spaces separate cells. Except with commas, a decimal comma is read as
a decimal point; a table has one of them. Rows are read one at a time, so a large file needs little
more memory than its numbers.
"""

import math
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.readers.csv_rows import SAVE_AS_TEXT, cell_rows
from harness.intake.readers.table_columns import TableColumns, is_position
from harness.support.file_kind import kind_of, remedy_for_kind
from harness.support.input_file import MAX_BYTES, open_input
from harness.support.plural import count_of

_START = 1 << 16  # characters from which the separator is detected
_MOST = MAX_BYTES // 8  # numbers, as float64
_LONGEST = 40  # characters of a cell in a message
_DECIMAL = r"[-+]?([0-9]+{0}[0-9]*|{0}[0-9]+)([eE][-+]?[0-9]+)?"
_DECIMAL_COMMA = re.compile(_DECIMAL.format(","))
_DECIMAL_POINT = re.compile(_DECIMAL.format("[.]"))
_WHOLE = re.compile(r"-?[0-9]+")
_COUNTED = 2  # columns
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "spaces"}


@dataclass
class Table(TableColumns):
    """The form of a CSV file, whose cells `separator` separates.

    With `has_index`, an unnamed first column counts the rows, as pandas writes it. With `trailing`,
    each row ends with a separator. The columns include neither. `commas` and `points` are the first
    lines with a decimal comma and a decimal point, as far as rows were read, or 0.
    """

    separator: str
    has_index: bool
    trailing: bool
    commas: int = 0
    points: int = 0

    @property
    def note(self) -> str:
        """How the rows that were read differ from plain CSV; empty if they do not."""
        parts = []
        if self.separator != "," and self.columns > 1:
            parts.append(f"{self.path.name} is separated by {_SEPARATORS[self.separator]}")
        if self.commas:
            parts.append("decimal commas are read as decimal points")
        if self.has_index:
            parts.append(
                f"the unnamed first column of {self.path.name} counts rows; it is left out"
            )
        return "; ".join(parts)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line number and cells of each row of data, with points for decimal commas.

        Raises `InputError` naming the line if a row has more or fewer cells than the first, or
        a decimal comma where others have a decimal point.
        """
        with open_input(self.path) as file:
            rows = cell_rows(file, self.separator, self.path)
            for line, cells in islice(rows, bool(self.names), None):
                row = cells[:-1] if self.trailing and cells[-1] == "" else cells
                row = row[1:] if self.has_index else row
                if len(row) != self.columns:
                    raise _ragged(self, line, len(row))
                yield line, row if self.separator == "," else self._with_points(line, row)

    def _with_points(self, line: int, row: list[str]) -> list[str]:
        """Return `row` with decimal points; it may have decimal commas."""
        if not self.points and any(map(_DECIMAL_POINT.fullmatch, row)):
            self.points = line
        if any("," in cell for cell in row):
            with_comma = [bool(_DECIMAL_COMMA.fullmatch(cell)) for cell in row]
            self.commas = self.commas or line * any(with_comma)
            row = [
                cell.replace(",", ".") if own else cell
                for cell, own in zip(row, with_comma, strict=True)
            ]
        if self.commas and self.points:
            raise InputError(
                f"has a decimal comma in line {self.commas}, but a decimal point in line "
                f"{self.points}",
                where=str(self.path),
                remedy="write one of them, and no commas between thousands",
            )
        return row


def open_table(path: Path, *wanted: str) -> Table:
    """Look at the start of the CSV file `path`: separator, header, columns.

    The first row is a header if a cell of it is `wanted`, or text above numbers. A number that is
    `wanted` may be the position of a column. Raises `InputError` if the file is of another kind, or
    has no rows.
    """
    with open_input(path) as file:
        start = file.read(_START)
        kind = kind_of(start)
        if start and kind not in {"a text file", "a file of an unknown kind"}:
            raise InputError(
                f"is not a CSV file: it is {kind}",
                where=str(path),
                remedy=remedy_for_kind(start, SAVE_AS_TEXT),
            )
        separator = _separator(start.decode("utf-8-sig", errors="replace"))
        file.seek(0)
        head = [cells for _, cells in islice(cell_rows(file, separator, path), 3)]
    if not head:
        raise InputError("is empty", where=str(path), remedy=SAVE_AS_TEXT)
    first, *others = head
    trailing = len(first) > 1 and all(row[-1] == "" for row in head)
    is_named = any(name in first and name and not is_position(name) for name in wanted)
    has_header = is_named or _is_header(first, others)
    if has_header and not others:
        raise InputError(
            "has a header, but no rows", where=str(path), remedy="add one row for each vector"
        )
    has_index = (
        has_header and first[0] == "" and [row[0] for row in others] == ["0", "1"][: len(others)]
    )
    cells = first[int(has_index) : len(first) - int(trailing)]
    names = tuple(cells) if has_header else ()
    return Table(path, names, len(cells), separator, has_index, trailing)


def read_numbers(table: Table, columns: Sequence[int] | None = None) -> npt.NDArray[np.float64]:
    """Return the numbers of `table`, float64 [rows, columns]: all, or those of `columns`.

    Raises `InputError` naming line and column of the first cell that is not a finite number.
    """
    chosen = range(table.columns) if columns is None else columns
    values = array("d")
    rows = 0
    for line, cells in table.rows():
        kept = cells if columns is None else [cells[column] for column in columns]
        try:
            numbers = [_number(cell) for cell in kept]
        except ValueError:
            numbers = [math.nan]
        if not all(map(math.isfinite, numbers)):
            _check_cells(table, line, cells, chosen)
        values.extend(numbers)
        rows += 1
        if len(values) > _MOST:
            raise InputError(
                f"holds more than {_MOST:,} numbers",
                where=str(table.path),
                remedy="give fewer rows",
            )
    return np.frombuffer(values, np.float64).reshape(rows, -1)


def read_column(table: Table, column: int) -> list[str]:
    """Return the cells of one column as text, with decimal points for decimal commas."""
    return [row[column] for _, row in table.rows()]


def as_number(text: str) -> float | None:
    """Return the number that `text` is, without decimal commas; None if it is text."""
    try:
        return _number(text)
    except ValueError:
        return None


def _separator(start: str) -> str:
    """Return what separates the cells of a file that begins with `start`."""
    lines = [line for line in start.splitlines() if line.strip() and not line.startswith("#")]
    first, last = lines[0] if lines else "", lines[min(1, len(lines) - 1)] if lines else ""
    for separator in ";\t":
        if separator in first:
            return separator
    if "," not in first and all(as_number(part) is not None for part in last.split()):
        return " " if len(last.split()) > 1 else ","
    return ","


def _is_header(first: list[str], others: list[list[str]]) -> bool:
    """Tell whether the row `first` names columns: by text above numbers, or by counting them."""
    texts = [not _looks_like_number(cell) for cell in first]
    below = others[0] if others else []
    if any(
        text and cell and _looks_like_number(value)
        for text, cell, value in zip(texts, first, below, strict=False)
    ):
        return True
    numbers = [cell for cell, text in zip(first, texts, strict=True) if not text]
    if len(numbers) >= _COUNTED and numbers == [str(number) for number in range(len(numbers))]:
        # As pandas names columns that have no names. Data that counts so has whole numbers below.
        return not all(_WHOLE.fullmatch(cell) for cell in below) or first[0] == ""
    return not others and all(texts) and len(first) > 1


def _looks_like_number(cell: str) -> bool:
    return as_number(cell.replace(",", ".")) is not None


def _number(cell: str) -> float:
    """Return the number in `cell`; ValueError if it is not one."""
    if "_" in cell:  # Python reads 1_000
        raise ValueError(cell)
    return float(cell)


def _check_cells(table: Table, line: int, cells: list[str], chosen: Sequence[int]) -> None:
    """Raise `InputError` for the first of the `chosen` cells that is not a finite number."""
    for column in chosen:
        cell = cells[column]
        name = f" ({table.title(column)})" if table.names else ""
        where = f"{table.path}: line {line}, column {column + 1}{name}"
        number = as_number(cell)
        if number is None:
            what, remedy = _no_number(table, column, cells, chosen)
            raise InputError(what, where=where, remedy=remedy)
        if not math.isfinite(number):
            raise InputError(
                f"{cell[:_LONGEST]} is not a finite number",
                where=where,
                remedy="write a number, or remove the row",
            )


def _no_number(
    table: Table, column: int, cells: list[str], chosen: Sequence[int]
) -> tuple[str, str]:
    """Return what is wrong with the text in a `column`, and what to do."""
    cell = cells[column]
    if _DECIMAL_COMMA.fullmatch(cell):
        remedy = "write decimal points, or separate the cells with semicolons"
        return f"{cell!r} has a decimal comma", remedy
    what = f"{cell[:_LONGEST]!r} is not a number" if cell else "is empty"
    remedy = "write a number, or remove the row"
    if table.columns > 1:
        remedy += (
            f"; if the column holds the labels: --labels {table.path.name}:{table.title(column)}"
        )
    numbers = [each for each in chosen if as_number(cells[each]) is not None]
    if numbers:
        remedy += f"; to leave it out, give {table.as_typed(numbers)}"
    return what, remedy


def _ragged(table: Table, line: int, count: int) -> InputError:
    extra = int(table.has_index) + int(table.trailing)
    return InputError(
        f"has {count_of(count + extra, 'cell')}, but the first row has {table.columns + extra}",
        where=f"{table.path}: line {line}",
        remedy="give each row the same number of cells",
    )
