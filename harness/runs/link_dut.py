"""A device under test that answers over the link."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.board.board import Board, Bracket
from harness.errors import HarnessError, InfrastructureError, InputError
from harness.image.build import Image, Variant, build_image
from harness.image.memory_use import memory_use
from harness.image.stack_paint import StackUse, stack_use
from harness.link.link_client import LinkClient
from harness.link.messages import Result, Welcome
from harness.measure.core_clock import ClockBounds, check_waited, hz_of, measure_clock
from harness.measure.counter import check_instructions, check_ticks
from harness.measure.cycles.estimate import Estimate
from harness.measure.instructions import instructions
from harness.model.tensor_block import pack, unpack
from harness.model.vectors import Vectors
from harness.runs.device_under_test import BoardUnderTest
from harness.runs.divergence import first_difference
from harness.runs.layer_profile import Profile, profile_of
from harness.runs.link_run import Run
from harness.runs.link_session import open_session, with_diagnosis
from harness.runs.request import RunRequest

Array = npt.NDArray[Any]

_STACK_UNKNOWN = "the firmware does not report it, and RAM was not painted or no paint is left"


class LinkDut(BoardUnderTest):
    """A device that answers over the link: `infer` for one input, `run` for the model's vectors.

    It runs `image` on `board`, which was provisioned for `request`.
    """

    def __init__(self, request: RunRequest, image: Image, board: Board) -> None:
        super().__init__(request, image, board, request.model.graph)
        self._session: LinkClient | None = None
        self._bracket: Bracket | None = None  # what the board knows of the last inference
        self._clock: ClockBounds | None = None
        self.welcome: Welcome
        self._connect()

    def infer(self, *inputs: Array) -> Array:
        """Return the model's first output for one vector; `inputs` has an array for each input.

        Raises `InputError` if the number of inputs is wrong, or the dtype or number of values of
        one of them.
        """
        return self.infer_all(*inputs)[0]

    def infer_all(self, *inputs: Array) -> tuple[Array, ...]:
        """Return all outputs of the model for one vector; see `infer`."""
        return unpack(self._network.output_tensors, self._infer(inputs).output)

    def run(self) -> Run:
        """Run the model on all its vectors and return the result.

        Every vector is answered, or an `InfrastructureError` is raised. `Run.check` judges the
        answers. A warm-up inference comes first and is not counted.
        """
        run = self._stream(self.model.vectors)
        if run.first_difference is not None and self.model.export is None:
            run = self._traced(run, run.first_difference.vector)
        if self._request.profile:
            run = self._with_profile(run)
        # Unicorn and capstone are slow to import; the first inference must not wait for them.
        with self._request.progress.step(f"estimating the cycles of {self.model.name}"):
            from harness.runs.cycle_estimate import estimated  # noqa: PLC0415

            return estimated(run)

    def profile(self) -> Profile:
        """Return the ticks of each layer for the model's first vector.

        Raises `InfrastructureError` if they do not add up to the measured image's ticks.
        """
        inputs = [values[0] for values in self.model.vectors.all_inputs]
        self._measure(inputs, "vector 0")  # to warm up
        result = self._measure(inputs, "vector 0")
        return self._profiled(
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

    def _stream(self, vectors: Vectors) -> Run:
        expected, source = self._golden()
        link = self._link
        retries = link.retries
        link.clear_log()
        hz = self._measured_hz(link)
        results = []
        # With cold caches; it is not one of the results.
        first = self._measure([values[0] for values in vectors.all_inputs], "vector 0")
        waited, answered = link.waited, len(link.spans)
        session = self._meter_session()
        with (
            session or nullcontext(),
            self._request.progress.step(self._request.streaming, len(vectors), "vectors") as step,
        ):
            begin = time.perf_counter()
            for index, inputs in enumerate(zip(*vectors.all_inputs, strict=True)):
                results.append(self._measure(inputs, f"vector {index}"))
                step()
            wall = time.perf_counter() - begin
        ticks = [self._ticks(result) for result in results]
        if self.image.heap:
            self.welcome = link.hello(self.image.build_id)  # now with the used size of the heap
        heap = self.welcome.arena_size if self.image.heap else 0
        stack = self._stack(max(result.stack for result in results))
        spans = link.spans[answered:]
        with self._request.progress.step(f"reading the memory use of {self.model.name}"):
            memory = memory_use(self.image.elf, heap, self.target.load)
        return Run(
            target=self.target,
            model=self.model,
            network=self._network,
            image=self.image.with_heap(heap),
            board_version=self.board.version,
            welcome=self.welcome,
            vectors=vectors,
            all_golden=expected,
            golden_source=source,
            all_outputs=self._outputs(results),
            ticks=np.array(ticks, dtype=np.int64),
            stack=stack,
            stack_unavailable="" if stack else _STACK_UNKNOWN,
            memory=memory,
            retries=link.retries - retries,
            log=tuple(link.log),
            looks=np.array([span.looks for span in spans if not span.disturbed], dtype=np.int64),
            input_via=self._request.board_options.input_via,
            wall=wall,
            inference=link.waited - waited,
            first=self._ticks(first),
            unmapped=self._bracket.tolerated if self._bracket else "",
            metered=(
                session.result(spans, self.target, self.welcome, ticks, hz) if session else None
            ),
            clock=self._clock,
        )

    def _measured_hz(self, link: LinkClient) -> float | None:
        """Return the frequency of the ticks; the first run of a board measures its clock."""
        if self._clock is None and self.target.counter.ticks == "cycles":
            with self._request.progress.step(f"measuring the clock of {self.target.name}"):
                self._clock = measure_clock(link.count, self.target)
        hz = hz_of(self.target, self._clock)
        self._request.metering.check_clock(self.target, hz)
        return hz

    def _measure(self, inputs: Sequence[Array], which: str) -> Result:
        """Run one inference and check its ticks; `InfrastructureError` if they are implausible."""
        link = self._link
        waited = link.waited
        result = self._infer(inputs, which)
        where = f"{self.target.name}: {which}"
        check_ticks(result, self.welcome, where)
        if self._bracket is not None:
            result = replace(result, ticks=result.ticks - self._bracket.surplus)
            check_instructions(self._ticks(result), self.welcome, self._bracket, where)
        check_waited(result.ticks, link.waited - waited, self.target)
        return result

    @property
    def _link(self) -> LinkClient:
        """Return the session with the image; start the board if there is none."""
        return self._session or self._connect()

    def _connect(self) -> LinkClient:
        self._session, self.welcome = self._open(self.image)
        return self._session

    def _open(self, image: Image) -> tuple[LinkClient, Welcome]:
        return open_session(
            image, self.board, self.target, self._network, self._request.board_options.input_via
        )

    def _traced(self, run: Run, vector: int) -> Run:
        """Return `run` with the first wrong layer for `vector`, or why it is not known."""
        try:
            with (
                self._request.progress.step(f"tracing the layers of {self.model.name}"),
                self._variant("traced") as (link, _, _),
            ):
                self._request.progress.say(f"looking for the first wrong layer of vector {vector}")
                divergence = first_difference(
                    link,
                    self.model,
                    self._network,
                    vector,
                    [values[vector] for values in run.vectors.all_inputs],
                    [values[vector] for values in run.all_outputs],
                )
        except HarnessError as error:
            return replace(run, divergence_unavailable=str(error).replace("\n  ->", ";"))
        return replace(run, divergence=divergence)

    def _with_profile(self, run: Run) -> Run:
        """Return `run` with the ticks of each layer for vector 0, or why they are not known."""
        answer = [values[0] for values in run.all_outputs]
        try:
            return replace(run, profile=self._profiled(answer, int(run.ticks[0])))
        except HarnessError as error:  # the measurements of the run are still valid
            return replace(run, profile_unavailable=str(error).replace("\n  ->", ";"))

    def _profiled(self, answer: Sequence[Array], measured: int) -> Profile:
        """Return the profile of vector 0; `answer` and `measured` are its outputs and ticks."""
        with (
            self._request.progress.step(f"profiling the layers of {self.model.name}"),
            self._variant("profiled") as (link, welcome, image),
        ):
            inputs = [values[0] for values in self.model.vectors.all_inputs]
            return profile_of(
                link, welcome, image, self._network, self.target, inputs, answer, measured
            )

    @contextmanager
    def _variant(self, variant: Variant) -> Iterator[tuple[LinkClient, Welcome, Image]]:
        """Open a session with another variant of the image.

        It replaces the measured image on the board until that is needed again.
        """
        maker = self.image.maker
        if maker is None:
            raise InputError("this is prebuilt firmware: its layers are not known")
        self._session = None
        try:
            image = build_image(
                self.target,
                self.model,
                maker,
                self._request.workspace.images,
                self._request.progress.say,
                self.image.toolchain,
                variant=variant,
                warn=self._request.progress.warn,
            )
            yield (*self._open(image), image)
        finally:
            self.board.stop()

    def _stack(self, used: int) -> StackUse | None:
        """Return the stack use: as the device reports it, or else from the remaining paint."""
        if self.welcome.stack_size:
            return StackUse(used, self.welcome.stack_size)
        area = self.image.stack
        return stack_use(self.board.read_memory(area.start, len(area))) if area else None

    def _infer(self, inputs: Sequence[Array], which: str = "") -> Result:
        tensors = self._network.input_tensors
        if len(inputs) != len(tensors):
            raise InputError(
                f"the model takes {len(tensors)} inputs, not {len(inputs)}", where=self.model.name
            )
        for index, (values, tensor) in enumerate(zip(inputs, tensors, strict=True)):
            if values.dtype != tensor.dtype or values.size != tensor.elements:
                raise InputError(
                    f"the model takes {tensor.elements} {tensor.dtype} values, "
                    f"not {values.size} of {values.dtype}",
                    where=f"{self.model.name}: input {index}"
                    if len(tensors) > 1
                    else self.model.name,
                )
        try:
            result = self._link.infer(pack(tensors, inputs))
            self._bracket = self.board.bracket()
        except InfrastructureError as error:
            raise with_diagnosis(error, self.board, which) from error
        return result

    def _outputs(self, results: Sequence[Result]) -> tuple[Array, ...]:
        """Return an array [N, *shape] for each output."""
        tensors = self._network.output_tensors
        answers = [unpack(tensors, result.output) for result in results]
        return tuple(np.stack(values) for values in zip(*answers, strict=True))

    def _ticks(self, result: Result) -> int:
        """Return the result's ticks in the target's unit: the counted ticks, or instructions."""
        overhead = self.welcome.counter_overhead
        return instructions(result.ticks, overhead, self.target.instruction_ticks)
