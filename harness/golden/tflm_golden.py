"""The golden outputs: what TFLM's reference kernels compute.

TFLite's own kernels round differently from TFLM's in places, and a microcontroller
runs TFLM's arithmetic; so the `tflite-micro` package is the only oracle here.
"""

import io
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import InputError
from harness.model.graph import Graph
from harness.model.tensor_block import sample_shape
from harness.model.tflite_file import parse

if TYPE_CHECKING:
    from harness.model.folder import Model
    from harness.model.vectors import Vectors

Array = np.ndarray[Any, Any]

# TFLM does not say how much memory a model needs: try, and grow on failure. With an arena that is
# too small for a large model it may also crash; memory that is not touched costs nothing, so the
# first is larger than any that a microcontroller has.
_ARENAS = tuple(1 << bits for bits in (24, 27))
_START_SECONDS = 60.0
_INFERENCE_SECONDS = 10.0
_MEMORY = 1 << 30  # bytes of address space, beside the vectors'


def version() -> str:
    """Return the name and version of the oracle, such as "tflite-micro 0.dev20261023"."""
    return f"tflite-micro {package_version('tflite-micro')}"


def outputs(model: bytes, inputs: Array, *, where: str = "the model") -> Array:
    """Run the `.tflite` file `model`, of one input and one output; see `answers`."""
    return answers(model, [inputs], where=where)[0]


def answers(model: bytes, inputs: Sequence[Array], *, where: str = "the model") -> list[Array]:
    """Run the `.tflite` file `model` on N vectors and return its outputs.

    `inputs` has an array [N, *tensor's shape] of the tensor's dtype for each of the model's
    inputs; the result has such an array for each output. Raises `InputError` if the model is
    not valid, TFLM refuses it, or the inputs do not fit it; `where` is the model's name.

    TFLM trusts its model and ends the process where a check of its own fails, so it runs
    in a process of its own.
    """
    _check(parse(model, where=where), inputs, where)
    return _ask(model, inputs, [], where)


def of_vectors(model: bytes, inputs: Sequence[Array], *, where: str = "the model") -> list[Array]:
    """Do as `answers` does, all shapes those of vectors: [N, *shape without a batch of 1]."""
    graph = parse(model, where=where)
    batches = [
        values.reshape(len(values), *tensor.shape)
        for values, tensor in zip(inputs, graph.input_tensors, strict=True)
    ]
    found = answers(model, batches, where=where)
    return [
        values.reshape(len(values), *sample_shape(tensor))
        for values, tensor in zip(found, graph.output_tensors, strict=True)
    ]


def of_model(
    model: "Model", vectors: "Vectors", folder: Path, say: Callable[[str], None]
) -> tuple[tuple[Array, ...], str]:
    """Return golden outputs and what computed them: the vectors' own, else now.

    What is computed is kept in `folder`; `say` is told when there is something to wait for.
    """
    if vectors.all_golden is not None:
        return vectors.all_golden, vectors.golden_source
    source, compute = _oracle(model, folder)
    kept = folder / f"{model.digest[:16]}-{vectors.digest[:16]}-{source.replace(' ', '-')}.npz"
    if not kept.is_file():
        say(f"computing golden outputs of {model.name} with {source}")
        found = compute(vectors.all_inputs)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, *found)
        partial.replace(kept)
    with np.load(kept, allow_pickle=False) as held:
        return tuple(held[name] for name in held.files), source


def _oracle(model: "Model", folder: Path) -> tuple[str, Callable[[Sequence[Array]], list[Array]]]:
    """Return what computes golden for `model`, by name, and how: TFLM, or a build of an export."""
    export = model.export
    if export is None:
        where = str(model.tflite_path)
        return version(), lambda inputs: of_vectors(model.tflite, inputs, where=where)
    # A model without an export need not wait for the link and the build tools.
    from harness.golden import edge_impulse_golden  # noqa: PLC0415

    return edge_impulse_golden.version(), lambda inputs: edge_impulse_golden.answers(
        export, inputs[0], folder
    )


def layers(model: bytes, inputs: Sequence[Array], *, where: str = "the model") -> dict[int, Array]:
    """Return the value of every tensor that the model computes, by its index, for one vector.

    `inputs` are those of `answers` with N = 1; the values have the tensors' shapes and
    dtypes. Raises as `answers` does.
    """
    graph = parse(model, where=where)
    _check(graph, inputs, where)
    computed = [index for operator in graph.operators for index in operator.outputs]
    values = _ask(model, inputs, computed, where)
    return dict(zip(computed, (value[0] for value in values), strict=True))


def compute(model: bytes, inputs: Array) -> Array:
    """Do as `outputs` does, but here and unchecked: faster, and a wrong model is fatal.

    Raises `RuntimeError` if TFLM refuses the model; it says why on standard error.
    """
    return _compute(model, [inputs], [])[0]


