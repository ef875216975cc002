"""A user's samples for one input, whatever holds them: an array, a table, or files in a folder.

They are read in blocks, so that only the result is in memory as a whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.file_spec import split_part
from harness.intake.inputs.preprocessing import Kind
from harness.intake.readers.class_folder import FolderContent, kind_of_name, list_folder
from harness.intake.readers.csv_file import open_table, read_numbers
from harness.intake.readers.table_columns import TableColumns
from harness.support.array_file import npz_names, read_npy, read_npz
from harness.support.file_kind import kind_of
from harness.support.input_file import open_input
from harness.support.plural import count_of
from harness.support.suggestions import suggest

Array = npt.NDArray[Any]

TABLES = (".csv", ".tsv", ".txt")
"""The ends of the names of tables."""

_BLOCK = 1 << 22  # values
_SAVE_NPY = "save the inputs as one array: np.save('x.npy', inputs)"
_KINDS = "give .npy, .npz, .csv, .wav, a picture, or a folder of pictures or recordings by class"


@dataclass(frozen=True)
class Samples:
    """Samples of one `kind` from `path`: an `array` [N, ...], or `files`, one for each sample.

    `folder` is the folder that they come from, if it is one. Those of a `table` are in its columns
    at the positions `chosen`. `notes` say what is unusual.
    """

    path: Path
    kind: Kind
    array: Array | None
    files: tuple[Path, ...] = ()
    folder: FolderContent | None = None
    notes: tuple[str, ...] = ()
    table: TableColumns | None = None
    chosen: tuple[int, ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers: uint8 in pictures, float32 in recordings."""
        if self.array is not None:
            return self.array.dtype
        return np.dtype(np.uint8 if self.kind == "picture" else np.float32)

    def __str__(self) -> str:
        if self.folder is None:
            return self.path.name
        classes = (
            f" in {count_of(len(self.folder.classes), 'folder')}" if self.folder.classes else ""
        )
        return f"{count_of(len(self.files), self.kind)}{classes} of {self.path.resolve().name}"


def open_samples(spec: str, labels: str | None) -> Samples:
    """Open what `spec` names: FILE, FILE.npz:ARRAY, FILE.csv:COLUMNS or a folder.

    If `labels` names a column of the same CSV file, this column is left out. Raises `InputError`
    naming the file if it is of another kind, damaged, or has no samples.
    """
    path, part = split_part(spec)
    suffix = path.suffix.lower()
    if part and suffix not in {".npz", *TABLES}:
        raise InputError(
            f"names the part {part!r}, but only an .npz file and a table have parts",
            where=spec,
            remedy=f"give {path}",
        )
    if path.is_dir():
        folder = list_folder(path)
        notes = (folder.note,) if folder.note else ()
        return Samples(path, folder.kind, None, folder.files, folder, notes)
    if (kind := kind_of_name(path)) is not None:
        return Samples(path, kind, None, (path,))
    if suffix in {".npy", ".npz"}:
        array = read_array(path, part, remedy=_SAVE_NPY)
        return Samples(path, "array", array)
    if suffix in TABLES or _is_text(path):
        return _open_table(path, part, labels)
    with open_input(path, remedy=_KINDS) as file:
        kind_text = kind_of(file.read(4096))
    raise InputError(f"holds no inputs: it is {kind_text}", where=str(path), remedy=_KINDS)


def read_array(path: Path, name: str, *, remedy: str) -> Array:
    """Return the array of an `.npy` file, or the array `name` of an `.npz` file.

    The name may be empty if there is only one. Raises `InputError` as `read_npy` and `read_npz` do.
    """
    if path.suffix.lower() == ".npy":
        return read_npy(path, remedy=remedy)
    names = npz_names(path, remedy=remedy)
    if not name and len(names) == 1:
        name = names[0]
    if name not in names:
        what = f"has no array {name!r}" if name else f"holds {count_of(len(names), 'array')}"
        known = suggest(name, names) if name else "known: " + ", ".join(sorted(names)[:20])
        raise InputError(what, where=str(path), remedy=f"give {path.name}:ARRAY; {known}")
    return read_npz(path, lambda _: None, remedy=remedy, only=name)[name]


def array_blocks(array: Array) -> Iterator[Array]:
    """Yield `array` [N, ...] in blocks of vectors, which are views of it."""
    rows = max(1, _BLOCK // max(1, array[:1].size))
    for begin in range(0, len(array), rows):
        yield array[begin : begin + rows]


def file_blocks(samples: Samples, read: Callable[[Path], Array]) -> Iterator[tuple[str, Array]]:
    """Yield the name of each file, and what `read` makes of it as a block of one sample."""
    for file in samples.files:
        yield str(file), read(file)[None]


def _open_table(path: Path, part: str, labels: str | None) -> Samples:
    label_file, column = split_part(labels) if labels is not None else (None, "")
    same = label_file is not None and label_file.exists() and label_file.samefile(path)
    wanted = column if same else ""
    table = open_table(path, wanted, part, *part.split(","))
    label = table.column(wanted) if wanted else None
    chosen = table.choose(part) if part else [i for i in range(table.columns) if i != label]
    if label in chosen:
        raise InputError(
            f"chooses {table.title(label)}, which --labels names",
            where=f"{path}:{part}",
            remedy=f"give {table.as_typed([i for i in chosen if i != label])}",
        )
    notes = (table.note,) if table.note else ()
    if part:
        notes = (*notes, f"{path.name}: the columns {table.listed(chosen)}")
    numbers = read_numbers(table, chosen)
    return Samples(path, "table", numbers, notes=notes, table=table, chosen=tuple(chosen))


def _is_text(path: Path) -> bool:
    with open_input(path, remedy=_KINDS) as file:
        return kind_of(file.read(4096)) == "a text file"
