"""A device under test that speaks MLPerf Tiny's protocol."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from harness.board.provision import Board
from harness.errors import InfrastructureError, InputError
from harness.golden import tflm_golden
from harness.image.build import Image
from harness.image.memory_use import memory_use
from harness.image.prebuilt import ENGINE
from harness.measure.energy.meters.meter_session import Metered, MeterSession
from harness.measure.energy.meters.metering import Metering
from harness.model import tflite_file
from harness.model.folder import Model
from harness.model.mlperf_benchmarks import BENCHMARKS, benchmark_of, content_of, expected, payload
from harness.results.mlperf_record import record_of
from harness.results.record import write_record
from harness.run.link_session import with_diagnosis
from harness.run.mlperf.mlperf_client import Identity, MlperfClient
from harness.run.mlperf.mlperf_run import MlperfRun
from harness.run.mlperf.runner import Plan, Window, accuracy, measure, trial
from harness.support.progress import Progress
from harness.target.target_file import Target
from harness.workspace import Workspace


class MlperfDut:
    """A device that answers: `run` for the model's vectors."""

    def __init__(
        self,
        target: Target,
        model: Model,
        image: Image,
        board: Board,
        workspace: Workspace,
        progress: Progress,
        on_record: Callable[[Path], None],
        metering: Metering,
        plan: Plan,
    ) -> None:
        self.target = target
        self.model = model
        self.image = image
        self.board = board
        self._workspace = workspace
        self._progress = progress
        self._on_record = on_record
        self._metering = metering
        self._plan = plan
        self._network = tflite_file.parse(model.tflite, where=str(model.tflite_path))
        _check_tensors(model, len(self._network.inputs), len(self._network.outputs))
        self._client = MlperfClient(
            board.start(image),
            baud=target.port.baud,
            watch=board.check,
            locate=image.elf.locate,
        )
        try:
            self.identity = self._client.detect()
            self._greeted = len(self._client.transcript)
            self._check_identity(self.identity)
        except InfrastructureError as error:
            raise with_diagnosis(error, board) from error

    def run(self) -> MlperfRun:
        """Run the model on all its vectors, measure, record it, and return what came of it.

        Every vector is answered or an `InfrastructureError` is raised and nothing is recorded.
        Whether the answers are right is for `MlperfRun.check` to say.
        """
        try:
            run = self._run()
        except InfrastructureError as error:
            raise with_diagnosis(error, self.board) from error
        record = record_of(run, self._workspace.root)
        self._on_record(write_record(record, self._workspace.runs))
        return run

    def _run(self) -> MlperfRun:
        self.model.check(self._network)
        vectors = self.model.vectors
        answers, source = tflm_golden.of_model(
            self.model, vectors, self._workspace.golden, self._progress.say
        )
        right = expected(self.model, vectors, answers[0], self._network)
        client, retries = self._client, self._client.retries
        title = f"{self.model.name} on {self.target.name}, mlperf-tiny"
        begin = time.perf_counter()
        with self._progress.bar(title, len(vectors)) as step:
            answered = accuracy(client, map(self._payload, range(len(vectors))), right, step)
        after = len(client.transcript)
        windows, metered = self._windows()
        return MlperfRun(
            target=self.target,
            model=self.model,
            network=self._network,
            image=self.image,
            board_version=self.board.version,
            identity=self.identity,
            vectors=vectors,
            golden=answers[0],
            golden_source=source,
            expected=right,
            printed=tuple(each.values for each in answered),
            microseconds=tuple(each.microseconds for each in answered),
            windows=tuple(windows),
            retries=client.retries - retries,
            log=client.log,
            transcripts={
                "accuracy": client.transcript[:after],
                "windows": client.transcript[: self._greeted] + client.transcript[after:],
            },
            memory=memory_use(self.image.elf),
            wall=time.perf_counter() - begin,
            metered=metered,
        )

    def _windows(self) -> tuple[list[Window], Metered | None]:
        """Measure the windows, with the meter if one was asked for."""
        inputs = [(index, self._payload(index)) for index in self._firsts()]
        meter = self._metering.meter_of(self.board)
        if not inputs:
            return [], None
        if meter is not None and self.identity.mode == "performance":
            raise InfrastructureError(
                "the firmware is in performance mode: it marks no window on its pin",
                where=self.target.name,
                remedy="build it in energy mode, EE_CFG_ENERGY_MODE=1 in the reference",
            )
        self._client.load(inputs[0][1], f"vector {inputs[0][0]}")
        tried = trial(self._client, self._plan)
        title = f"windows of {self.model.name} on {self.target.name}"
        with self._progress.bar(title, len(inputs)) as step:
            if meter is None:
                return measure(self._client, inputs, self._plan, tried, self.target, step)[0], None
            session = MeterSession(meter, self._metering.note)
            with session:
                windows, spans = measure(self._client, inputs, self._plan, tried, self.target, step)
        iterations = np.array([window.iterations for window in windows])
        return windows, session.between_edges(spans, iterations)

    def _firsts(self) -> Sequence[int]:
        """Return the first vectors, each of another recording, as many as there are windows."""
        recordings = self.model.vectors.recordings
        if recordings is None:
            firsts = np.arange(len(self.model.vectors))
        else:
            firsts = np.sort(np.unique(recordings, return_index=True)[1])
        chosen: list[int] = firsts[: self._plan.windows].tolist()
        return chosen

    def _payload(self, index: int) -> bytes:
        content = content_of(self.model, self._network)
        return payload(content, self.model.vectors.inputs[index], self._network)

    def _check_identity(self, identity: Identity) -> None:
        """Refuse a device that is another build, or says that it holds another model.

        Our firmware ends the answer to `name` with its build ID.
        """
        if self.image.engine != ENGINE and not identity.name.endswith(self.image.build_id):
            raise InfrastructureError(
                f"the device runs {identity.name!r}, not build {self.image.build_id}, which was "
                "flashed",
                where=self.target.name,
                remedy="is this the right board and port, and did flashing succeed?",
            )
        benchmark = benchmark_of(self.model, self._network)
        wanted = benchmark.id if benchmark else self.model.name
        strict = (
            self.image.engine != ENGINE or benchmark is not None
        )  # others call their models as they like
        if identity.model != wanted and (strict or identity.model in BENCHMARKS):
            raise InfrastructureError(
                f"the device says that it holds {identity.model or 'no model'}, not {wanted}, "
                f"which {self.model.name} is",
                where=self.target.name,
                remedy="flash the firmware of that model, or name the model of this firmware",
            )


@contextmanager
def open_mlperf_dut(
    target: Target,
    model: Model,
    image: Image,
    board: Board,
    workspace: Workspace,
    progress: Progress,
    on_record: Callable[[Path], None],
    metering: Metering | None = None,
    *,
    plan: Plan | None = None,
) -> Iterator[MlperfDut]:
    """Start `image` on `board` and find out who is there; stop the board in the end.

    The parameters are those of `MlperfDut`; without a `plan`, it is the official one.
    """
    try:
        yield MlperfDut(
            target,
            model,
            image,
            board,
            workspace,
            progress,
            on_record,
            metering or Metering(),
            plan or Plan(),
        )
    finally:
        board.stop()


def _check_tensors(model: Model, inputs: int, outputs: int) -> None:
    if (inputs, outputs) != (1, 1):
        raise InputError(
            f"has {inputs} inputs and {outputs} outputs; MLPerf Tiny's protocol has one of each",
            where=str(model.tflite_path),
            remedy="run it with --protocol=link",
        )