def _compute(model: bytes, inputs: Sequence[Array], tensors: Sequence[int]) -> list[Array]:
    """Return the outputs, or if there are any the `tensors`, each as [N, *shape]."""
    # Imported late: it costs a moment that a command that needs no golden should not pay.
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    # Else a tensor's memory is another's as soon as it is no longer needed.
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
    found: list[list[Array]] = [[] for _ in tensors or graph.outputs]
    for vector in zip(*inputs, strict=True):
        for place, values in enumerate(vector):
            interpreter.set_input(np.ascontiguousarray(values), place)
        interpreter.invoke()
        for place, held in enumerate(found):
            if tensors:
                held.append(interpreter.GetTensor(tensors[place], 0)["tensor_data"])
            else:
                held.append(interpreter.get_output(place))
    return [np.stack(values) for values in found]


def _ask(model: bytes, inputs: Sequence[Array], tensors: Sequence[int], where: str) -> list[Array]:
    """Have `_compute` done by another process."""
    request = io.BytesIO()
    np.savez(
        request,
        model=np.frombuffer(model, np.uint8),
        tensors=np.array(tensors, np.int64),
        **{str(place): values for place, values in enumerate(inputs)},  # type: ignore[arg-type]
    )
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "harness.golden.tflm_golden"],
            input=request.getvalue(),
            capture_output=True,
            check=False,
            # Each thread of OpenBLAS, which is not used, would count as memory.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"},
            timeout=_START_SECONDS + _INFERENCE_SECONDS * len(inputs[0]),
        )
    except subprocess.TimeoutExpired as error:
        raise _refused(where, f"no answer within {error.timeout:g} s") from error
    if done.returncode != 0:
        raise _refused(where, _reason(done))
    answer = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    return [answer[str(place)] for place in range(len(answer.files))]


def _reason(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return why TFLM's process failed: what it said, and the signal that ended it if one did."""
    lines = done.stderr.decode("utf-8", errors="replace").splitlines()
    # Each arena that was tried repeats the same messages; the first say why.
    reasons = list(dict.fromkeys(line.strip() for line in lines if line.strip()))[:3]
    if done.returncode < 0:
        reasons.append(f"it crashed by {signal.Signals(-done.returncode).name}")
    return "; ".join(reasons) or f"it ended with {done.returncode}"


def _check(graph: Graph, inputs: Sequence[Array], where: str) -> None:
    if len(inputs) != len(graph.inputs) or not inputs:
        raise InputError(
            f"has {len(graph.inputs)} inputs, and {len(inputs)} are given",
            where=where,
            remedy="give an array for each",
        )
    for place, (index, values) in enumerate(zip(graph.inputs, inputs, strict=True)):
        source = graph.tensors[index]
        which = "inputs" if len(inputs) == 1 else f"inputs_{place}"
        if values.ndim == 0 or values.shape[1:] != source.shape or values.dtype != source.dtype:
            raise InputError(
                f"{which} have shape {values.shape} and type {values.dtype}",
                where=where,
                remedy=f"give [N, {', '.join(map(str, source.shape))}] of {source.dtype}",
            )
        if len(values) != len(inputs[0]):
            raise InputError(
                f"{which} are {len(values)} vectors, the first input's {len(inputs[0])}",
                where=where,
                remedy="give as many for each input",
            )
    if len(inputs[0]) == 0:
        raise InputError("there are no inputs", where=where, remedy="give at least one")


def _refused(where: str, reason: str) -> InputError:
    return InputError(
        f"TFLM does not run it: {reason}", where=where, remedy="convert to full-integer int8"
    )


def _serve() -> None:
    """Answer one request: an .npz on standard input, another on standard output."""
    sys.tracebacklimit = 0  # a message, not where in here it came from
    # What TFLM prints must not get into the answer.
    answer_to = os.dup(1)
    os.dup2(2, 1)
    data = sys.stdin.buffer.read()
    _limit_memory(_MEMORY + 4 * len(data))
    request = np.load(io.BytesIO(data), allow_pickle=False)
    inputs = [request[str(place)] for place in range(len(request.files) - 2)]
    try:
        found = _compute(request["model"].tobytes(), inputs, request["tensors"].tolist())
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    except MemoryError:
        sys.exit(f"it wants more than {_MEMORY >> 30} GiB of memory")
    answer = io.BytesIO()
    np.savez(answer, **{str(place): values for place, values in enumerate(found)})  # type: ignore[arg-type]
    with os.fdopen(answer_to, "wb") as file:
        file.write(answer.getvalue())


def _limit_memory(size: int) -> None:
    """Let this process have `size` bytes: TFLM's own reader believes every length in a file."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY or size < most:
        resource.setrlimit(resource.RLIMIT_AS, (size, most))


if __name__ == "__main__":
    _serve()
