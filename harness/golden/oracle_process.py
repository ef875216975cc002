"""Runs an interpreter in a process of its own, with limits of memory and time.

Interpreters trust the model, and a failed check of TFLM ends the process.
"""

import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from harness.errors import InfrastructureError, InputError
from harness.golden import litert_kernels, tflm_kernels
from harness.golden.interpreters import STORE_GOLDEN, Interpreter
from harness.support.owned_process import OwnedProcess

Array = np.ndarray[Any, Any]

_INTERPRETERS = {"TFLM": tflm_kernels, "LiteRT": litert_kernels}
# Exit codes of the child. Python ends with 1 after an exception that nothing caught.
_DEFECT = 1
_REJECTED = 65  # EX_DATAERR of sysexits.h
_NOT_LOADED = 69  # EX_UNAVAILABLE
_SIGNALS = 128  # exit codes above this are signals
_START_SECONDS = 60.0
_INFERENCE_SECONDS = 10.0
_MEMORY = 1 << 30  # bytes of address space, in addition to the vectors
# What to do about a rejection, by words of its reason. The first ones that fit count.
_REMEDIES = {
    "Failed to resize buffer": "make the network or its input smaller: no target has the memory",
    "needs more than": "make the network or its input smaller: no target has the memory",
    "no answer within": "make the network or its input smaller",
    "failed to invoke": "check the inputs: an index outside of a table ends an inference, too",
    "SIGABRT": "check the inputs: TFLM ends itself for some, such as equal values everywhere at a "
    "SOFTMAX of many classes",
}


def compute_in_child(
    interpreter: Interpreter,
    model: bytes,
    inputs: Sequence[Array],
    tensors: Sequence[int],
    where: str,
    starts: npt.NDArray[np.bool_] | None = None,
) -> list[Array]:
    """Return the values of `tensors`, or if it is empty the outputs, each as [N, *shape].

    A state begins anew before each vector that `starts` [N] marks; without it, before each.
    Raises `InputError` if `interpreter` rejects the model `where`, and `InfrastructureError` if
    its package cannot be loaded.
    """
    request = io.BytesIO()
    np.savez(
        request,
        model=np.frombuffer(model, np.uint8),
        tensors=np.array(tensors, np.int64),
        starts=np.ones(len(inputs[0]), np.bool_) if starts is None else starts,
        **{str(i): values for i, values in enumerate(inputs)},  # type: ignore[arg-type]
    )
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    # The unused threads of OpenBLAS count against the memory limit.
    more = {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
    # -P: Python must not take modules from the current folder.
    command = [sys.executable, "-P", "-m", "harness.golden.oracle_process", interpreter.name]
    with tempfile.TemporaryFile() as messages:
        process = OwnedProcess(command, messages, talks=True, environment=os.environ | more)
        try:
            timeout = _START_SECONDS + _INFERENCE_SECONDS * len(inputs[0])
            output = process.communicate(request.getvalue(), timeout)
        except subprocess.TimeoutExpired as error:
            reason = f"no answer within {error.timeout:g} s"
            raise _rejected(interpreter, where, reason) from error
        finally:
            process.stop()
        code = process.poll()
        if code != 0:
            messages.seek(0)
            text = messages.read().decode("utf-8", errors="replace")
            if code == _DEFECT:
                end = text.strip().rpartition("\n")[2]
                raise RuntimeError(f"golden outputs failed: {end}") from RuntimeError(text)
            reason = _reason(code or 0, text)
            if code == _NOT_LOADED:
                raise _not_loaded(interpreter.package, reason)
            raise _rejected(interpreter, where, reason)
    answer = np.load(io.BytesIO(output), allow_pickle=False)
    return [answer[str(i)] for i in range(len(answer.files))]


def _reason(code: int, messages: str) -> str:
    """Return why the process failed: its messages, and the signal that ended it, if any."""
    lines = messages.splitlines()
    # TFLM repeats its messages for each arena; the first ones give the reason. LiteRT reports
    # what it uses, too.
    reasons = [line.strip() for line in lines if line.strip() and not line.startswith("INFO:")]
    reasons = list(dict.fromkeys(reasons))[:3]
    if code > _SIGNALS:
        reasons.append(f"it crashed with {signal.Signals(code - _SIGNALS).name}")
    return "; ".join(reasons) or f"it ended with exit code {code}"


def _not_loaded(package: str, reason: str) -> InfrastructureError:
    return InfrastructureError(
        f"{package} cannot be loaded: {reason}",
        remedy=f"install it again: pip install --force-reinstall {package}; or {STORE_GOLDEN}",
    )


def _rejected(interpreter: Interpreter, where: str, reason: str) -> InputError:
    fitting = (remedy for words, remedy in _REMEDIES.items() if words in reason)
    return InputError(
        f"{interpreter.name} cannot run it: {reason}",
        where=where,
        remedy=next(fitting, "convert to full-integer int8"),
    )


def _serve(interpreter: str) -> None:
    """Answer one request: read an .npz from standard input, write one to standard output."""
    # The interpreter's own output must not get into the answer.
    answer_to = os.dup(1)
    os.dup2(2, 1)
    data = sys.stdin.buffer.read()
    _limit_memory(_MEMORY + 4 * len(data))
    request = np.load(io.BytesIO(data), allow_pickle=False)
    inputs = [request[str(i)] for i in range(len(request.files) - 3)]
    kernels = _INTERPRETERS[interpreter]
    try:
        kernels.load()
    except (ImportError, OSError) as error:  # OSError: a library that the system lacks
        _end(_NOT_LOADED, str(error))
    answer = io.BytesIO()
    try:
        results = kernels.compute(
            request["model"].tobytes(),
            inputs,
            request["tensors"].tolist(),
            request["starts"].tolist(),
        )
        np.savez(answer, **{str(i): values for i, values in enumerate(results)})
    except (RuntimeError, ValueError, InputError) as error:
        _end(_REJECTED, str(error))
    except MemoryError:
        _end(_REJECTED, f"it needs more than {_MEMORY >> 30} GiB of memory")
    with os.fdopen(answer_to, "wb") as file:
        file.write(answer.getvalue())


def _end(code: int, reason: str) -> NoReturn:
    print(reason, file=sys.stderr)
    sys.exit(code)


def _limit_memory(size: int) -> None:
    """Limit this process to `size` bytes: an interpreter trusts every length in a file.

    macOS refuses a limit below what a process has reserved, and does not enforce a higher one.
    There, only the time is limited.
    """
    if sys.platform == "darwin":
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or size < hard:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))


if __name__ == "__main__":
    _serve(sys.argv[1])
