"""A session: an image that runs on a board and is connected over the link."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from harness.board.board import Board, Bracket
from harness.board.counted_target import as_counted
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.batch import Queue
from harness.link.device_errors import (
    DeviceFaultError,
    MalformedMessageError,
    WrongInputError,
)
from harness.link.host_clock import Span
from harness.link.link_client import LinkClient
from harness.link.messages import Result, Welcome
from harness.link.protocol import InputVia
from harness.measure.core_clock import check_waited
from harness.measure.counter import (
    check_instructions,
    check_wrap,
    nearest_ticks,
    whole_ticks,
)
from harness.measure.instructions import instructions
from harness.runs.diagnosis import with_diagnosis
from harness.runs.session_memory import SessionMemory
from harness.target.target_file import Target

T = TypeVar("T")

# Symbols of firmware/ports/cortexm/sections.ld, and one that only firmware with batches has.
_QUEUE = ("queue_start", "queue_end", "batch_done", "batch_take")
_WORD = 4


def _repeated(work: Callable[[], T]) -> T:
    """Return what `work` returns; it is done once more if its error then says more."""
    try:
        return work()
    except DeviceFaultError as error:
        if error.again:
            work()
        raise


class MemoryUnusableError(InfrastructureError):
    """An access to memory failed or went wrong; the session can go on without memory."""


class Session:
    """Inferences on `board` over a link, and the checks of their measurements.

    `welcome` is the device's answer to HELLO. `target` has the unit of ticks that the started board
    counts. `bracket` is what the board knows of the last inferences, `hz` the frequency of measured
    cycles, if it is known. If `memory_is_optional`, a failure of memory is a `MemoryUnusableError`.
    With `keeps_state`, the model has a state, which begins anew with each recording.
    """

    welcome: Welcome

    def __init__(self, image: Image, board: Board, target: Target, via: InputVia) -> None:
        self._memory = SessionMemory(board)
        self.link = LinkClient(
            board.start(image),
            baud=target.port.baud,
            locate=image.elf.locate,
            watch=board.check,
            write=self._memory.write,
            via=via,
        )
        self.bracket: Bracket | None = None
        self.memory_is_optional = False
        self.hz: float | None = None
        self.keeps_state = False
        self._board = board
        self.target = as_counted(target, board)
        try:
            self.welcome = self.link.hello(image.build_id)
        except InfrastructureError as error:
            raise with_diagnosis(error, board, log=self.link.log) from error

    def infer(self, data: bytes, which: str = "") -> Result:
        """Run the model on `data`, the bytes of its inputs; messages say `which` vector it is."""

        def work() -> Result:
            result = self.link.infer(data)
            self.bracket = self._board.bracket()
            return result

        try:
            return _repeated(work)
        except InfrastructureError as error:
            raise self._explained(error, which) from error

    def begin_recording(self, which: str = "") -> None:
        """Set the model's state, if it has one, to its initial value."""
        if not self.keeps_state:
            return
        try:
            self.link.begin_recording()
        except InfrastructureError as error:
            raise self._explained(error, which) from error

    def measure(self, data: bytes, which: str, *, again: bool = False) -> Result:
        """Run one inference and check its ticks; `InfrastructureError` if they are implausible.

        If the emulator has counted other ones, it runs once more. It does not if it runs `again`
        already.
        """
        waited = self.link.waited
        result = whole_ticks(self.infer(data, which), self._counting, self._where(which))
        if self.bracket is not None:
            result = self._corrected(result, self.bracket, 0)
            executed = self._executed(self.bracket, 0)
            if executed != self.ticks(result) and not again:
                self.link.count_retry()
                self.link.discard_span()
                self.link.go_back()
                return self.measure(data, which, again=True)
            check_instructions(
                self.ticks(result), executed, self.welcome, self.bracket.remedy, self._where(which)
            )
        waited = self.link.waited - waited
        self._check_time(result.ticks, waited, which)
        return result

    def measure_batch(
        self, inputs: Sequence[bytes], vectors: Sequence[int], queue: Queue
    ) -> list[Result]:
        """The same for several inputs at once, through `queue`; they are those of `vectors`."""
        waited, begin, count = self.link.waited, queue.done_address, len(inputs)
        reached = f"vector {vectors[0]}"

        def work() -> tuple[Span, list[Result], Bracket | None]:
            nonlocal reached
            # With the count before the queue: it may still be that of the batch before.
            nothing_done = bytes(queue.memory.start - begin)
            self._memory.write(begin, nothing_done + queue.inputs(inputs, self.welcome))
            reached = ""
            span = self.link.run_batch(count)
            size = queue.result_bytes(count, self.welcome)
            results = queue.results(self._memory.read(queue.memory.start, size), self.welcome)
            return span, results, self._board.bracket(count)

        try:
            span, results, bracket = _repeated(work)
            self.bracket = bracket
        except InfrastructureError as error:
            if isinstance(error, DeviceFaultError) and error.inference is not None:
                reached = f"vector {vectors[error.inference]}"
            raise self._explained(error, reached or self._reached(queue, vectors)) from error
        waited = self.link.waited - waited
        counting = self._counting
        results = [
            whole_ticks(result, counting, self._where(f"vector {vector}"))
            if not result.disturbed
            else result
            for result, vector in zip(results, vectors, strict=True)
        ]
        if bracket is not None:
            results = [self._corrected(one, bracket, i) for i, one in enumerate(results)]
        self._check_time(sum(one.ticks for one in results), waited, f"vector {vectors[0]}")
        spoilt = [index for index in range(count) if self._is_spoilt(results[index], index)]
        spans = [span._replace(looks=looks) for looks in looks_of(span.looks, count)]
        for index, (result, vector) in enumerate(zip(results, vectors, strict=True)):
            if index in spoilt:
                self.link.count_retry()
                disturbed = result.disturbed > 0
                which = f"vector {vector}"
                results[index] = self.measure(inputs[index], which, again=not disturbed)
                spans[index] = self.link.spans.pop()
        self.link.spans += spans
        return results

    def queue(self, image: Image) -> Queue | None:
        """Return the memory for batches; None if the device has none, or a heap is there."""
        symbols = image.elf.symbols(*_QUEUE) if image.maker and not image.heap else None
        if symbols is None:
            return None
        start, end, done, _ = symbols
        queue = Queue(range(start, end), done)
        ram = self.target.memory.ram
        return queue if start in ram and end <= ram.end and queue.capacity(self.welcome) else None

    def check_address(self) -> None:
        """Check that the reported input lies in RAM, before anything is written there."""
        begin, end = (
            self.welcome.input_address,
            self.welcome.input_address + self.welcome.input_size,
        )
        ram = self.target.memory.ram
        if begin < ram.origin or end > ram.end:
            kind = MemoryUnusableError if self.memory_is_optional else InfrastructureError
            raise kind(
                f"the device's input is at {begin:#010x} to {end:#010x}, outside the target's "
                f"RAM, {ram.origin:#010x} to {ram.end:#010x}",
                where=f"{self.target.path}: memory.ram",
                remedy="use --input-via=serial, or correct the memory map",
            )

    def ticks(self, result: Result) -> int:
        """Return the result's ticks in the target's unit: the counted ticks, or instructions."""
        overhead = self.welcome.counter_overhead
        return instructions(result.ticks, overhead, self.target.instruction_ticks)

    def _explained(self, error: InfrastructureError, which: str) -> InfrastructureError:
        """Return `error` with a diagnosis, which may halt the core, unless the session goes on."""
        of_memory = self._memory.failed or isinstance(
            error, (WrongInputError, MalformedMessageError)
        )
        if self.memory_is_optional and self.link.via == "debug" and of_memory:
            where = ": ".join(filter(None, [error.where, which]))
            return MemoryUnusableError(error.what, where=where, remedy=error.remedy)
        return with_diagnosis(error, self._board, which, self.link.log)

    def _is_spoilt(self, result: Result, index: int) -> bool:
        """Return whether an inference of a batch is repeated: disturbed by bytes, or miscounted.

        Renode's DWT is a few instructions off if a time step ends just before it is read.
        """
        counted = self.bracket is None or self._executed(self.bracket, index) == self.ticks(result)
        return result.disturbed > 0 or not counted

    @property
    def _counting(self) -> Welcome:
        """What ticks are checked against: without a coarse counter, if the emulator counts itself.

        Its count says more than a coarse counter, whose time in an emulator may pass in leaps.
        """
        return self.welcome if self.bracket is None else replace(self.welcome, coarse_ticks=0)

    def _executed(self, bracket: Bracket, index: int) -> int:
        """Return the instructions between two readings of the counter, as it counts them."""
        return bracket.counted(index, overhead=self.welcome.counter_overhead)

    def _corrected(self, result: Result, bracket: Bracket, index: int) -> Result:
        """Return `result` with its wrap-arounds, which the emulator knows from its own count.

        The ticks that the emulator's SysTick counts too many are left out.
        """
        executed = bracket.inferences[index]
        result = nearest_ticks(result, executed.instructions * self.target.instruction_ticks)
        return replace(result, ticks=result.ticks - executed.surplus)

    def _check_time(self, ticks: int, waited: float, which: str) -> None:
        """Check the `ticks` of one or several inferences by the seconds that the host `waited`."""
        check_waited(ticks, waited, self.target)
        if self.bracket is None:
            check_wrap(ticks, waited, self.hz, self.welcome, self.target, which)

    def _where(self, which: str) -> str:
        return f"{self.target.name}: {which}"

    def _reached(self, queue: Queue, vectors: Sequence[int]) -> str:
        """Return at which of its `vectors` a batch has ended, as far as it is known.

        It is not if memory cannot be read, or if all of them have run and their results are lost.
        """
        try:
            done = int.from_bytes(self._board.read_memory(queue.done_address, _WORD), "little")
        except InfrastructureError:
            done = len(vectors)
        return f"vector {vectors[done]}" if done < len(vectors) else unanswered(vectors)


def unanswered(vectors: Sequence[int]) -> str:
    """Return the words for `vectors` of a batch without results; all before them have theirs."""
    first, last = vectors[0], vectors[-1]
    if first == last:  # also the copies of a vector
        return f"vector {first}"
    if not isinstance(vectors, range):  # not all vectors run, or in another order
        return f"one of the vectors {', '.join(map(str, vectors))}"
    before = ["", "; vector 0 was answered", f"; vectors 0 to {first - 1} were answered"]
    return f"vectors {first} to {last}{before[min(first, 2)]}"


def looks_of(looks: int, count: int) -> list[int]:
    """Return how many of the `looks` at a batch of `count` inferences each one may have had.

    Nobody knows into which inferences they fell. So as many as possible count as looked at, and
    the last ones first: the host rests until they are due.
    """
    each, rest = divmod(looks, count)
    return [each] * (count - rest) + [each + 1] * rest
