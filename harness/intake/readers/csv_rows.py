"""Splits the text of a CSV file into rows of cells, one row at a time."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from harness.errors import InputError

SAVE_AS_TEXT = "save it as text: one row for each vector, with numbers separated by commas"
_LINE = 1 << 22  # characters; a row takes about 25 times as many bytes of memory


def cell_rows(file: BinaryIO, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and stripped cells of all rows that are not blank or comments."""
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        reader = csv.reader(_lines(text, path), delimiter=separator, skipinitialspace=True)
        begun = False
        for cells in reader:
            if separator == " ":
                cells = [cell for cell in cells if cell]  # noqa: PLW2901 - several spaces are one
            row = [cell.strip() for cell in cells]
            # numpy.savetxt writes its header as a comment.
            is_comment = not begun and bool(row) and row[0].startswith("#")
            if any(row) and not is_comment:
                begun = True
                yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise InputError(
            "is not UTF-8 text", where=str(path), remedy="save it as CSV in UTF-8"
        ) from error
    except csv.Error as error:
        raise InputError(
            f"is not a CSV file: {error}", where=str(path), remedy=SAVE_AS_TEXT
        ) from error


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    """Yield the lines of `text` with their ends; `InputError` for one that is too long."""
    number = 0
    while line := text.readline(_LINE + 1):
        number += 1
        if len(line) > _LINE:
            raise InputError(
                f"has more than {_LINE:,} characters",
                where=f"{path}: line {number}",
                remedy="write a line for each vector, or give the inputs as .npy",
            )
        yield line
