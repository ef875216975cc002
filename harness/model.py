"""Models: a folder with a network, the vectors it is tested on, and where both come from.

A model folder holds `model.toml` (the `_File` structure below is its schema), the
int8 network as `.tflite` and the test vectors as `.npz`. Loading reads and checks
the description and the network's bytes; the vectors are read when they are first
asked for, because building an image does not need them.

The network's operators and tensors are parsed in `harness.graph`. Whether vectors
and classes fit those tensors is checked by `Model.check`.
"""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from harness import toml
from harness.errors import InputError
from harness.names import suggest

DESCRIPTION = "model.toml"

Task = Literal["classification"]
Metric = Literal["accuracy"]
_Text = Annotated[str, msgspec.Meta(min_length=1)]

_ARRAYS = ("inputs", "labels", "golden", "golden_source")
_QUANTIZE = (
    "quantize by the model's input scale and zero point: "
    "np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)"
)


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a model and its vectors come from and on what terms they may be used."""

    data: _Text
    licence: _Text
    split: str = ""
    trained_by: str = ""


class _Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[input]` table: how a sample becomes the numbers in `vectors.npz`."""

    preprocessing: _Text


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The schema of `model.toml`."""

    description: _Text
    task: Task
    metric: Metric
    floor: float
    input: _Input
    provenance: Provenance
    model: _Text = "model.tflite"
    vectors: _Text = "vectors.npz"
    classes: tuple[_Text, ...] = ()


@dataclass(frozen=True, eq=False)
class Vectors:
    """Test inputs with labels and, where known, the outputs a reference computed.

    `inputs` is int8 [N, *shape], quantized as the model takes them; `labels` is int64
    [N], the index of the right class; `golden` is int8 [N, *output shape], the bytes
    that `golden_source` (interpreter and version) answered, or None. N is at least 1
    and the arrays are read-only.
    """

    path: Path
    inputs: npt.NDArray[np.int8]
    labels: npt.NDArray[np.int64]
    golden: npt.NDArray[np.int8] | None = None
    golden_source: str = ""

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

    def subset(self, count: int) -> "Vectors":
        """Return `count` of the vectors, always the same ones, spread over the classes.

        One vector of each class is taken before a second of any, because the first
        `count` of a file sorted by class would ask about one class alone. The chosen
        vectors keep their order. Raises `InputError` unless 1 <= count <= len(self).
        """
        if not 1 <= count <= len(self):
            raise InputError(
                f"{count} vectors asked for, but it holds {len(self)}",
                where=str(self.path),
                remedy=f"ask for 1 to {len(self)} vectors",
            )
        rank = np.zeros(len(self), dtype=np.int64)  # which vector of its class it is
        for label in np.unique(self.labels):
            members = np.flatnonzero(self.labels == label)
            rank[members] = np.arange(len(members))
        chosen = np.sort(np.argsort(rank, kind="stable")[:count])
        golden = None if self.golden is None else _frozen(self.golden[chosen])
        return Vectors(
            path=self.path,
            inputs=_frozen(self.inputs[chosen]),
            labels=_frozen(self.labels[chosen]),
            golden=golden,
            golden_source=self.golden_source,
        )


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model folder; `load_model` builds it.

    `floor` is the least `metric` (0 to 1) that passes. `classes` names the outputs in
    order and may be empty. `tflite` is the network's file, `digest` its SHA-256 in hex.
    """

    name: str
    path: Path
    description: str
    task: Task
    metric: Metric
    floor: float
    classes: tuple[str, ...]
    preprocessing: str
    provenance: Provenance
    tflite: bytes = field(repr=False)
    tflite_path: Path
    vectors_path: Path

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of the network's file."""
        return hashlib.sha256(self.tflite).hexdigest()

    @cached_property
    def vectors(self) -> Vectors:
        """The test vectors, read from `vectors_path` at first use; see `load_vectors`."""
        vectors = load_vectors(self.vectors_path)
        if self.classes:
            _check_labels(vectors, len(self.classes), f"{DESCRIPTION} names")
        return vectors

    def check(
        self, input_shape: Sequence[int], input_dtype: npt.DTypeLike, output_shape: Sequence[int]
    ) -> None:
        """Check classes and vectors against the network's tensors, as `check_vectors` does.

        Raises `InputError` naming the file and the key or array that does not fit.
        """
        outputs = prod(output_shape[1:])
        if self.classes and len(self.classes) != outputs:
            raise InputError(
                f"names {len(self.classes)} classes, but {self.tflite_path.name} "
                f"has {outputs} outputs",
                where=f"{self.path / DESCRIPTION}: classes",
                remedy="name every output once, in order, or leave `classes` out",
            )
        check_vectors(self.vectors, input_shape, input_dtype, output_shape)


