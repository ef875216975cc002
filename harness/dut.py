"""The device under test: a board that runs an image, in a session over the link."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import golden, tflite_file
from harness.block import pack, size, unpack
from harness.board import Board
from harness.board.reach import Feed
from harness.engines import find_engine
from harness.errors import HarnessError, InfrastructureError, InputError
from harness.graph import Graph
from harness.image import Image, build_image
from harness.link.client import LinkClient
from harness.link.errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceStoppedError,
)
from harness.link.messages import Result, Welcome
from harness.measure.instructions import instructions
from harness.model import Model
from harness.progress import Progress
from harness.results.record import record_of, write_record
from harness.run import Run
from harness.target import Target
from harness.trace import first_difference
from harness.vectors import Vectors
from harness.workspace import Workspace

Array = npt.NDArray[Any]

# What the link may take, several times what it does: to receive a byte takes about 80.
_LINK_INSTRUCTIONS = 100_000
_LINK_INSTRUCTIONS_PER_BYTE = 500

_SAID = (DeviceFaultError, DeviceRefusedError, DeviceRestartedError, DeviceStoppedError)
"""Errors that say what happened to the device; there is nothing to find out."""


class Dut:
    """A device that answers: `infer` for one input, `run` for the model's vectors."""

    def __init__(
        self,
        target: Target,
        model: Model,
        image: Image,
        board: Board,
        workspace: Workspace,
        progress: Progress,
        on_record: Callable[[Path], None],
        feed: Feed,
    ) -> None:
        self.target = target
        self.model = model
        self.image = image
        self.board = board
        self._on_record = on_record
        self._feed = feed
        self._workspace = workspace
        self._progress = progress
        self._network = tflite_file.parse(model.tflite, where=str(model.tflite_path))
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
        """Run the model on all its vectors, record it, and return what came of it.

        Every vector is answered or an `InfrastructureError` is raised and nothing is
        recorded. Whether the answers are right is for `Run.check` to say.
        """
        run = self._stream(self.model.vectors)
        if run.first_difference is not None:
            run = self._traced(run, run.first_difference.vector)
        from harness.measure.cycles.inference import estimated  # noqa: PLC0415 - Unicorn takes time

        run = estimated(run)
        record = record_of(run, self._workspace.root)
        self._on_record(write_record(record, self._workspace.runs))
        return run

    def _stream(self, vectors: Vectors) -> Run:
        self.model.check(self._network)
        expected, source = golden.of_model(
            self.model, vectors, self._workspace.golden, self._progress.say
        )
        link = self._link
        retries, logged = link.retries, len(link.log)
        results = []
        begin = time.perf_counter()
        waited = link.waited
        executed = self.board.executed()
        with self._progress.bar(f"{self.model.name} on {self.target.name}", len(vectors)) as step:
            for index, inputs in enumerate(zip(*vectors.all_inputs, strict=True)):
                results.append(self._infer(inputs, f"vector {index}"))
                if index == 0 and executed is not None:
                    self._check_counter(results[0], (self.board.executed() or 0) - executed)
                step()
        wall = time.perf_counter() - begin
        return Run(
            target=self.target,
            model=self.model,
            network=self._network,
            image=self.image,
            board_version=self.board.version,
            welcome=self.welcome,
            vectors=vectors,
            all_golden=expected,
            golden_source=source,
            all_outputs=self._outputs(results),
            ticks=np.array([self._ticks(result) for result in results], dtype=np.uint32),
            stack=max(result.stack for result in results),
            retries=link.retries - retries,
            log=tuple(link.log[logged:]),
            feed=self._feed,
            wall=wall,
            inference=link.waited - waited,
        )

    @property
    def _link(self) -> LinkClient:
        """Return the session with the image; the board is started where there is none."""
        return self._session or self._connect()

    def _connect(self) -> LinkClient:
        self._session, self.welcome = self._open(self.image)
        _check_sizes(self._network, self.welcome, self.target.name)
        if self._feed == "debug":
            _check_address(self.target, self.welcome)
        return self._session

    def _open(self, image: Image) -> tuple[LinkClient, Welcome]:
        """Start `image` on the board and say HELLO to it."""
        link = LinkClient(
            self.board.start(image),
            baud=self.target.port.baud,
            locate=image.elf.locate,
            watch=self.board.check,
            write=self.board.write_memory if self._feed == "debug" else None,
        )
        try:
            return link, link.hello(image.build_id)
        except InfrastructureError as error:
            raise _with_diagnosis(error, self.board) from error

    def _traced(self, run: Run, vector: int) -> Run:
        """Return `run` with the first layer in which `vector` goes wrong, or why none is known.

        The traced image takes the place of the measured one until that is needed again.
        """
        self._session = None
        try:
            traced = build_image(
                self.target,
                self.model,
                find_engine(self.image.engine),
                self._workspace.images,
                self._progress.say,
                self.image.toolchain,
                traced=True,
            )
            self._progress.say(f"looking for the layer in which vector {vector} goes wrong")
            link, welcome = self._open(traced)
            _check_sizes(self._network, welcome, self.target.name)
            found = first_difference(
                link,
                self.model,
                self._network,
                vector,
                [values[vector] for values in run.vectors.all_inputs],
                [values[vector] for values in run.all_outputs],
            )
        except HarnessError as error:
            return replace(run, untraced=str(error).replace("\n  ->", ";"))
        finally:
            self.board.stop()
        return replace(run, divergence=found)

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
            raise _with_diagnosis(error, self.board, which) from error

    def _check_counter(self, result: Result, executed: int) -> None:
        """Make sure that ticks are instructions, if `executed` were since before the input.

        Apart from the inference, the firmware has received, checked and sent bytes.
        """
        sent = self.welcome.input_size + self.welcome.output_size
        link = _LINK_INSTRUCTIONS + _LINK_INSTRUCTIONS_PER_BYTE * sent
        if result.ticks <= executed <= 2 * result.ticks + link:
            return
        raise InfrastructureError(
            f"the counter {self.welcome.counter!r} counted {result.ticks:,} during an inference, "
            f"and the core executed {executed:,} instructions from before its input came until "
            "after its output went",
            where=self.target.name,
            remedy='make a tick an instruction on this platform: docs/renode.md, "Counting"',
        )

    def _outputs(self, results: Sequence[Result]) -> tuple[Array, ...]:
        """Return an array [N, *shape] for each output."""
        tensors = self._network.output_tensors
        answers = [unpack(tensors, result.output) for result in results]
        return tuple(np.stack(values) for values in zip(*answers, strict=True))

    def _ticks(self, result: Result) -> int:
        """Return the result's ticks in the target's unit: what was counted, or instructions."""
        overhead = self.welcome.counter_overhead
        return instructions(result.ticks, overhead, self.target.instruction_ticks)


