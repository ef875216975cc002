"""Reads the files that hold labels: arrays, columns of tables, lines of text."""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.file_spec import split_part
from harness.intake.inputs.samples import read_array
from harness.intake.readers.csv_file import Table, as_number, open_table, read_column, read_numbers

Array = npt.NDArray[Any]

SAVE_LABELS = "save the labels as integers: np.save('y.npy', labels)"
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def read_label_values(spec: str, count: int, files: Sequence[Path]) -> Array:
    """Return what FILE, FILE.npz:ARRAY or FILE.csv:COLUMN holds, for `count` vectors.

    In a table that also names the `files` of the vectors, each file has the label beside its name.
    Raises `InputError` naming the file if it is of another kind, or has no such part.
    """
    path, part = split_part(spec)
    if path.suffix.lower() in {".npy", ".npz"}:
        return read_array(path, part, remedy=SAVE_LABELS)
    return _read_table(path, part, count, files)


def _read_table(path: Path, column: str, count: int, files: Sequence[Path]) -> Array:
    """Return the labels in a CSV or text file: numbers [rows, columns], or text [rows]."""
    table = open_table(path, column)
    if not column and table.columns == 1:
        column = "0"
    if not column:
        chosen = _only_text(table, files)
        if chosen is None:
            return read_numbers(table)
        column = str(chosen)
    cells = read_column(table, table.column(column))
    cells = _in_order(table, cells, files)
    if len(cells) == count + 1 and not table.names:  # text above text: a header
        cells = cells[1:]
    if "" in cells:
        raise InputError(
            f"row {cells.index('') + 1} has no label",
            where=str(path),
            remedy="write one, or remove it",
        )
    return numbers_or_text(cells)


def numbers_or_text(texts: Sequence[str]) -> Array:
    """Return int64 or float64 if all `texts` are numbers; otherwise the texts."""
    if all(_WHOLE.fullmatch(text) for text in texts):
        return np.array([int(text) for text in texts], np.int64)
    numbers = [as_number(text) for text in texts]
    if all(number is not None for number in numbers):
        return np.array(numbers, np.float64)
    return np.array(texts)


def _only_text(table: Table, files: Sequence[Path]) -> int | None:
    """Return the column with the labels if another one names the `files`; None if none does."""
    keys = _key_column(table, files)
    if keys is None or table.columns != 2:  # noqa: PLR2004 - file and label
        return None
    return 1 - keys


def _key_column(table: Table, files: Sequence[Path]) -> int | None:
    """Return the column of `table` that names the `files` of the vectors, or None."""
    if len(files) < 2 or table.columns < 2:  # noqa: PLR2004 - a single file has its label alone
        return None
    names = {file.name for file in files}
    for _, cells in islice(table.rows(), 2):  # the first may be a header
        for index, cell in enumerate(cells):
            if Path(cell).name in names:
                return index
    return None


def _in_order(table: Table, cells: list[str], files: Sequence[Path]) -> list[str]:
    """Return the label of each of `files`; `cells` unchanged if `table` does not name files."""
    keys = _key_column(table, files)
    if keys is None:
        return cells
    by_file = {
        Path(key).name: cell for key, cell in zip(read_column(table, keys), cells, strict=True)
    }
    missing = next((file for file in files if file.name not in by_file), None)
    if missing is not None:
        raise InputError(
            f"has no label for {missing.name}", where=str(table.path), remedy="add a row for it"
        )
    return [by_file[file.name] for file in files]
