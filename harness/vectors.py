"""Test vectors: inputs with labels and golden outputs, read from an `.npz` and checked."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.names import suggest

_ARRAYS = ("inputs", "labels", "golden", "golden_source", "recordings")
_INDEXED = {"labels": "class", "recordings": "recording"}
_QUANTIZE = (
    "quantize by the model's input scale and zero point: "
    "np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)"
)


@dataclass(frozen=True, eq=False)
class Vectors:
    """Test inputs with labels and, where known, the outputs a reference computed.

    `inputs` is int8 [N, *shape], quantized as the model takes them; `labels` is int64
    [N], the index of the right class; `golden` is int8 [N, *output shape], the bytes
    that `golden_source` (interpreter and version) answered, or None. `recordings` is int64
    [N], the recording that each vector is a window of, where several make one sample. N is
    at least 1 and the arrays are read-only.
    """

    path: Path
    inputs: npt.NDArray[np.int8]
    labels: npt.NDArray[np.int64]
    golden: npt.NDArray[np.int8] | None = None
    golden_source: str = ""
    recordings: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, over shapes and bytes of `inputs` and `labels`.

        It identifies the question put to a model; `golden`, an answer, is not part of it.
        """
        sha = hashlib.sha256()
        for array in (self.inputs, self.labels):
            sha.update(f"{array.dtype.str}{array.shape}".encode())
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()


def load_vectors(path: Path) -> Vectors:
    """Read vectors from an `.npz` with `inputs`, `labels`, optionally `golden`, `recordings`.

    `inputs` must be int8 [N, ...] with N >= 1; `labels` and `recordings` [N] of any integer
    type; `golden` int8 [N, ...] with a text array `golden_source` beside it.
    Raises `InputError` naming the file and array.
    """
    arrays = _read_arrays(path)
    inputs = _require(arrays, "inputs", path)
    labels = _require(arrays, "labels", path)
    _check_inputs(inputs, path)
    _check_numbers(labels, "labels", "label", len(inputs), path)
    golden, source = _golden(arrays, len(inputs), path)
    return Vectors(
        path,
        _frozen(inputs),
        _frozen(labels.astype(np.int64)),
        golden,
        source,
        _recordings(arrays, labels, path),
    )


def check_vectors(
    vectors: Vectors,
    input_shape: Sequence[int],
    input_dtype: npt.DTypeLike,
    output_shape: Sequence[int],
) -> None:
    """Check that `vectors` fit a network's input and output tensor.

    The shapes are the tensors' own and begin with the batch, as in [1, 28, 28, 1].
    Raises `InputError` naming the file and array if type or shape of `inputs` differ, or
    `golden` does not have the shape of the output.
    """
    wanted = np.dtype(input_dtype)
    if vectors.inputs.dtype != wanted:
        raise _bad_array(
            vectors.path,
            "inputs",
            f"has type {vectors.inputs.dtype}, but the model takes {wanted}",
            "convert the model with int8 input: converter.inference_input_type = tf.int8",
        )
    _check_shape(vectors, "inputs", vectors.inputs, input_shape, "takes")
    if vectors.golden is not None:
        _check_shape(vectors, "golden", vectors.golden, output_shape, "answers")