def load_model(folder: Path) -> Model:
    """Load and check the model in `folder`.

    Raises `InputError` if the folder, its description or its network is missing or
    wrong. The vectors are checked when `Model.vectors` is first used.
    """
    description = folder / DESCRIPTION
    if not description.is_file():
        raise _no_model(folder)
    file = toml.read(description, _File)
    _check_floor(file.floor, description)
    _check_classes(file.classes, description)
    tflite_path = folder / file.model
    return Model(
        name=folder.resolve().name,
        path=folder,
        description=file.description,
        task=file.task,
        metric=file.metric,
        floor=file.floor,
        classes=file.classes,
        preprocessing=file.input.preprocessing,
        provenance=file.provenance,
        tflite=_read_network(tflite_path, description),
        tflite_path=tflite_path,
        vectors_path=folder / file.vectors,
    )


def find_model(name_or_path: str, roots: Sequence[Path]) -> Model:
    """Load a model by name, from the first of `roots` that has it, or by path.

    Whatever contains a path separator is a path. Any other name is looked up in the
    roots first, then as a folder here, so that a stray folder hides no known model.
    Raises `InputError` with near names if there is none, and as `load_model` does.
    """
    separators = {os.sep, os.altsep or os.sep}
    if separators & set(name_or_path):
        path = Path(name_or_path)
        return load_model(path.parent if path.name == DESCRIPTION else path)
    known = _folders(roots)
    if name_or_path in known:
        return load_model(known[name_or_path])
    if name_or_path and Path(name_or_path).is_dir():
        return load_model(Path(name_or_path))
    raise InputError(f"unknown model {name_or_path!r}", remedy=suggest(name_or_path, known))


def list_models(roots: Sequence[Path]) -> list[str]:
    """Return the sorted names that `find_model` knows in `roots`; missing roots are empty."""
    return sorted(_folders(roots))


def load_vectors(path: Path) -> Vectors:
    """Read vectors from an `.npz` with `inputs`, `labels` and optionally `golden`.

    `inputs` must be int8 [N, ...] with N >= 1; `labels` [N] of any integer type;
    `golden` int8 [N, ...] with a text array `golden_source` beside it.
    Raises `InputError` naming the file and array.
    """
    arrays = _read_arrays(path)
    inputs = _require(arrays, "inputs", path)
    labels = _require(arrays, "labels", path)
    _check_inputs(inputs, path)
    if labels.dtype.kind not in "iu":
        raise _bad_array(
            path,
            "labels",
            f"has type {labels.dtype}, not an integer type",
            "store the index of each vector's class: labels.astype(np.int64)",
        )
    if labels.shape != inputs.shape[:1]:
        raise _bad_array(
            path,
            "labels",
            f"has shape {_show(labels.shape)}, but there are {len(inputs)} inputs",
            f"store one label for each input: shape [{len(inputs)}]",
        )
    golden, source = _golden(arrays, len(inputs), path)
    return Vectors(path, _frozen(inputs), _frozen(labels.astype(np.int64)), golden, source)


def check_vectors(
    vectors: Vectors,
    input_shape: Sequence[int],
    input_dtype: npt.DTypeLike,
    output_shape: Sequence[int],
) -> None:
    """Check that `vectors` fit a network's input and output tensor.

    The shapes are the tensors' own and begin with the batch, as in [1, 28, 28, 1].
    Raises `InputError` naming the file and array if type or shape of `inputs` differ,
    a label has no output, or `golden` does not have the shape of the output.
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
    _check_labels(vectors, prod(output_shape[1:]), "the model has")
    if vectors.golden is not None:
        _check_shape(vectors, "golden", vectors.golden, output_shape, "answers")


def _folders(roots: Sequence[Path]) -> dict[str, Path]:
    """Map each model's name to its folder; the first root that has a name wins."""
    found: dict[str, Path] = {}
    for root in roots:
        for description in root.glob(f"*/{DESCRIPTION}"):
            found.setdefault(description.parent.name, description.parent)
    return found


def _no_model(folder: Path) -> InputError:
    """Say what `folder` is, as it is no model."""
    if folder.is_dir():
        what = f"is not a model: it has no {DESCRIPTION}"
    elif folder.exists():
        what = "is a file, not a model folder"
    else:
        what = "no such model folder"
    return InputError(what, where=str(folder), remedy=f"give a folder that holds {DESCRIPTION}")


def _read_network(path: Path, description: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}",
            where=f"{description}: model",
            remedy="put the network there, or name its file by `model`",
        ) from error
    if not data:
        raise InputError(f"{path} is empty", where=f"{description}: model")
    return data


def _check_floor(floor: float, description: Path) -> None:
    if not 0 <= floor <= 1:  # false for NaN as well
        raise InputError(
            f"{floor} is not between 0 and 1",
            where=f"{description}: floor",
            remedy="give the least share of right answers that passes, such as 0.97",
        )


def _check_classes(classes: tuple[str, ...], description: Path) -> None:
    twice = sorted({name for name in classes if classes.count(name) > 1})
    if twice:
        raise InputError(
            f"names {', '.join(twice)} more than once",
            where=f"{description}: classes",
            remedy="name every output once, in order",
        )


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


def _check_labels(vectors: Vectors, outputs: int, who: str) -> None:
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
