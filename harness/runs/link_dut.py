"""A device under test that answers over the link."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace as replace_keys

from harness.board.board import Board
from harness.engines.prebuilt_engine import PREBUILT
from harness.image.build import Image
from harness.image.memory_use import memory_use
from harness.image.stack_paint import StackUse, stack_use
from harness.link.link_client import LinkClient
from harness.link.messages import Result, Welcome
from harness.measure.core_clock import ClockBounds, hz_of, measure_clock, with_own_clock
from harness.measure.cycles.estimate import Estimate
from harness.model.tensor_block import pack, pack_checked, unpack
from harness.runs.device_under_test import BoardUnderTest
from harness.runs.image_variants import ImageVariants
from harness.runs.input_way import InputWay
from harness.runs.layer_profile import Profile
from harness.runs.link_run import Run
from harness.runs.link_session import Session
from harness.runs.quick import Schedule
from harness.runs.request import RunRequest
from harness.runs.session_start import open_session

Array = npt.NDArray[Any]

_STACK_UNKNOWN = "the firmware does not report it, and "


class LinkDut(BoardUnderTest):
    """A device that answers over the link: `infer` for one input, `run` for the model's vectors.

    It runs `image` on `board`, which was provisioned for `request`.
    """

    def __init__(self, request: RunRequest, image: Image, board: Board) -> None:
        super().__init__(request, image, board, request.model.graph)
        self._variants = ImageVariants(request, image, board, self._replaced)
        self.welcome: Welcome
        self._recovery.start(self._begin)

    def infer(self, *inputs: Array) -> Array:
        """Return the model's first output for one vector; `inputs` has an array for each input.

        Raises `InputError` if the number of inputs is wrong, or the dtype or number of values of
        one of them.
        """
        return self.infer_all(*inputs)[0]

    def infer_all(self, *inputs: Array) -> tuple[Array, ...]:
        """Return all outputs of the model for one vector; see `infer`.

        A model with a state keeps it from call to call, until `reset` or `run`.
        """
        return unpack(self._network.output_tensors, self._opened.infer(self._packed(inputs)).output)

    def reset(self) -> None:
        """Set the state that the model keeps between inferences to its initial value."""
        self._opened.begin_recording()

    def run(self) -> Run:
        """Run the model on its vectors, as `quick` of the request says, and return the result.

        Every vector is answered, or an `InfrastructureError` is raised. `Run.check` judges the
        answers. A warm-up inference comes first and is not counted. If the board hangs and comes
        back, the run begins anew.
        """
        run = self._recovery.run(self._run, self._run_anew)
        return replace(run, recoveries=self._recovery.taken())

    def _begin(self) -> None:
        """Start the image and connect; nothing is kept of an attempt before."""
        self._session: Session | None = None
        asked = self._request.board_options.input_via
        self._way = InputWay(asked, self.target, self.image, self._request.progress)
        self._clock: ClockBounds | None = None
        self._connect()

    def _run_anew(self) -> Run:
        self._begin()
        return self._run()

    def _run(self) -> Run:
        run = self._stream(self._request.quick.schedule(self.model))
        if run.first_difference is not None:
            if self.model.export is None:
                run = self._variants.traced(run, run.first_difference.vector)
            else:
                run = replace(run, rounding=self._rounding(run.vectors))
        if self._request.profile:
            run = self._variants.with_profile(run)
        # Unicorn and capstone are slow to import; the first inference must not wait for them.
        with self._request.progress.step(f"estimating the cycles of {self.model.name}"):
            from harness.runs.cycle_estimate import estimated  # noqa: PLC0415

            return estimated(run)

    def profile(self) -> Profile:
        """Return the ticks of each layer for the model's first vector.

        Raises `InfrastructureError` if they do not add up to the measured image's ticks.
        """
        inputs = [values[0] for values in self.model.vectors.all_inputs]
        self._opened.hz = self._measured_hz(self._link)
        self._measure(inputs, "vector 0")  # to warm up
        result = self._measure(inputs, "vector 0")
        return self._variants.profile(
            unpack(self._network.output_tensors, result.output), self._ticks(result)
        )

    def estimate(self, counted: int) -> Estimate:
        """Return the cycles of the model's first vector; the device has counted `counted`.

        Raises `InfrastructureError` if a bare core executes a different number of instructions.
        """
        # A slow import, as in `run`.
        from harness.measure.cycles.inference_estimate import estimate_inference  # noqa: PLC0415

        first = [values[0] for values in self.model.vectors.all_inputs]
        inputs = pack(self._network.input_tensors, first)
        return estimate_inference(self.target, self.image, inputs, counted)

    def _stream(self, schedule: Schedule) -> Run:
        vectors, sequence = schedule.vectors, schedule.sequence
        golden, source = self._golden(vectors)
        session, link, way = self._opened, self._link, self._way
        retries = link.retries
        link.clear_log()
        session.hz = hz = self._measured_hz(link)
        results = []
        packed = [self._packed(values) for values in zip(*vectors.all_inputs, strict=True)]
        inputs = [packed[index] for index in sequence]
        meter = self._meter_session()
        batches = meter is None  # a meter needs the time of each inference
        # With cold caches; it is not one of the results.
        first = way.first(session, inputs[0], "vector 0", batches=batches)
        waited, answered = link.waited, len(link.spans)
        with (
            meter or nullcontext(),
            self._request.progress.step(self._request.streaming, len(inputs), "vectors") as step,
        ):
            begin = time.perf_counter()
            for result in way.results(session, inputs, schedule, batches=batches):
                results.append(result)
                step()
            wall = time.perf_counter() - begin
        ran, places = schedule.sorted(len(results))
        results = [results[place] for place in places]
        ticks = [self._ticks(result) for result in results]
        if self.image.heap:
            session.welcome = self.welcome = link.hello(
                self.image.build_id
            )  # now with the used size of the heap
        heap = self.welcome.arena_size if self.image.heap else 0
        stack = self._stack(max(result.stack for result in results))
        spans = link.spans[answered:]
        looks = [span.looks for span in spans if not span.disturbed]
        with self._request.progress.step(f"reading the memory use of {self.model.name}"):
            memory = memory_use(self.image.elf, heap, self.target.load)
        return Run(
            target=self.target,
            model=self.model,
            network=self._network,
            image=self.image.with_heap(heap),
            board_version=self.board.version,
            device=self.board.device,
            welcome=self.welcome,
            vectors=vectors.taken(ran),
            subset=schedule.subset(ran),
            all_golden=tuple(values[ran] for values in golden),
            golden_source=source,
            all_outputs=self._outputs(results),
            ticks=np.array(ticks, dtype=np.int64),
            stack=stack,
            stack_unavailable="" if stack else self._why_no_stack(),
            memory=memory,
            retries=link.retries - retries,
            log=(*link.log, *self.board.swo_lines()),
            looks=np.array(looks, dtype=np.int64)[places],
            input_via=way.via,
            input_choice=way.choice,
            wall=wall,
            inference=link.waited - waited,
            first=self._ticks(first),
            unmapped=session.bracket.tolerated if session.bracket else "",
            metered=meter.result(spans, self.target, self.welcome, ticks, hz) if meter else None,
            clock=self._clock,
        )

    def _why_no_stack(self) -> str:
        """Return why the stack of prebuilt firmware is not known: docs/firmware.md, Stack."""
        if self.image.stack is not None:
            return f"{_STACK_UNKNOWN}no paint is left"
        ram = self.target.memory.ram
        return (
            f"{_STACK_UNKNOWN}the stack pointer does not begin in the target's memory.ram, "
            f"{ram.origin:#010x} to {ram.end:#010x}"
        )

    def _measured_hz(self, link: LinkClient) -> float | None:
        """Return the frequency of the ticks; the first run of a board measures its clock."""
        if self._clock is None and self.target.counter.ticks == "cycles":
            with self._request.progress.step(f"measuring the clock of {self.target.name}"):
                self._clock = self._measured_clock(link)
        hz = hz_of(self.target, self._clock)
        self._request.metering.check_clock(self.target, hz)
        return hz

    def _measured_clock(self, link: LinkClient) -> ClockBounds | None:
        if self.image.engine != PREBUILT:
            return measure_clock(link.count, self.target)
        measured = measure_clock(link.count, replace_keys(self.target, clock=None))
        self.target = self._opened.target = with_own_clock(self.target, measured)
        return measured

    def _measure(self, inputs: Sequence[Array], which: str) -> Result:
        """Run a first vector and check its ticks; `InfrastructureError` if they are implausible."""
        self._opened.begin_recording()
        return self._opened.measure(self._packed(inputs), which)

    @property
    def _link(self) -> LinkClient:
        return self._opened.link

    @property
    def _opened(self) -> Session:
        """The session with the image; the board is started if there is none."""
        return self._session or self._connect()

    def _connect(self) -> Session:
        self._session = self._open(self.image)
        self._way.attach(self._session)
        self.welcome = self._session.welcome
        return self._session

    def _open(self, image: Image) -> Session:
        session = open_session(image, self.board, self.target, self._network, self._way.via)
        self.target = session.target
        return session

    def _replaced(self, image: Image) -> Session:
        """Open a session with another `image`; the measured one is started again when needed."""
        self._session = None
        return self._open(image)

    def _stack(self, used: int) -> StackUse | None:
        """Return the stack use: as the device reports it, or else from the remaining paint."""
        if self.welcome.stack_size:
            return StackUse(used, self.welcome.stack_size)
        area = self.image.stack
        return stack_use(self.board.read_memory(area.start, len(area))) if area else None

    def _packed(self, inputs: Sequence[Array]) -> bytes:
        """Return the bytes of one vector's inputs; `InputError` if they do not fit the model."""
        return pack_checked(self._network.input_tensors, inputs, self.model.name)

    def _outputs(self, results: Sequence[Result]) -> tuple[Array, ...]:
        """Return an array [N, *shape] for each output."""
        tensors = self._network.output_tensors
        answers = [unpack(tensors, result.output) for result in results]
        return tuple(np.stack(values) for values in zip(*answers, strict=True))

    def _ticks(self, result: Result) -> int:
        """Return the result's ticks in the target's unit: the counted ticks, or instructions."""
        return self._opened.ticks(result)
