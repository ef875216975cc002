"""A conversion in a process of its own, which has TensorFlow: one question, one answer."""

import os
import select
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from harness.errors import InfrastructureError
from harness.intake.convert import tensorflow_worker
from harness.intake.convert.long_command import last_lines
from harness.intake.convert.refusals import refusal
from harness.support.owned_process import OwnedProcess

Array = npt.NDArray[Any]

_DEADLINE = 1800.0  # seconds for each step
_LONGEST = 1 << 24  # bytes of an answer


class _Answer(msgspec.Struct, frozen=True):
    tensorflow: str = ""
    keras: str = ""
    inputs: tuple[str, ...] = ()
    layers: dict[str, tuple[float, float]] = {}
    refused: str = ""
    text: str = ""


class Conversion:
    """Converts the Keras model or SavedModel at `path` with the Python at `python`.

    It was made of `source`, the user's file, or is that itself. What the converter says about a
    model that it refuses is kept in the folder `logs`.

    The steps are `load`, perhaps `unroll`, `quantize` and `compare`, in this order. Each raises
    `InputError` if the model cannot be converted, `InfrastructureError` if TensorFlow fails.
    """

    def __init__(self, python: Path, path: Path, source: Path, logs: Path) -> None:
        self._python = python
        self._source = source
        self._kept = logs / f"convert-{source.name}.log"
        self._folder = Path(tempfile.mkdtemp(prefix="harness-convert-"))
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        command = [str(python), "-I", tensorflow_worker.__file__, str(path.resolve())]
        self._process = OwnedProcess(
            [*command, str(self._folder)], self._log, talks=True, scratch=self._folder
        )
        self.versions = ""
        """What converts: TensorFlow and Keras with their versions, after `load`."""
        self.inputs: tuple[str, ...] = ()
        """The names of the model's inputs in the order of its author, after `load`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.stop()
        self._log.close()

    def load(self) -> bytes:
        """Load the model; return the float network as a `.tflite` file with batch 1."""
        answer = self._ask("load")
        self.versions = f"TensorFlow {answer.tensorflow}, Keras {answer.keras}"
        self.inputs = answer.inputs
        return (self._folder / "float.tflite").read_bytes()

    def unroll(self) -> None:
        """Unroll every recurrent layer of the Keras model, before `quantize`."""
        self._ask("unroll")

    def quantize(self, calibration: Sequence[Array]) -> bytes:
        """Return the int8 network; `calibration` has real values [N, *shape] for each input."""
        np.savez(self._folder / "calibration.npz", *calibration)
        self._ask("quantize")
        return (self._folder / "int8.tflite").read_bytes()

    def compare(self, inputs: Sequence[Array]) -> tuple[list[Array], dict[str, float]]:
        """Return the float network's outputs for `inputs`, and the error of each int8 tensor.

        `inputs` are like those of `quantize`. An error is that of the int8 tensor against the
        float one of the same name: the root mean square, relative to that of its values.
        """
        np.savez(self._folder / "inputs.npz", *inputs)
        answer = self._ask("compare")
        errors = {
            name: (error / value) ** 0.5
            for name, (error, value) in answer.layers.items()
            if value > 0
        }
        with np.load(self._folder / "outputs.npz", allow_pickle=False) as archive:
            return [archive[name] for name in archive.files], errors

    def _ask(self, step: str) -> _Answer:
        try:
            self._process.stdin.write(f"{step}\n".encode())
        except BrokenPipeError:
            raise self._ended() from None
        answer = msgspec.json.decode(self._line(step), type=_Answer)
        if answer.refused:
            raise refusal(answer.refused, answer.text, self._source, self._kept)
        return answer

    def _line(self, step: str) -> bytes:
        """Return the next line of the process."""
        end = time.monotonic() + _DEADLINE
        line = b""
        descriptor = self._process.stdout.fileno()
        while not line.endswith(b"\n"):
            wait = max(0.0, end - time.monotonic())
            if not select.select([descriptor], [], [], wait)[0]:
                raise InfrastructureError(
                    f"did not {step} {self._source.name} within {_DEADLINE:g} s",
                    where=str(self._python),
                    remedy="give fewer inputs, or convert the model by hand: docs/models.md",
                )
            more = os.read(descriptor, 1 << 16)
            if not more or len(line) > _LONGEST:
                raise self._ended()
            line += more
        return line

    def _ended(self) -> InfrastructureError:
        """Return the error for a process that ended without an answer."""
        self._process.wait(1)
        lines = last_lines(self._log.fileno())
        said = lines[-1] if lines else f"exit code {self._process.poll()}"
        return InfrastructureError(
            f"TensorFlow failed on {self._source.name}: {said}",
            where=str(self._python),
            remedy="convert the model by hand (docs/models.md), and give the .tflite file",
        )
