"""Golden outputs of a `.tflite` file, computed by TFLM's reference kernels.

Some of TFLite's own kernels round differently from TFLM's, and microcontrollers run TFLM's
arithmetic. So the `tflite-micro` package is the only oracle here.
"""

import hashlib
import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import InputError
from harness.model.graph import Graph
from harness.model.tensor_block import sample_shape
from harness.model.tflite_file import parse
from harness.support import checked_cache
from harness.support.owned_process import OwnedProcess
from harness.support.whole_files import explained_errors

if TYPE_CHECKING:
    from harness.model.folder import Model
    from harness.model.vectors import Vectors

Array = np.ndarray[Any, Any]

# TFLM does not report how much memory a model needs, so a larger arena is tried after a failure.
# If the arena is too small for a large model, TFLM may also crash. Untouched memory costs nothing,
# so the first arena is larger than any microcontroller's RAM.
_ARENAS = tuple(1 << bits for bits in (24, 27))
_OUTPUTS = "outputs.npz"
_SIGNALS = 128  # exit codes above this are signals
_START_SECONDS = 60.0
_INFERENCE_SECONDS = 10.0
_MEMORY = 1 << 30  # bytes of address space, in addition to the vectors


def version() -> str:
    """Return the name and version of the oracle, such as "tflite-micro 0.dev20261023"."""
    return f"tflite-micro {package_version('tflite-micro')}"


def outputs(model: bytes, inputs: Array, *, where: str = "the model") -> Array:
    """Run the `.tflite` file `model` with one input and one output; see `answers`."""
    return answers(model, [inputs], where=where)[0]


def answers(model: bytes, inputs: Sequence[Array], *, where: str = "the model") -> list[Array]:
    """Run the `.tflite` file `model` on N vectors and return its outputs.

    `inputs` has an array [N, *tensor's shape] of the tensor's dtype for each of the model's
    inputs; the result has such an array for each output. `where` is the model's name, for
    messages. Raises `InputError` if the model is invalid, TFLM rejects it, or the inputs do not
    match it.

    TFLM trusts the model, and a failed check ends the process. So it runs in a process of its
    own.
    """
    _check(parse(model, where=where), inputs, where)
    return _compute_in_child(model, inputs, [], where)


def of_vectors(model: bytes, inputs: Sequence[Array], *, where: str = "the model") -> list[Array]:
    """Do the same as `answers` in the shapes of vectors: [N, *shape without a batch of 1]."""
    graph = parse(model, where=where)
    batches = [
        values.reshape(len(values), *tensor.shape)
        for values, tensor in zip(inputs, graph.input_tensors, strict=True)
    ]
    batched = answers(model, batches, where=where)
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
    source, compute = _oracle(model, folder)
    key = f"{model.digest} {vectors.digest} {source}"
    entry = folder / f"{model.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"

    def make(new: Path) -> None:
        say(f"computing golden outputs of {model.name} with {source}")
        with (new / _OUTPUTS).open("wb") as file:
            np.savez(file, *compute(vectors.all_inputs))

    with explained_errors("golden outputs cannot be kept", folder):
        checked_cache.provide(entry, key, make, warn)
        with np.load(entry / _OUTPUTS, allow_pickle=False) as archive:
            return tuple(archive[name] for name in archive.files), source


def _oracle(model: "Model", folder: Path) -> tuple[str, Callable[[Sequence[Array]], list[Array]]]:
    """Return name and function of the oracle for `model`: TFLM, or a host build of an export."""
    export = model.export
    if export is None:
        where = str(model.tflite_path)
        return version(), lambda inputs: of_vectors(model.tflite, inputs, where=where)
    # Only exports need the link and the build tools, whose import takes time.
    from harness.golden import edge_impulse_golden  # noqa: PLC0415

    return edge_impulse_golden.version(), lambda inputs: edge_impulse_golden.answers(
        export, inputs[0], folder
    )


def layers(model: bytes, inputs: Sequence[Array], *, where: str = "the model") -> dict[int, Array]:
    """Return the value of every computed tensor by its index, for one vector.

    `inputs` are those of `answers` with N = 1. The values have the tensors' shapes and dtypes.
    Raises the same errors as `answers`.
    """
    graph = parse(model, where=where)
    _check(graph, inputs, where)
    computed = [index for operator in graph.operators for index in operator.outputs]
    values = _compute_in_child(model, inputs, computed, where)
    return dict(zip(computed, (value[0] for value in values), strict=True))


