"""Golden outputs of a `.tflite` file: what an interpreter with TFLM's arithmetic computes.

Some of TFLite's own kernels round differently from TFLM's, and microcontrollers run TFLM's
arithmetic. So TFLM is the oracle where it is installed, and elsewhere LiteRT's reference kernels,
for those operators only that are proven to have TFLM's bytes.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.golden.interpreters import LITERT, interpreter_of
from harness.golden.oracle_process import compute_in_child
from harness.model.graph import Graph
from harness.model.tensor_block import sample_shape
from harness.model.tflite_file import parse
from harness.support import checked_cache
from harness.support.whole_files import explained_errors

if TYPE_CHECKING:
    from harness.model.folder import Model
    from harness.model.vectors import Vectors

Array = np.ndarray[Any, Any]
Starts = npt.NDArray[np.bool_]

_OUTPUTS = "outputs.npz"
_ARITHMETIC = ("golden", "engines/cmsis_nn", "model")  # folders of the package


def source(model: bytes, *, where: str = "the model") -> str:
    """Return what computes golden of the `.tflite` file `model` here: package and version.

    Raises `InputError` if nothing on this machine does.
    """
    graph = parse(model, where=where)
    return interpreter_of(graph).source(graph)


def outputs(model: bytes, inputs: Array, *, where: str = "the model") -> Array:
    """Run the `.tflite` file `model` with one input and one output; see `answers`."""
    return answers(model, [inputs], where=where)[0]


def answers(
    model: bytes,
    inputs: Sequence[Array],
    *,
    starts: Starts | None = None,
    where: str = "the model",
) -> list[Array]:
    """Run the `.tflite` file `model` on N vectors and return its outputs.

    `inputs` has an array [N, *tensor's shape] of the tensor's dtype for each of the model's
    inputs; the result has such an array for each output. A state begins anew before each vector
    that `starts` [N] marks; without it, before each. `where` is the model's name, for messages.
    Raises `InputError` if the model is invalid, the interpreter rejects it, the inputs do not match
    it, or nothing on this machine computes its golden.
    """
    return _compute(parse(model, where=where), inputs, [], where, starts)


def of_vectors(
    model: bytes,
    inputs: Sequence[Array],
    *,
    starts: Starts | None = None,
    where: str = "the model",
) -> list[Array]:
    """Do the same as `answers` in the shapes of vectors: [N, *shape without a batch of 1]."""
    graph = parse(model, where=where)
    batches = [
        values.reshape(len(values), *tensor.shape)
        for values, tensor in zip(inputs, graph.input_tensors, strict=True)
    ]
    batched = answers(model, batches, starts=starts, where=where)
    return [
        values.reshape(len(values), *sample_shape(tensor))
        for values, tensor in zip(batched, graph.output_tensors, strict=True)
    ]


def of_model(
    model: "Model",
    vectors: "Vectors",
    folder: Path,
    say: Callable[[str], None],
    warn: Callable[[str], None] = checked_cache.warn_on_stderr,
) -> tuple[tuple[Array, ...], str]:
    """Return golden outputs and the name of their oracle.

    They are the vectors' own if there are any; otherwise they are computed and cached in
    `folder`. `say` is called with a text before a long wait, `warn` about cached outputs that are
    damaged and computed again.
    """
    if vectors.all_golden is not None:
        return vectors.all_golden, vectors.golden_source
    oracle, compute = _oracle(model, folder)
    key = _key(model, vectors, oracle)
    entry = _entry(model, key, folder)

    def make(new: Path) -> None:
        say(f"computing golden outputs of {model.name} with {oracle}")
        with (new / _OUTPUTS).open("wb") as file:
            np.savez(file, *compute(vectors.all_inputs, vectors.starts))

    with explained_errors("golden outputs cannot be kept", folder):
        checked_cache.provide(entry, key, make, warn)
        with np.load(entry / _OUTPUTS, allow_pickle=False) as archive:
            return tuple(archive[name] for name in archive.files), oracle


def _key(model: "Model", vectors: "Vectors", oracle: str) -> str:
    """Return what decides about the golden outputs."""
    key = f"{model.digest} {vectors.digest} {oracle}"
    if model.graph.variables:
        key = f"{key} {vectors.starts.tobytes().hex()}"
    if model.export is None and oracle.startswith(LITERT.package):
        key = f"{key} {_arithmetic()}"
    return key


def _entry(model: "Model", key: str, folder: Path) -> Path:
    return folder / f"{model.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def prepared(model: "Model", folder: Path) -> AbstractContextManager[None]:
    """Prepare what computes golden while the caller builds the image of `model`.

    That is the host build of an export, unless its golden outputs are in `folder` already.
    Raises the same errors as `of_model`.
    """
    export = model.export
    if export is None or not export.has_sources or model.vectors.all_golden is not None:
        return nullcontext()
    # As in `_oracle`.
    from harness.golden import edge_impulse_golden  # noqa: PLC0415

    key = _key(model, model.vectors, edge_impulse_golden.version())
    if _entry(model, key, folder).exists():
        return nullcontext()
    return edge_impulse_golden.built_meanwhile(export, folder)


def _oracle(
    model: "Model", folder: Path
) -> tuple[str, Callable[[Sequence[Array], Starts], list[Array]]]:
    """Return name and function of the oracle: an interpreter, or a host build of an export."""
    export = model.export
    if export is None:
        where = str(model.tflite_path)
        return source(model.tflite, where=where), lambda inputs, starts: of_vectors(
            model.tflite, inputs, starts=starts, where=where
        )
    # Only exports need the link and the build tools, whose import takes time.
    from harness.golden import edge_impulse_golden  # noqa: PLC0415

    return edge_impulse_golden.version(), lambda inputs, starts: edge_impulse_golden.answers(
        export, inputs[0], starts, folder
    )


def rounding_of(model: "Model", vectors: "Vectors", folder: Path) -> tuple[Array, ...] | None:
    """Return how far rounding moves each score of an export's host build, by arrays [N, ...].

    None if the sources of the export are elsewhere. Raises the same errors as `of_model`.
    """
    # As in `_oracle`.
    from harness.golden import edge_impulse_golden, edge_impulse_rounding  # noqa: PLC0415

    export = model.export
    if export is None or not export.has_sources:
        return None
    still = edge_impulse_golden.answers(export, vectors.inputs, vectors.starts, folder)
    return tuple(edge_impulse_rounding.rounding(export, vectors, still, folder))


@cache
def _arithmetic() -> str:
    """Return the SHA-256 of the code that computes what LiteRT computes otherwise than TFLM."""
    sha = hashlib.sha256()
    package = Path(__file__).parents[1]
    for folder in _ARITHMETIC:
        for path in sorted((package / folder).glob("*.py")):
            sha.update(path.name.encode() + b"\0" + path.read_bytes())
    return sha.hexdigest()


def layers(model: bytes, inputs: Sequence[Array], *, where: str = "the model") -> dict[int, Array]:
    """Return the values of every computed tensor by its index, as [N, *shape].

    `inputs` are those of `answers`, for N vectors of one recording. Variables that have several
    values in an inference are left out, and all resource variables. Raises the same errors as
    `answers`.
    """
    graph = parse(model, where=where)
    computed = [
        index
        for operator in graph.operators
        for index in operator.outputs
        if operator.kind != "ASSIGN_VARIABLE"  # TFLM has no tensor for the variable
    ]
    computed = [index for index, count in Counter(computed).items() if count == 1]
    starts = np.arange(len(inputs[0])) == 0
    values = _compute(graph, inputs, computed, where, starts)
    return dict(zip(computed, values, strict=True))


def _compute(
    graph: Graph,
    inputs: Sequence[Array],
    tensors: Sequence[int],
    where: str,
    starts: Starts | None = None,
) -> list[Array]:
    _check(graph, inputs, where)
    interpreter = interpreter_of(graph)
    interpreter.source(graph)  # raises if it cannot have TFLM's bytes
    return compute_in_child(interpreter, graph.source, inputs, tensors, where, starts)


def _check(graph: Graph, inputs: Sequence[Array], where: str) -> None:
    if len(inputs) != len(graph.inputs) or not inputs:
        raise InputError(
            f"has {len(graph.inputs)} inputs, but {len(inputs)} are given",
            where=where,
            remedy="give one array for each input",
        )
    for position, (index, values) in enumerate(zip(graph.inputs, inputs, strict=True)):
        source = graph.tensors[index]
        name = "inputs" if len(inputs) == 1 else f"inputs_{position}"
        if values.ndim == 0 or values.shape[1:] != source.shape or values.dtype != source.dtype:
            raise InputError(
                f"{name} have shape {values.shape} and type {values.dtype}",
                where=where,
                remedy=f"give [N, {', '.join(map(str, source.shape))}] of {source.dtype}",
            )
        if len(values) != len(inputs[0]):
            raise InputError(
                f"{name} are {len(values)} vectors, but the first input has {len(inputs[0])}",
                where=where,
                remedy="give the same number for each input",
            )
    if len(inputs[0]) == 0:
        raise InputError("there are no inputs", where=where, remedy="give at least one")