def _read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read every array of the `.npz` at `path`; nothing in it is ever unpickled."""
    if not path.is_file():
        raise InputError(
            "no such file", where=str(path), remedy="save vectors there with np.savez_compressed"
        )
    if not zipfile.is_zipfile(path):
        raise InputError(
            "is not an .npz file",
            where=str(path),
            remedy="save it with np.savez_compressed(path, inputs=..., labels=...)",
        )
    arrays: dict[str, npt.NDArray[Any]] = {}
    name = ""
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                arrays[name] = _known(archive[name], name, path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _bad_array(
            path, name, f"cannot be read: {error}", "save plain arrays, without Python objects"
        ) from error
    return arrays


def _known(array: npt.NDArray[Any], name: str, path: Path) -> npt.NDArray[Any]:
    """Return `array` if `name` has a meaning: a misspelt `golden` must not go unread."""
    if name not in _ARRAYS:
        raise _bad_array(path, name, "is not known", suggest(name, _ARRAYS))
    return array


def _require(arrays: Mapping[str, npt.NDArray[Any]], name: str, path: Path) -> npt.NDArray[Any]:
    if name not in arrays:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise _bad_array(path, name, f"is missing; the file holds {held}", f"save it as {name}=...")
    return arrays[name]


def _check_inputs(inputs: npt.NDArray[Any], path: Path) -> None:
    if inputs.dtype != np.int8:
        raise _bad_array(path, "inputs", f"has type {inputs.dtype}, not int8", _QUANTIZE)
    if inputs.ndim < 2:  # noqa: PLR2004 - vectors, and at least one value in each
        raise _bad_array(
            path,
            "inputs",
            f"has shape {_show(inputs.shape)}",
            "store one input after the other: [N, *shape of one input]",
        )
    if not len(inputs):
        raise _bad_array(path, "inputs", "holds no vectors", "store at least one")


def _check_numbers(numbers: npt.NDArray[Any], name: str, each: str, count: int, path: Path) -> None:
    """Refuse an array that does not hold one integer, called `each`, for each of `count` inputs."""
    if numbers.dtype.kind not in "iu":
        raise _bad_array(
            path,
            name,
            f"has type {numbers.dtype}, not an integer type",
            f"store the index of each vector's {_INDEXED[name]}: {name}.astype(np.int64)",
        )
    if numbers.shape != (count,):
        raise _bad_array(
            path,
            name,
            f"has shape {_show(numbers.shape)}, but there are {count} inputs",
            f"store one {each} for each input: shape [{count}]",
        )


def _recordings(
    arrays: Mapping[str, npt.NDArray[Any]], labels: npt.NDArray[Any], path: Path
) -> npt.NDArray[np.int64] | None:
    """Return `recordings`, checked: all windows of a recording have its label."""
    if "recordings" not in arrays:
        return None
    recordings = arrays["recordings"]
    _check_numbers(recordings, "recordings", "recording", len(labels), path)
    _, first, index = np.unique(recordings, return_index=True, return_inverse=True)
    wrong = np.flatnonzero(labels[first][index] != labels)
    if wrong.size:
        raise _bad_array(
            path,
            "recordings",
            f"vector {wrong[0]} has another label than the first of recording "
            f"{recordings[wrong[0]]}",
            "give every window the label of its recording",
        )
    return _frozen(recordings.astype(np.int64))


def _golden(
    arrays: Mapping[str, npt.NDArray[Any]], count: int, path: Path
) -> tuple[npt.NDArray[np.int8] | None, str]:
    """Return `golden` and `golden_source`, checked as far as the vectors alone allow."""
    if "golden" not in arrays:
        return None, ""
    golden = arrays["golden"]
    if golden.dtype != np.int8:
        raise _bad_array(
            path,
            "golden",
            f"has type {golden.dtype}, not int8",
            "store the bytes the interpreter answers, not dequantized values",
        )
    if golden.shape[:1] != (count,):
        raise _bad_array(
            path,
            "golden",
            f"has shape {_show(golden.shape)}, but there are {count} inputs",
            "store one output for each input",
        )
    source = arrays.get("golden_source")
    if source is None or source.dtype.kind != "U" or source.ndim or not str(source):
        raise _bad_array(
            path,
            "golden_source",
            "does not name what computed `golden`",
            'save interpreter and version as text: golden_source="tflite-micro 0.dev20260101"',
        )
    return _frozen(golden), str(source)


def check_labels(vectors: Vectors, outputs: int, who: str) -> None:
    """Refuse labels that are no index of one of `outputs` classes that `who` counts."""
    labels = vectors.labels
    wrong = np.flatnonzero((labels < 0) | (labels >= outputs))
    if wrong.size:
        first = int(wrong[0])
        raise _bad_array(
            vectors.path,
            "labels",
            f"vector {first} has label {labels[first]}, but {who} {outputs} classes",
            f"count classes from 0 to {outputs - 1}",
        )


def _check_shape(
    vectors: Vectors, name: str, array: npt.NDArray[Any], tensor: Sequence[int], verb: str
) -> None:
    if array.shape[1:] != tuple(tensor[1:]):
        raise _bad_array(
            vectors.path,
            name,
            f"has shape {_show(array.shape)}, but the model {verb} {_show(tensor)}",
            f"store it as {_show((len(vectors), *tensor[1:]))}",
        )


def _bad_array(path: Path, name: str, what: str, remedy: str) -> InputError:
    return InputError(what, where=f"{path}: {name}" if name else str(path), remedy=remedy)


def _show(shape: Sequence[int]) -> str:
    return "[" + ", ".join(str(size) for size in shape) + "]"


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a contiguous, read-only `array`: a digest once taken stays true."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
