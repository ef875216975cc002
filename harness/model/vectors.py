"""Test vectors: inputs with labels and golden outputs, read from an `.npz` and checked."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.support.array_file import read_npz
from harness.support.suggestions import suggest

_ARRAYS = ("inputs", "labels", "golden", "golden_source", "recordings")
_NUMBERED = re.compile(r"(inputs|golden)_(0|[1-9]\d?)")
_INDEXED = {"labels": "class", "recordings": "recording"}
HOW_TO_QUANTIZE = (
    "quantize with the model's input scale and zero point: "
    "np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)"
)
_DTYPES = ("int8", "uint8", "int16", "int32", "float32")

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Vectors:
    """Test inputs with labels and, if known, the outputs of a reference.

    `all_inputs` has an array [N, *shape] for each input of the model, in the input's dtype and
    quantization. `labels` is int64 [N], the index of the right class. `all_golden` has an array
    [N, *output shape] for each output, computed by `golden_source` (interpreter and version), or
    is None. `recordings` is int64 [N], the recording of each vector, if several vectors are
    windows of one recording. N is at least 1. The arrays are read-only.
    """

    path: Path
    all_inputs: tuple[Array, ...]
    labels: npt.NDArray[np.int64]
    all_golden: tuple[Array, ...] | None = None
    golden_source: str = ""
    recordings: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def inputs(self) -> Array:
        """The vectors of the model's first input."""
        return self.all_inputs[0]

    @property
    def golden(self) -> Array | None:
        """The golden values of the model's first output; None without golden."""
        return None if self.all_golden is None else self.all_golden[0]

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, over shapes and bytes of the inputs and `labels`.

        It identifies the test, not its answers: golden is not part of it.
        """
        sha = hashlib.sha256()
        for array in (*self.all_inputs, self.labels):
            sha.update(f"{array.dtype.str}{array.shape}".encode())
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()


def load_vectors(path: Path) -> Vectors:
    """Read vectors from an `.npz` with `inputs`, `labels`, optionally `golden`, `recordings`.

    `inputs` must be [N, ...] with N >= 1, in one of the dtypes of `_DTYPES`; `labels` and
    `recordings` [N] of any integer type; `golden` [N, ...], with the text array `golden_source`.
    A model with several inputs has `inputs_0`, `inputs_1` and so on instead, one with several
    outputs `golden_0` and so on. Raises `InputError` naming the file and array.
    """
    arrays = read_npz(
        path,
        lambda name: _check_name(name, path),
        remedy="save vectors there with np.savez_compressed(path, inputs=..., labels=...)",
    )
    inputs = {name: arrays[name] for name in _names(arrays, "inputs", path)}
    labels = _require(arrays, "labels", path)
    for name, array in inputs.items():
        _check_inputs(array, name, path)
    count = len(next(iter(inputs.values())))
    for name, array in inputs.items():
        if len(array) != count:
            raise bad_array(
                path,
                name,
                f"holds {len(array)} vectors, but {next(iter(inputs))} holds {count}",
                "store one value of each input for every vector",
            )
    _check_numbers(labels, "labels", "label", count, path)
    golden, source = _golden(arrays, count, path)
    return Vectors(
        path,
        tuple(_frozen(array) for array in inputs.values()),
        _frozen(labels.astype(np.int64)),
        golden,
        source,
        _recordings(arrays, labels, path),
    )


def _check_name(name: str, path: Path) -> None:
    """Reject unknown names: a misspelt `golden` must not be ignored."""
    if name not in _ARRAYS and not _NUMBERED.fullmatch(name):
        raise bad_array(path, name, "is an unknown array", suggest(name, _ARRAYS))


def _require(arrays: Mapping[str, Array], name: str, path: Path) -> Array:
    if name not in arrays:
        present = ", ".join(sorted(arrays)) or "nothing"
        raise bad_array(
            path, name, f"is missing; the file holds {present}", f"save it as {name}=..."
        )
    return arrays[name]


def _names(arrays: Mapping[str, Array], kind: str, path: Path) -> list[str]:
    """Return the names of the arrays for each input (or golden output), in order."""
    numbered = [name for name in arrays if name.startswith(f"{kind}_") and name != "golden_source"]
    if not numbered:
        _require(arrays, kind, path)
        return [kind]
    if kind in arrays:
        raise bad_array(
            path,
            kind,
            f"is in the file together with {numbered[0]}",
            f"store {kind} for one, or {kind}_0, {kind}_1 and so on for several",
        )
    names = [f"{kind}_{position}" for position in range(len(numbered))]
    for name in names:
        _require(arrays, name, path)
    return names


def _check_inputs(inputs: Array, name: str, path: Path) -> None:
    if inputs.dtype not in _DTYPES:
        raise bad_array(
            path, name, f"has type {inputs.dtype}, not one of {', '.join(_DTYPES)}", HOW_TO_QUANTIZE
        )
    if inputs.ndim < 1 or (name == "inputs" and inputs.ndim < 2):  # noqa: PLR2004 - see below
        # One axis for the vectors and at least one for their values. A scalar, possible among
        # several inputs, has no axis of its own.
        raise bad_array(
            path,
            name,
            f"has shape {format_shape(inputs.shape)}",
            "store one input after the other: [N, *shape of one input]",
        )
    if not len(inputs):
        raise bad_array(path, name, "holds no vectors", "store at least one")


def _check_numbers(numbers: npt.NDArray[Any], name: str, each: str, count: int, path: Path) -> None:
    """Reject arrays without exactly one integer, called `each`, for each of `count` inputs."""
    if numbers.dtype.kind not in "iu":
        raise bad_array(
            path,
            name,
            f"has type {numbers.dtype}, not an integer type",
            f"store the index of each vector's {_INDEXED[name]}: {name}.astype(np.int64)",
        )
    if numbers.shape != (count,):
        raise bad_array(
            path,
            name,
            f"has shape {format_shape(numbers.shape)}, but there are {count} inputs",
            f"store one {each} for each input: shape [{count}]",
        )


def _recordings(
    arrays: Mapping[str, npt.NDArray[Any]], labels: npt.NDArray[Any], path: Path
) -> npt.NDArray[np.int64] | None:
    """Return `recordings`; `InputError` unless all windows of a recording have the same label."""
    if "recordings" not in arrays:
        return None
    recordings = arrays["recordings"]
    _check_numbers(recordings, "recordings", "recording", len(labels), path)
    _, first, index = np.unique(recordings, return_index=True, return_inverse=True)
    wrong = np.flatnonzero(labels[first][index] != labels)
    if wrong.size:
        raise bad_array(
            path,
            "recordings",
            f"vector {wrong[0]} and the first vector of recording {recordings[wrong[0]]} have "
            "different labels",
            "give every window the label of its recording",
        )
    return _frozen(recordings.astype(np.int64))


def _golden(
    arrays: Mapping[str, Array], count: int, path: Path
) -> tuple[tuple[Array, ...] | None, str]:
    """Return the golden outputs and their source, checked without the network."""
    if not any(name.startswith("golden") for name in arrays):
        return None, ""
    names = _names(arrays, "golden", path)
    for name in names:
        golden = arrays[name]
        if golden.dtype not in _DTYPES:
            raise bad_array(
                path,
                name,
                f"has type {golden.dtype}, not one of {', '.join(_DTYPES)}",
                "store the output bytes of the interpreter, not dequantized values",
            )
        if golden.shape[:1] != (count,):
            raise bad_array(
                path,
                name,
                f"has shape {format_shape(golden.shape)}, but there are {count} inputs",
                "store one output for each input",
            )
    source = arrays.get("golden_source")
    if source is None or source.dtype.kind != "U" or source.ndim or not str(source):
        raise bad_array(
            path,
            "golden_source",
            "does not name the source of `golden`",
            'save interpreter and version as text: golden_source="tflite-micro 0.dev20260101"',
        )
    return tuple(_frozen(arrays[name]) for name in names), str(source)


def bad_array(path: Path, name: str, what: str, remedy: str) -> InputError:
    """Return the error for the array `name` of the file `path`."""
    return InputError(what, where=f"{path}: {name}" if name else str(path), remedy=remedy)


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape for a person: [N, 49, 10]."""
    return "[" + ", ".join(str(size) for size in shape) + "]"


def _frozen(array: Array) -> Array:
    """Return a contiguous, read-only `array`, so that its digest stays valid."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