@contextmanager
def open_dut(
    target: Target,
    model: Model,
    image: Image,
    board: Board,
    workspace: Workspace,
    progress: Progress,
    on_record: Callable[[Path], None],
    feed: Feed = "serial",
) -> Iterator[Dut]:
    """Start `image` on `board` and open a session; stop the board in the end.

    `on_record` is told the file of every record that is written. With `feed` "debug", the
    board must have been provisioned for it: see `Reach`.
    """
    try:
        yield Dut(target, model, image, board, workspace, progress, on_record, feed)
    finally:
        board.stop()


def _check_sizes(network: Graph, welcome: Welcome, where: str) -> None:
    sizes = (size(network.input_tensors), size(network.output_tensors))
    if sizes != (welcome.input_size, welcome.output_size):
        raise InfrastructureError(
            f"the device's tensors have {welcome.input_size} and {welcome.output_size} bytes, "
            f"the model's {sizes[0]} and {sizes[1]}",
            where=where,
        )


def _check_address(target: Target, welcome: Welcome) -> None:
    """Check that nothing but RAM is written to, whatever the device says."""
    begin, end = welcome.input_address, welcome.input_address + welcome.input_size
    ram = target.memory.ram
    if begin < ram.origin or end > ram.end:
        raise InfrastructureError(
            f"the device's input is at {begin:#010x} to {end:#010x}, outside the target's RAM, "
            f"{ram.origin:#010x} to {ram.end:#010x}",
            where=f"{target.path}: memory.ram",
            remedy="use --feed=serial, or correct the memory map",
        )


def _with_diagnosis(
    error: InfrastructureError, board: Board, which: str = ""
) -> InfrastructureError:
    """Add what the board has to say, and `which` vector it was; the type stays what it was."""
    diagnosis = "" if isinstance(error, _SAID) else board.diagnosis()
    what = "\n".join(filter(None, [error.what, diagnosis]))
    where = ": ".join(filter(None, [error.where, which]))
    return type(error)(what, where=where, remedy=error.remedy)