def compute(model: bytes, inputs: Array) -> Array:
    """Do the same as `outputs` in this process and without checks.

    It is faster, but an invalid model ends this process. Raises `RuntimeError` if TFLM rejects the
    model; TFLM prints the reason on standard error.
    """
    return _compute(model, [inputs], [])[0]


def _compute(model: bytes, inputs: Sequence[Array], tensors: Sequence[int]) -> list[Array]:
    """Return the values of `tensors`, or if it is empty the outputs, each as [N, *shape]."""
    # Imported late: the import takes time, and most commands do not need golden outputs.
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    # Without kPreserveAllTensors, TFLM reuses the memory of tensors after their last use.
    config = runtime.InterpreterConfig
    keep = config.kPreserveAllTensors if tensors else config.kAllocationRecording
    for size in _ARENAS:
        try:
            interpreter = runtime.Interpreter.from_bytes(
                model, arena_size=size, intrepreter_config=keep
            )
            break
        except RuntimeError:
            if size == _ARENAS[-1]:
                raise
    graph = parse(model, where="the model")
    results: list[list[Array]] = [[] for _ in tensors or graph.outputs]
    for vector in zip(*inputs, strict=True):
        for position, values in enumerate(vector):
            interpreter.set_input(np.ascontiguousarray(values), position)
        interpreter.invoke()
        for position, result in enumerate(results):
            if tensors:
                result.append(interpreter.GetTensor(tensors[position], 0)["tensor_data"])
            else:
                result.append(interpreter.get_output(position))
    return [np.stack(values) for values in results]


def _compute_in_child(
    model: bytes, inputs: Sequence[Array], tensors: Sequence[int], where: str
) -> list[Array]:
    """Run `_compute` in a child process."""
    request = io.BytesIO()
    np.savez(
        request,
        model=np.frombuffer(model, np.uint8),
        tensors=np.array(tensors, np.int64),
        **{str(i): values for i, values in enumerate(inputs)},  # type: ignore[arg-type]
    )
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    # The unused threads of OpenBLAS count against the memory limit.
    more = {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "harness.golden.tflm_golden"]
    with tempfile.TemporaryFile() as messages:
        process = OwnedProcess(command, messages, talks=True, environment=os.environ | more)
        try:
            timeout = _START_SECONDS + _INFERENCE_SECONDS * len(inputs[0])
            output = process.communicate(request.getvalue(), timeout)
        except subprocess.TimeoutExpired as error:
            raise _rejected(where, f"no answer within {error.timeout:g} s") from error
        finally:
            process.stop()
        code = process.poll()
        if code != 0:
            messages.seek(0)
            raise _rejected(where, _reason(code or 0, messages.read()))
    answer = np.load(io.BytesIO(output), allow_pickle=False)
    return [answer[str(i)] for i in range(len(answer.files))]


def _reason(code: int, messages: bytes) -> str:
    """Return why TFLM's process failed: its messages, and the signal that ended it, if any."""
    lines = messages.decode("utf-8", errors="replace").splitlines()
    # TFLM repeats its messages for each arena; the first ones give the reason.
    reasons = list(dict.fromkeys(line.strip() for line in lines if line.strip()))[:3]
    if code > _SIGNALS:
        reasons.append(f"it crashed with {signal.Signals(code - _SIGNALS).name}")
    return "; ".join(reasons) or f"it ended with exit code {code}"


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


def _rejected(where: str, reason: str) -> InputError:
    return InputError(
        f"TFLM cannot run it: {reason}", where=where, remedy="convert to full-integer int8"
    )


def _serve() -> None:
    """Answer one request: read an .npz from standard input, write one to standard output."""
    sys.tracebacklimit = 0  # print the message without a traceback
    # TFLM's own output must not get into the answer.
    answer_to = os.dup(1)
    os.dup2(2, 1)
    data = sys.stdin.buffer.read()
    _limit_memory(_MEMORY + 4 * len(data))
    request = np.load(io.BytesIO(data), allow_pickle=False)
    inputs = [request[str(i)] for i in range(len(request.files) - 2)]
    try:
        results = _compute(request["model"].tobytes(), inputs, request["tensors"].tolist())
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    except MemoryError:
        sys.exit(f"it needs more than {_MEMORY >> 30} GiB of memory")
    answer = io.BytesIO()
    np.savez(answer, **{str(i): values for i, values in enumerate(results)})  # type: ignore[arg-type]
    with os.fdopen(answer_to, "wb") as file:
        file.write(answer.getvalue())


def _limit_memory(size: int) -> None:
    """Limit this process to `size` bytes: TFLM's reader trusts every length in a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or size < hard:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))


if __name__ == "__main__":
    _serve()
