"""A device under test that speaks MLPerf Tiny's protocol."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.board.board import Board
from harness.board.counted_target import as_counted
from harness.engines.prebuilt_engine import PREBUILT
from harness.errors import InfrastructureError, InputError
from harness.image.build import Image
from harness.image.memory_use import memory_use
from harness.measure.energy.meters.meter_session import Metered
from harness.model import tflite_file
from harness.model.folder import Model
from harness.model.mlperf_benchmarks import BENCHMARKS, benchmark_of, content_of, expected, payload
from harness.runs.device_under_test import BoardUnderTest
from harness.runs.diagnosis import with_diagnosis
from harness.runs.mlperf.measured_window import Window
from harness.runs.mlperf.mlperf_client import Identity, MlperfClient
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.runs.mlperf.runner import accuracy, measure, trial
from harness.runs.request import RunRequest
from harness.support.plural import count_of

Array = npt.NDArray[Any]


class MlperfDut(BoardUnderTest):
    """A device that answers over MLPerf Tiny's protocol: `run` for the model's vectors."""

    def __init__(self, request: RunRequest, image: Image, board: Board) -> None:
        model = request.model
        network = tflite_file.parse(model.tflite, where=str(model.tflite_path))
        super().__init__(request, image, board, network)
        _check_tensors(model, len(network.inputs), len(network.outputs))
        self._recovery.start(self._begin)

    def infer(self, *inputs: Array) -> Array:
        """Raise `InputError`, as `infer_all` does."""
        return self.infer_all(*inputs)[0]

    def infer_all(self, *inputs: Array) -> tuple[Array, ...]:  # noqa: ARG002 - a device's method
        """Raise `InputError`: this protocol prints results instead of a model's output bytes."""
        raise InputError(
            "the protocol mlperf-tiny does not return a model's output for one input",
            where=self.target.name,
            remedy="use dut.run(), or --protocol=link",
        )

    def reset(self) -> None:
        """Do nothing: over this protocol, each inference begins with the initial state."""

    def run(self) -> MlperfRun:
        """Run the model on all its vectors, measure the windows, and return the result.

        Every vector is answered, or an `InfrastructureError` is raised. `MlperfRun.check` judges
        the answers. If the board hangs and comes back, the run begins anew.
        """
        run = self._recovery.run(self._run, self._run_anew)
        return replace(run, recoveries=self._recovery.taken())

    def _begin(self) -> None:
        """Start the image and connect."""
        self._client = MlperfClient(
            self.board.start(self.image),
            baud=self.target.port.baud,
            watch=self.board.check,
            locate=self.image.elf.locate,
        )
        try:
            self.target = as_counted(self.target, self.board)
            self.identity = self._client.detect()
            self._detection_lines = len(self._client.transcript)
            self._check_identity(self.identity)
        except InfrastructureError as error:
            raise with_diagnosis(error, self.board) from error

    def _run_anew(self) -> MlperfRun:
        self._begin()
        return self._run()

    def _run(self) -> MlperfRun:
        try:
            return self._answered()
        except InfrastructureError as error:
            raise with_diagnosis(error, self.board) from error

    def _answered(self) -> MlperfRun:
        vectors = self.model.vectors
        if self._network.variables and not vectors.starts.all():
            raise InputError(
                "MLPerf Tiny's protocol cannot keep the model's state within a recording",
                where=str(vectors.path),
                remedy="use --protocol=link, or remove `recordings`",
            )
        golden, source = self._golden(vectors)
        printed = expected(self.model, vectors, golden[0], self._network)
        client, retries = self._client, self._client.retries
        begin = time.perf_counter()
        with self._request.progress.step(self._request.streaming, len(vectors), "vectors") as step:
            answers = accuracy(client, map(self._payload, range(len(vectors))), printed, step)
        after = len(client.transcript)
        windows, metered = self._windows()
        self.board.check()  # an emulator may know of an access that faults on a chip
        return MlperfRun(
            target=self.target,
            model=self.model,
            network=self._network,
            image=self.image,
            board_version=self.board.version,
            device=self.board.device,
            identity=self.identity,
            vectors=vectors,
            golden=golden[0],
            golden_source=source,
            expected=printed,
            printed=tuple(answer.values for answer in answers),
            microseconds=tuple(answer.microseconds for answer in answers),
            windows=tuple(windows),
            retries=client.retries - retries,
            log=(*client.log, *self.board.swo_lines()),
            transcripts={
                "accuracy": client.transcript[:after],
                "windows": client.transcript[: self._detection_lines] + client.transcript[after:],
            },
            memory=memory_use(self.image.elf, load=self.target.load),
            wall=time.perf_counter() - begin,
            metered=metered,
        )

    def _windows(self) -> tuple[list[Window], Metered | None]:
        """Measure the windows, with the meter if one was requested."""
        inputs = [(index, self._payload(index)) for index in self._window_vectors()]
        session = self._meter_session()
        if not inputs:
            return [], None
        if session is not None and self.identity.mode == "performance":
            raise InfrastructureError(
                "the firmware is in performance mode: it does not mark windows on its pin",
                where=self.target.name,
                remedy="build it in energy mode, EE_CFG_ENERGY_MODE=1 in the reference",
            )
        self._client.load(inputs[0][1], f"vector {inputs[0][0]}")
        plan = self._request.plan
        tried = trial(self._client, plan)
        title = f"measuring {self.model.name} on {self.target.name}"
        with (
            self._request.progress.step(title, len(inputs), "windows") as step,
            session or nullcontext(),
        ):
            windows, spans = measure(self._client, inputs, plan, tried, self.target, step)
        if session is None:
            return windows, None
        iterations = np.array([window.iterations for window in windows])
        return windows, session.between_edges(spans, iterations)

    def _window_vectors(self) -> Sequence[int]:
        """Return the first vectors, one for each window; of AUC, each of a different recording."""
        recordings = self.model.vectors.recordings
        if recordings is None or self.model.metric != "auc":
            firsts = np.arange(len(self.model.vectors))
        else:
            firsts = np.sort(np.unique(recordings, return_index=True)[1])
        chosen: list[int] = firsts[: self._request.plan.windows].tolist()
        return chosen

    def _payload(self, index: int) -> bytes:
        content = content_of(self.model, self._network)
        return payload(content, self.model.vectors.inputs[index], self._network)

    def _check_identity(self, identity: Identity) -> None:
        """Reject a device that runs another build, or reports another model.

        The harness's firmware ends the answer to `name` with its build ID.
        """
        if self.image.engine != PREBUILT and not identity.name.endswith(self.image.build_id):
            raise InfrastructureError(
                f"the device runs {identity.name!r}, but build {self.image.build_id} was flashed",
                where=self.target.name,
                remedy="is this the right board and port, and did flashing succeed?",
            )
        benchmark = benchmark_of(self.model, self._network)
        wanted = benchmark.id if benchmark else self.model.name
        # Prebuilt firmware may name a model that is not a benchmark as it likes.
        strict = self.image.engine != PREBUILT or benchmark is not None
        if identity.model != wanted and (strict or identity.model in BENCHMARKS):
            raise InfrastructureError(
                f"the device reports {identity.model or 'no model'}, but {self.model.name} is "
                f"{wanted}",
                where=self.target.name,
                remedy="flash firmware for this model, or name the model of this firmware",
            )


def _check_tensors(model: Model, inputs: int, outputs: int) -> None:
    if (inputs, outputs) != (1, 1):
        raise InputError(
            f"has {count_of(inputs, 'input')} and "
            f"{count_of(outputs, 'output')}; MLPerf Tiny's protocol has one of each",
            where=str(model.tflite_path),
            remedy="run it with --protocol=link",
        )
