"""The device under test: a board that runs an image, in a session over the link."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.board.board import Board
from harness.errors import HarnessError, InfrastructureError, InputError
from harness.golden import tflm_golden
from harness.image.build import Image, Variant, build_image
from harness.image.memory_use import memory_use
from harness.image.stack_paint import StackUse, stack_use
from harness.link.link_client import LinkClient
from harness.link.messages import Result, Welcome
from harness.measure.counter import check_clock, check_executed, check_ticks
from harness.measure.cycles.estimate import Estimate
from harness.measure.energy.meters.meter_session import MeterSession
from harness.measure.instructions import instructions
from harness.model.tensor_block import pack, unpack
from harness.model.vectors import Vectors
from harness.runs.divergence import first_difference
from harness.runs.layer_profile import Profile, profile_of
from harness.runs.link_run import Run
from harness.runs.link_session import open_session, with_diagnosis
from harness.runs.request import RunRequest

Array = npt.NDArray[Any]

_UNSEEN = "the firmware does not tell, and RAM was not painted, or no paint is left of it"


class LinkDut:
    """A device that answers over the link: `infer` for one input, `run` for the model's vectors.

    It runs `image` on `board`, which was provisioned for `request`.
    """

    def __init__(self, request: RunRequest, image: Image, board: Board) -> None:
        self.target = request.target
        self.model = request.model
        self.image = image
        self.board = board
        self._request = request
        self._network = request.model.graph
        self._session: LinkClient | None = None
        self.welcome: Welcome
        self._connect()

    def infer(self, *inputs: Array) -> Array:
        """Return the model's output for one vector: an array for each of the model's inputs.

        Of a model with several outputs it is the first. Raises `InputError` if there are more
        or fewer inputs, or one has another dtype or number of values.
        """
        return self.infer_all(*inputs)[0]

    def infer_all(self, *inputs: Array) -> tuple[Array, ...]:
        """Return all outputs of the model for one vector, as `infer` does the first."""
        return unpack(self._network.output_tensors, self._infer(inputs).output)

    def run(self) -> Run:
        """Run the model on all its vectors and return the result.

        Every vector is answered, or an `InfrastructureError` is raised. `Run.check` judges the
        answers. One inference comes first to warm the device up; it is not counted.
        """
        run = self._stream(self.model.vectors)
        if run.first_difference is not None and self.model.export is None:
            run = self._traced(run, run.first_difference.vector)
        if self._request.profile:
            run = self._with_profile(run)
        # Unicorn and capstone load slowly; the first inference must not wait for them.
        from harness.runs.cycle_estimate import estimated  # noqa: PLC0415

        return estimated(run)

    def profile(self) -> Profile:
        """Return the ticks of each layer for the model's first vector.

        Raises `InfrastructureError` if they do not add up to what the measured image takes.
        """
        inputs = [values[0] for values in self.model.vectors.all_inputs]
        self._measure(inputs, "vector 0")  # to warm up
        result = self._measure(inputs, "vector 0")
        return self._profiled(
            unpack(self._network.output_tensors, result.output), self._ticks(result)
        )

    def estimate(self, counted: int) -> Estimate:
        """Return the cycles of the model's first vector, for which the device counted `counted`.

        Raises `InfrastructureError` if a bare core executes another number of instructions.
        """
        # Start-up, as in `run`.
        from harness.measure.cycles.inference_estimate import estimate_inference  # noqa: PLC0415

        first = [values[0] for values in self.model.vectors.all_inputs]
        inputs = pack(self._network.input_tensors, first)
        return estimate_inference(self.target, self.image, inputs, counted)

    def _stream(self, vectors: Vectors) -> Run:
        self.model.check(self._network)
        expected, source = tflm_golden.of_model(
            self.model, vectors, self._request.workspace.golden, self._request.progress.say
        )
        link = self._link
        retries, logged = link.retries, len(link.log)
        results = []
        first = self._warm_up([values[0] for values in vectors.all_inputs])
        waited, answered = link.waited, len(link.spans)
        meter = self._request.metering.meter_of(self.board)
        session = MeterSession(meter, self._request.metering.note) if meter else None
        with (
            session or nullcontext(),
            self._request.progress.bar(self._request.title, len(vectors)) as step,
        ):
            begin = time.perf_counter()
            for index, inputs in enumerate(zip(*vectors.all_inputs, strict=True)):
                results.append(self._measure(inputs, f"vector {index}"))
                step()
            wall = time.perf_counter() - begin
        ticks = [self._ticks(result) for result in results]
        if self.image.heap:
            self.welcome = link.hello(self.image.build_id)  # how much of it was used is known now
        heap = self.welcome.arena_size if self.image.heap else 0
        stack = self._stack(max(result.stack for result in results))
        spans = link.spans[answered:]
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
            ticks=np.array(ticks, dtype=np.uint32),
            stack=stack,
            stack_unavailable="" if stack else _UNSEEN,
            memory=memory_use(self.image.elf, heap),
            retries=link.retries - retries,
            log=tuple(link.log[logged:]),
            input_via=self._request.board_options.input_via,
            wall=wall,
            inference=link.waited - waited,
            first=self._ticks(first),
            metered=session.result(spans, self.target, self.welcome, ticks) if session else None,
        )

    def _warm_up(self, inputs: Sequence[Array]) -> Result:
        """Measure vector 0 before the others: with cold caches, and to look at the counter."""
        executed = self.board.executed()
        result = self._measure(inputs, "vector 0")
        if executed is not None:
            now = self.board.executed() or 0
            check_executed(result, self.welcome, now - executed, self.target.name)
        return result

    def _measure(self, inputs: Sequence[Array], which: str) -> Result:
        """Run one inference whose ticks are sound, or raise `InfrastructureError`."""
        link = self._link
        waited = link.waited
        result = self._infer(inputs, which)
        check_ticks(result, self.welcome, f"{self.target.name}: {which}")
        check_clock(result.ticks, link.waited - waited, self.target)
        return result

    @property
    def _link(self) -> LinkClient:
        """Return the session with the image; the board is started where there is none."""
        return self._session or self._connect()

    def _connect(self) -> LinkClient:
        self._session, self.welcome = self._open(self.image)
        return self._session

    def _open(self, image: Image) -> tuple[LinkClient, Welcome]:
        return open_session(
            image, self.board, self.target, self._network, self._request.board_options.input_via
        )

    def _traced(self, run: Run, vector: int) -> Run:
        """Return `run` with the first layer in which `vector` goes wrong, or why none is known."""
        try:
            with self._variant("traced") as (link, _, _):
                self._request.progress.say(
                    f"looking for the layer in which vector {vector} goes wrong"
                )
                found = first_difference(
                    link,
                    self.model,
                    self._network,
                    vector,
                    [values[vector] for values in run.vectors.all_inputs],
                    [values[vector] for values in run.all_outputs],
                )
        except HarnessError as error:
            return replace(run, divergence_unavailable=str(error).replace("\n  ->", ";"))
        return replace(run, divergence=found)

    def _with_profile(self, run: Run) -> Run:
        """Return `run` with the ticks of the layers for vector 0, or why they are not known."""
        answer = [values[0] for values in run.all_outputs]
        try:
            return replace(run, profile=self._profiled(answer, int(run.ticks[0])))
        except HarnessError as error:  # what was measured is no worse for it
            return replace(run, profile_unavailable=str(error).replace("\n  ->", ";"))

    def _profiled(self, answer: Sequence[Array], measured: int) -> Profile:
        """Return where the ticks of vector 0 go, to which `answer` and `measured` belong."""
        with self._variant("profiled") as (link, welcome, image):
            inputs = [values[0] for values in self.model.vectors.all_inputs]
            return profile_of(
                link, welcome, image, self._network, self.target, inputs, answer, measured
            )

    @contextmanager
    def _variant(self, variant: Variant) -> Iterator[tuple[LinkClient, Welcome, Image]]:
        """Open a session with another image of the model.

        It takes the place of the measured one until that is needed again.
        """
        maker = self.image.maker
        if maker is None:
            raise InputError("the firmware was not built here: its layers are not known")
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
            )
            yield (*self._open(image), image)
        finally:
            self.board.stop()

    def _stack(self, used: int) -> StackUse | None:
        """Return the use of the stack: what the device says, else what is left of the paint."""
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
        for place, (values, tensor) in enumerate(zip(inputs, tensors, strict=True)):
            if values.dtype != tensor.dtype or values.size != tensor.elements:
                raise InputError(
                    f"the model takes {tensor.elements} {tensor.dtype} values, "
                    f"not {values.size} of {values.dtype}",
                    where=f"{self.model.name}: input {place}"
                    if len(tensors) > 1
                    else self.model.name,
                )
        try:
            return self._link.infer(pack(tensors, inputs))
        except InfrastructureError as error:
            raise with_diagnosis(error, self.board, which) from error

    def _outputs(self, results: Sequence[Result]) -> tuple[Array, ...]:
        """Return an array [N, *shape] for each output."""
        tensors = self._network.output_tensors
        answers = [unpack(tensors, result.output) for result in results]
        return tuple(np.stack(values) for values in zip(*answers, strict=True))

    def _ticks(self, result: Result) -> int:
        """Return the result's ticks in the target's unit: what was counted, or instructions."""
        overhead = self.welcome.counter_overhead
        return instructions(result.ticks, overhead, self.target.instruction_ticks)
