"""The golden outputs: what TFLM's reference kernels compute.

TFLite's own kernels round differently from TFLM's in places, and a microcontroller
runs TFLM's arithmetic; so the `tflite-micro` package is the only oracle here.
"""

import io
import os
import subprocess
import sys
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.graph import Graph, Tensor
from harness.tflite_file import parse

Array = np.ndarray[Any, Any]

# TFLM does not say how much memory a model needs: try, and grow on failure. With an arena that is
# too small for a large model it may also crash; memory that is not touched costs nothing, so the
# first is larger than any that a microcontroller has.
_ARENAS = tuple(1 << bits for bits in (24, 27))
_START_SECONDS = 60.0
_INFERENCE_SECONDS = 10.0


def version() -> str:
    """Return the name and version of the oracle, such as "tflite-micro 0.dev20261023"."""
    return f"tflite-micro {package_version('tflite-micro')}"


def outputs(model: bytes, inputs: Array, *, where: str = "the model") -> Array:
    """Run the `.tflite` file `model` on `inputs` and return the outputs.

    `inputs` has shape [N, *input shape] and the input's dtype; the result has shape
    [N, *output shape] and the output's dtype. Raises `InputError` if the model is not
    valid, TFLM refuses it, or the inputs do not fit it; `where` is the model's name.

    TFLM trusts its model and ends the process where a check of its own fails, so it runs
    in a process of its own.
    """
    _check(parse(model, where=where), inputs, where)
    request = io.BytesIO()
    np.savez(request, model=np.frombuffer(model, np.uint8), inputs=inputs)
    package = str(Path(__file__).parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "harness.golden"],
            input=request.getvalue(),
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            timeout=_START_SECONDS + _INFERENCE_SECONDS * len(inputs),
        )
    except subprocess.TimeoutExpired as error:
        raise _refused(where, f"no answer within {error.timeout:g} s") from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", errors="replace").splitlines()
        # Each arena that was tried repeats the same messages; the first say why.
        reasons = list(dict.fromkeys(line.strip() for line in lines if line.strip()))[:3]
        raise _refused(where, "; ".join(reasons) or f"it ended with {done.returncode}")
    return np.asarray(np.load(io.BytesIO(done.stdout), allow_pickle=False))


def compute(model: bytes, inputs: Array) -> Array:
    """Do as `outputs` does, but here and unchecked: faster, and a wrong model is fatal.

    Raises `RuntimeError` if TFLM refuses the model; it says why on standard error.
    """
    # Imported late: it costs a moment that a command that needs no golden should not pay.
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    for size in _ARENAS:
        try:
            interpreter = runtime.Interpreter.from_bytes(model, arena_size=size)
            break
        except RuntimeError:
            if size == _ARENAS[-1]:
                raise
    answers = []
    for values in inputs:
        interpreter.set_input(np.ascontiguousarray(values), 0)
        interpreter.invoke()
        answers.append(interpreter.get_output(0))
    return np.stack(answers)


def _check(graph: Graph, inputs: Array, where: str) -> None:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise InputError(
            f"has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs",
            where=where,
            remedy="convert the model with one input and one output",
        )
    source: Tensor = graph.tensors[graph.inputs[0]]
    if inputs.ndim == 0 or inputs.shape[1:] != source.shape or inputs.dtype != source.dtype:
        raise InputError(
            f"inputs have shape {inputs.shape} and type {inputs.dtype}",
            where=where,
            remedy=f"give [N, {', '.join(map(str, source.shape))}] of {source.dtype}",
        )
    if len(inputs) == 0:
        raise InputError("there are no inputs", where=where, remedy="give at least one")


def _refused(where: str, reason: str) -> InputError:
    return InputError(
        f"TFLM does not run it: {reason}", where=where, remedy="convert to full-integer int8"
    )


def _serve() -> None:
    """Answer one request: an .npz on standard input, an .npy on standard output."""
    sys.tracebacklimit = 0  # a message, not where in here it came from
    # What TFLM prints must not get into the answer.
    answer_to = os.dup(1)
    os.dup2(2, 1)
    request = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    try:
        answers = compute(request["model"].tobytes(), request["inputs"])
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    answer = io.BytesIO()
    np.save(answer, answers)
    with os.fdopen(answer_to, "wb") as file:
        file.write(answer.getvalue())


if __name__ == "__main__":
    _serve()
