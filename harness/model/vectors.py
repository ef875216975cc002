"""Test vectors: inputs, labels and golden outputs, read from an `.npz` and checked."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.bad_array import bad_array, format_shape, frozen
from harness.model.label_arrays import check_integers, read_labels, read_recordings
from harness.support.array_file import read_npz
from harness.support.suggestions import suggest

_ARRAYS = ("inputs", "labels", "golden", "golden_source", "recordings")
_NUMBERED = re.compile(r"(inputs|golden)_(0|[1-9]\d?)")
_DTYPES = ("int8", "uint8", "int16", "int32", "float32")

Array = npt.NDArray[Any]


def how_to_quantize(dtype: np.dtype[Any] = np.dtype(np.int8)) -> str:  # noqa: B008 - immutable
    """Return the advice for real values where stored values of `dtype` are needed."""
    limits = np.iinfo(dtype)
    return (
        "quantize with the model's input scale and zero point: "
        f"np.clip(np.round(x / scale) + zero_point, {limits.min}, {limits.max}).astype(np.{dtype})"
    )


@dataclass(frozen=True, eq=False)
class Vectors:
    """Test inputs with, if known, labels and the outputs of a reference.

    `all_inputs` has an array [N, *shape] for each input of the model, in the input's dtype and
    quantization. `labels` [N, ...] is int64, or float32 or float64 without NaN; None without
    labels. A metric takes them as `class_labels` or `real_labels`. `all_golden` has an array
    [N, *output shape] for each output, computed by `golden_source` (interpreter and version), or
    is None. `recordings` is int64 [N], the recording of each vector, if several vectors are
    windows of one recording: see `starts`. N is at least 1. The arrays are read-only.
    """

    path: Path
    all_inputs: tuple[Array, ...]
    labels: npt.NDArray[np.int64] | npt.NDArray[np.floating[Any]] | None
    all_golden: tuple[Array, ...] | None = None
    golden_source: str = ""
    recordings: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.all_inputs[0])

    @property
    def inputs(self) -> Array:
        """The vectors of the model's first input."""
        return self.all_inputs[0]

    @property
    def golden(self) -> Array | None:
        """The golden values of the model's first output; None without golden."""
        return None if self.all_golden is None else self.all_golden[0]

    @property
    def starts(self) -> npt.NDArray[np.bool_]:
        """Tell of each vector whether a recording begins with it, [N].

        A model with a state keeps it within a recording, and begins each one anew. A vector that
        belongs to no recording stands alone.
        """
        return starts_of(self.recordings, len(self))

    @property
    def class_labels(self) -> npt.NDArray[np.int64]:
        """The index of each vector's right class, [N]; `InputError` for other labels."""
        if self.labels is None:
            raise self._unlabelled()
        check_integers(self.labels, "labels", len(self), self.path)
        return self.labels.astype(np.int64, copy=False)

    @property
    def real_labels(self) -> npt.NDArray[np.float64]:
        """The real values that the outputs should have, [N, values]; whole numbers are real."""
        if self.labels is None:
            raise self._unlabelled()
        return self.labels.reshape(len(self), -1).astype(np.float64)

    def taken(self, numbers: npt.NDArray[np.int64]) -> "Vectors":
        """Return the vectors with these sorted `numbers`; itself, if they are all."""
        if len(numbers) == len(self):
            return self
        golden, labels, recordings = self.all_golden, self.labels, self.recordings
        return replace(
            self,
            all_inputs=tuple(frozen(array[numbers]) for array in self.all_inputs),
            labels=None if labels is None else frozen(labels[numbers]),
            all_golden=None if golden is None else tuple(frozen(each[numbers]) for each in golden),
            recordings=None if recordings is None else frozen(recordings[numbers]),
        )

    def _unlabelled(self) -> InputError:
        remedy = "save it as labels=..., or give the task agreement, which needs none"
        return bad_array(self.path, "labels", "is missing", remedy)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, over shapes and bytes of the inputs and of `labels`, if any.

        It identifies the test, not its answers: golden is not part of it.
        """
        sha = hashlib.sha256()
        labels = () if self.labels is None else (self.labels,)
        for array in (*self.all_inputs, *labels):
            sha.update(f"{array.dtype.str}{array.shape}".encode())
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()


def starts_of(recordings: npt.NDArray[np.int64] | None, count: int) -> npt.NDArray[np.bool_]:
    """Tell of each of `count` vectors in a row whether a recording begins with it."""
    starts = np.ones(count, np.bool_)
    if recordings is not None:
        starts[1:] = recordings[1:] != recordings[:-1]
    return starts


def load_vectors(path: Path) -> Vectors:
    """Read vectors from an `.npz` with `inputs`, optionally `labels`, `golden`, `recordings`.

    `inputs` must be [N, ...] with N >= 1, in one of the dtypes of `_DTYPES`; `labels` [N, ...] of
    any integer type, float32 or float64; `recordings` [N] of any integer type; `golden`
    [N, ...], with the text array `golden_source`.
    A model with several inputs has `inputs_0`, `inputs_1` and so on instead, one with several
    outputs `golden_0` and so on. Raises `InputError` naming the file and array.
    """
    arrays = read_npz(
        path,
        lambda name: _check_name(name, path),
        remedy="save vectors there with np.savez_compressed(path, inputs=..., labels=...)",
    )
    inputs = {name: arrays[name] for name in _names(arrays, "inputs", path)}
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
    labels = read_labels(arrays, count, path)
    golden, source = _golden(arrays, count, path)
    return Vectors(
        path,
        tuple(frozen(array) for array in inputs.values()),
        labels,
        golden,
        source,
        read_recordings(arrays, count, path),
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
            path,
            name,
            f"has type {inputs.dtype}, not one of {', '.join(_DTYPES)}",
            how_to_quantize(),
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
    return tuple(frozen(arrays[name]) for name in names), str(source)


def named_arrays(kind: str, arrays: Sequence[Array]) -> dict[str, Array]:
    """Return the `arrays`, those of `kind` inputs or golden, by their names in an `.npz`."""
    if len(arrays) == 1:
        return {kind: arrays[0]}
    return {f"{kind}_{position}": array for position, array in enumerate(arrays)}
