"""A session: an image that runs on a board and is connected over the link."""

from collections.abc import Callable, Sequence

from harness.board.board import Board, Bracket
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.batch import Queue
from harness.link.device_errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceStoppedError,
)
from harness.link.link_client import LinkClient
from harness.link.messages import Result, Welcome
from harness.link.protocol import InputVia
from harness.measure.counter import check_clock, check_instructions, check_ticks
from harness.measure.instructions import instructions
from harness.model.graph import Graph
from harness.model.tensor_block import size
from harness.target.target_file import Target

EXPLAINED = (DeviceFaultError, DeviceRefusedError, DeviceRestartedError, DeviceStoppedError)
"""Errors that already say what happened to the device; they need no diagnosis."""

# Symbols of firmware/ports/cortexm/sections.ld, and one that only firmware with batches has.
_QUEUE = ("queue_start", "queue_end", "batch_done", "batch_take")
_WORD = 4


class Session:
    """Inferences on `board` over `link`, and the checks of their measurements.

    `welcome` is the device's answer to HELLO. `bracket` is what the board knows of the last
    inferences.
    """

    def __init__(self, link: LinkClient, welcome: Welcome, board: Board, target: Target) -> None:
        self.link = link
        self.welcome = welcome
        self.bracket: Bracket | None = None
        self._board = board
        self._target = target

    def infer(self, data: bytes, which: str = "") -> Result:
        """Run the model on `data`, the bytes of its inputs; messages say `which` vector it is."""
        try:
            result = self.link.infer(data)
            self.bracket = self._board.bracket()
        except InfrastructureError as error:
            raise with_diagnosis(error, self._board, which) from error
        return result

    def measure(self, data: bytes, which: str) -> Result:
        """Run one inference and check its ticks; `InfrastructureError` if they are implausible."""
        waited = self.link.waited
        result = self.infer(data, which)
        self._check([result], lambda _: which)
        check_clock(result.ticks, self.link.waited - waited, self._target)
        return result

    def measure_batch(self, inputs: Sequence[bytes], first: int, queue: Queue) -> list[Result]:
        """The same for several inputs at once, through `queue`; they begin with vector `first`."""
        waited, begin, count = self.link.waited, queue.memory.start, len(inputs)
        reached = f"vector {first}"
        try:
            self._board.write_memory(begin, queue.inputs(inputs, self.welcome))
            reached = ""
            span = self.link.run_batch(count)
            read = self._board.read_memory(begin, queue.result_bytes(count, self.welcome))
            results = queue.results(read, self.welcome)
            self.bracket = self._board.bracket(count)
        except InfrastructureError as error:
            reached = reached or self._reached(queue, first, count)
            raise with_diagnosis(error, self._board, reached) from error
        self._check(results, lambda index: f"vector {first + index}")
        check_clock(
            sum(result.ticks for result in results), self.link.waited - waited, self._target
        )
        looked = [0] * (count - 1) + [span.looks]  # the host rests until the last one is due
        self.link.spans += [
            span._replace(disturbed=result.disturbed > 0, looks=looks)
            for result, looks in zip(results, looked, strict=True)
        ]
        return [
            self._again(inputs[index], first + index) if result.disturbed else result
            for index, result in enumerate(results)
        ]

    def queue(self, image: Image) -> Queue | None:
        """Return the memory for batches; None if the device has none, or a heap is there."""
        symbols = image.elf.symbols(*_QUEUE) if image.maker and not image.heap else None
        if symbols is None:
            return None
        start, end, done, _ = symbols
        queue = Queue(range(start, end), done)
        ram = self._target.memory.ram
        return queue if start in ram and end <= ram.end and queue.capacity(self.welcome) else None

    def check_address(self) -> None:
        """Check that the reported input lies in RAM, before anything is written there."""
        begin, end = (
            self.welcome.input_address,
            self.welcome.input_address + self.welcome.input_size,
        )
        ram = self._target.memory.ram
        if begin < ram.origin or end > ram.end:
            raise InfrastructureError(
                f"the device's input is at {begin:#010x} to {end:#010x}, outside the target's "
                f"RAM, {ram.origin:#010x} to {ram.end:#010x}",
                where=f"{self._target.path}: memory.ram",
                remedy="use --input-via=serial, or correct the memory map",
            )

    def ticks(self, result: Result) -> int:
        """Return the result's ticks in the target's unit: the counted ticks, or instructions."""
        overhead = self.welcome.counter_overhead
        return instructions(result.ticks, overhead, self._target.instruction_ticks)

    def _check(self, results: Sequence[Result], which: Callable[[int], str]) -> None:
        for index, result in enumerate(results):
            where = f"{self._target.name}: {which(index)}"
            check_ticks(result, self.welcome, where)
            if self.bracket is not None:
                counted, executed = self.ticks(result), self.bracket.instructions[index]
                check_instructions(counted, executed, self.welcome, self.bracket, where)

    def _again(self, data: bytes, vector: int) -> Result:
        """Repeat an inference of a batch that bytes on the line have disturbed."""
        self.link.count_retry()
        return self.measure(data, f"vector {vector}")

    def _reached(self, queue: Queue, first: int, count: int) -> str:
        """Return at which vector a batch has ended, or which it had if the memory is gone."""
        try:
            done = int.from_bytes(self._board.read_memory(queue.done_address, _WORD), "little")
        except InfrastructureError:
            done = count
        return (
            f"vector {first + done}" if done < count else f"vectors {first} to {first + count - 1}"
        )


def open_session(
    image: Image, board: Board, target: Target, network: Graph, via: InputVia
) -> Session:
    """Start `image` on `board`, and send HELLO.

    Raises `InfrastructureError` unless the answer matches `image` and `network`.
    """
    link = LinkClient(
        board.start(image),
        baud=target.port.baud,
        locate=image.elf.locate,
        watch=board.check,
        write=board.write_memory,
        via=via,
    )
    try:
        welcome = link.hello(image.build_id)
    except InfrastructureError as error:
        raise with_diagnosis(error, board) from error
    _check_sizes(network, welcome, target.name)
    session = Session(link, welcome, board, target)
    if via == "debug":
        session.check_address()
    return session


def with_diagnosis(
    error: InfrastructureError, board: Board, which: str = ""
) -> InfrastructureError:
    """Return `error` with the board's diagnosis, and `which` vector it was; keeps its type."""
    diagnosis = "" if isinstance(error, EXPLAINED) else board.diagnosis()
    what = "\n".join(filter(None, [error.what, diagnosis]))
    where = ": ".join(filter(None, [error.where, which]))
    return type(error)(what, where=where, remedy=error.remedy)


def _check_sizes(network: Graph, welcome: Welcome, where: str) -> None:
    sizes = (size(network.input_tensors), size(network.output_tensors))
    if sizes != (welcome.input_size, welcome.output_size):
        raise InfrastructureError(
            f"the device's input and output have {welcome.input_size} and {welcome.output_size} "
            f"bytes, the model's {sizes[0]} and {sizes[1]}",
            where=where,
        )
