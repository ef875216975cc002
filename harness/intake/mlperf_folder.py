"""`harness models import-mlperf`: reads a folder of MLPerf Tiny, `.bin` files and `y_labels.csv`.

A line of `y_labels.csv` is file, number of classes, label. A recording that is cut into windows
also has the size of a window and the step from one window to the next, both in bytes.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.input_doubts import GivenValues, stored_doubts
from harness.intake.inputs.store_values import describe_quantization
from harness.intake.networks.network_file import Network
from harness.intake.vector_doubts import class_doubts, vector_doubts
from harness.intake.write_folder import UserData
from harness.model.folder import count_classes
from harness.model.model_file import Task
from harness.model.quantization import quantize
from harness.model.vectors import Vectors
from harness.support.input_file import MAX_TEXT, open_input, read_input
from harness.support.plural import count_of

Array = npt.NDArray[Any]
Bytes = Literal["int8", "uint8"]

LABELS = "y_labels.csv"
_PLAIN, _WINDOWS = 3, 5  # fields of a line
_FLOAT = np.dtype("<f4")
_DIGITS = 9


@dataclass(frozen=True)
class _Row:
    """A line of `y_labels.csv`; `where` names it. `window` and `step` are in bytes, or 0."""

    where: str
    file: Path
    classes: int
    label: int
    window: int = 0
    step: int = 0


def read_folder(network: Network, folder: Path, byte_type: Bytes | None) -> UserData:
    """Read MLPerf Tiny's `folder` for `network`.

    A file, or window, has one byte or one little-endian float32 for each value of the model's
    input. Floats are quantized with the model's own scale. Bytes of `byte_type` int8 are used
    unchanged; those of type uint8, grey values, are reduced by 128. If `byte_type` is None, it is
    uint8 if the zero point of the model's input is -128 (no real value is negative), otherwise
    int8. Raises `InputError` naming the file.
    """
    rows = _read_labels(folder)
    task = _task(network, rows)
    content: Bytes = byte_type or ("uint8" if _is_unsigned(network) else "int8")
    reader = _reader(network, content, rows[0])
    windows = [_windows(row, network, reader) for row in rows]
    counts = [len(part) for part in windows]
    given = np.concatenate(windows)
    inputs = reader.convert(given)
    vectors = Vectors(
        path=folder / LABELS,
        all_inputs=(inputs,),
        labels=np.repeat([row.label for row in rows], counts),
        recordings=np.repeat(np.arange(len(rows)), counts) if max(counts) > 1 else None,
    )
    return UserData(
        task,
        vectors,
        reader.description,
        f"MLPerf Tiny's files in {folder.name}",
        tuple(_doubts(network, task, given, vectors)),
    )


def _doubts(network: Network, task: Task, given: Array, vectors: Vectors) -> Iterator[str]:
    if given.dtype.kind == "f":
        seen = GivenValues(network.input, given.size)
        seen.add(given)
        yield from seen.doubts()
    else:
        yield from stored_doubts(vectors.inputs)
    yield from vector_doubts(vectors.all_inputs, vectors.labels)
    classes = count_classes(task, network.output.elements)
    yield from class_doubts(vectors.class_labels, (), classes)


@dataclass(frozen=True)
class _Reader:
    """Converts windows, each `size` bytes that hold values of `dtype`, to the model's inputs."""

    size: int
    dtype: np.dtype[Any]
    convert: Callable[[Array], Array]
    description: str


def _reader(network: Network, content: Bytes, first: _Row) -> _Reader:
    """Return the reader for windows of the same size as the first."""
    tensor = network.input
    size = first.window or _size(first)
    if size == tensor.elements * _FLOAT.itemsize:
        return _Reader(
            size,
            _FLOAT,
            lambda values: quantize(values, tensor),
            f"float32: {describe_quantization(tensor)}",
        )
    if content == "uint8":
        return _Reader(
            tensor.elements,
            np.dtype(np.uint8),
            lambda values: (values ^ 0x80).view(np.int8),
            "uint8 minus 128",
        )
    return _Reader(tensor.elements, np.dtype(np.int8), lambda values: values, "int8 as given")


def _is_unsigned(network: Network) -> bool:
    zero_point = network.input.zero_point
    return zero_point is not None and int(zero_point[0]) == np.iinfo(np.int8).min


def _windows(row: _Row, network: Network, reader: _Reader) -> Array:
    """Return the windows of one file, [windows, *input shape], in the reader's dtype."""
    data = read_input(row.file, where=row.where)
    window, step = row.window or reader.size, row.step or len(data)
    values = network.input.elements
    if window != reader.size or len(data) < window or (not row.window and len(data) != window):
        raise InputError(
            f"{row.file.name} has {len(data)} bytes"
            + (f" and windows of {row.window}" if row.window else "")
            + f", but the input of {network.path.name} has {count_of(values, 'value')}",
            where=row.where,
            remedy=f"give {values} bytes for each input, or {values * _FLOAT.itemsize} as float32",
        )
    starts = range(0, len(data) - window + 1, step)
    parts = [np.frombuffer(data[start : start + window], reader.dtype) for start in starts]
    if not all(np.isfinite(part).all() for part in parts):
        raise InputError(f"{row.file.name} holds values that are not finite", where=row.where)
    return np.stack(parts).reshape(-1, *network.input.shape[1:])


def _size(row: _Row) -> int:
    with open_input(row.file, where=row.where) as file:
        return file.seek(0, io.SEEK_END)


def _task(network: Network, rows: list[_Row]) -> Task:
    """Return the task: an autoencoder with two classes is anomaly detection."""
    outputs = network.output.elements
    for task in ("classification", "anomaly-detection"):
        possible = task == "classification" or outputs == network.input.elements
        if possible and all(row.classes == count_classes(task, outputs) for row in rows):
            return task
    wrong = next(row for row in rows if row.classes != max(outputs, 2))
    raise InputError(
        f"has {count_of(wrong.classes, 'class')}, but {network.path.name} has "
        f"{count_of(outputs, 'output')}",
        where=wrong.where,
        remedy="give the model that belongs to these files",
    )


def _read_labels(folder: Path) -> list[_Row]:
    path = folder / LABELS
    data = read_input(path, MAX_TEXT, remedy=f"give a folder of MLPerf Tiny with {LABELS}")
    try:
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        rows = [
            _row([field.strip() for field in line], folder, f"{path}: line {number}")
            for number, line in enumerate(csv.reader(text), 1)
            if any(field.strip() for field in line)
        ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is not a CSV file: {error}", where=str(path)) from error
    if not rows:
        raise InputError("lists no files", where=str(path), remedy="write at least one line")
    return rows


def _row(fields: list[str], folder: Path, where: str) -> _Row:
    invalid = InputError(
        f"is invalid: {','.join(fields)[:80]!r}",
        where=where,
        remedy="write file,classes,label or file,classes,label,window bytes,step bytes",
    )
    if len(fields) not in {_PLAIN, _WINDOWS}:
        raise invalid
    name, *rest = fields
    if name != Path(name).name or not all(map(_is_number, rest)):
        raise invalid
    numbers = [int(number) for number in rest]
    if len(fields) == _WINDOWS and not all(numbers[2:]):
        raise invalid
    return _Row(where, folder / name, *numbers)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _DIGITS
