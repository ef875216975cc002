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
from harness.support.printable import printable

Array = npt.NDArray[Any]

SAVE_LABELS = "save the labels as integers: np.save('y.npy', labels)"
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_LONGEST = 40  # characters of a cell in a note


def read_label_values(spec: str, count: int, files: Sequence[Path]) -> tuple[Array, str]:
    """Return what FILE, FILE.npz:ARRAY or FILE.csv:COLUMN holds, for `count` vectors, and a note.

    The note describes what is unusual in the file; it may be empty. In a table that also names the
    `files` of the vectors, each file has the label beside its name.
    Raises `InputError` naming the file if it is of another kind, or has no such part.
    """
    path, part = split_part(spec)
    if path.suffix.lower() in {".npy", ".npz"}:
        return read_array(path, part, remedy=SAVE_LABELS), ""
    return _read_table(path, part, count, files)


def _read_table(path: Path, column: str, count: int, files: Sequence[Path]) -> tuple[Array, str]:
    """Return the labels in a CSV or text file: numbers [rows, columns], or text [rows]."""
    table = open_table(path, column)
    if not column and table.columns == 1:
        column = "0"
    if not column:
        chosen = _only_text(table, files)
        if chosen is None:
            values = read_numbers(table)
            return values, table.note
        column = str(chosen)
    cells = read_column(table, table.column(column))
    cells = _in_order(table, cells, files)
    notes = [table.note] if table.note else []
    if len(cells) == count + 1 and not table.names and _names_the_rest(cells):
        notes.append(f"the first row of {path.name} is a header: {printable(cells[0], _LONGEST)}")
        cells = cells[1:]
    if "" in cells:
        raise InputError(
            f"row {cells.index('') + 1} has no label",
            where=str(path),
            remedy="write one, or remove it",
        )
    return numbers_or_text(cells), "; ".join(notes)


def numbers_or_text(texts: Sequence[str]) -> Array:
    """Return int64 or float64 if all `texts` are numbers; otherwise the texts."""
    if all(_WHOLE.fullmatch(text) for text in texts):
        return np.array([int(text) for text in texts], np.int64)
    numbers = [as_number(text) for text in texts]
    if all(number is not None for number in numbers):
        return np.array(numbers, np.float64)
    return np.array(texts)


def _names_the_rest(cells: Sequence[str]) -> bool:
    """Tell whether the first of `cells` is a header: text that is not a label of the others."""
    return as_number(cells[0]) is None and cells[0] not in cells[1:]


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
    """Return the label of each of `files`; `cells` unchanged if `table` does not name files.

    The name of a file decides. If several rows have it, their paths must tell them apart.
    """
    keys = _key_column(table, files)
    if keys is None:
        return cells
    rows: dict[str, dict[Path, set[str]]] = {}
    for key, cell in zip(map(Path, read_column(table, keys)), cells, strict=True):
        rows.setdefault(key.name, {}).setdefault(key, set()).add(cell)
    return [_label_of(file.resolve(), rows.get(file.name, {}), table.path) for file in files]


def _label_of(file: Path, rows: dict[Path, set[str]], table: Path) -> str:
    """Return the one label of `file`, from the labels of each path that ends with its name."""
    if not rows:
        raise InputError(
            f"has no label for {file.name}", where=str(table), remedy="add a row for it"
        )
    here = {key: row for key, row in rows.items() if file.parts[-len(key.parts) :] == key.parts}
    found = [(key, label) for key, labels in (here or rows).items() for label in sorted(labels)]
    other = next((row for row in found if row[1] != found[0][1]), None)
    if other is not None:
        both = " and ".join(f"{key},{label}" for key, label in (found[0], other))
        raise InputError(
            f"has several labels for {file.name}: {printable(both)}",
            where=str(table),
            remedy=f"write the paths of the files as they end, such as {file.parent.name}/"
            f"{file.name}, each once",
        )
    return found[0][1]
