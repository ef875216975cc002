"""How the inputs of a run reach the device: over the link's line, or through memory.

`auto` sends the first vector both ways. The output bytes must agree, and so must the ticks. Then
the rest goes the faster way.
"""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.batch import Queue
from harness.link.messages import Result
from harness.link.protocol import InputChoice, InputVia
from harness.runs.link_session import MemoryUnusableError, Session
from harness.runs.quick import Schedule
from harness.support.progress import Progress
from harness.target.target_file import Target

_BATCH_SECONDS = 0.5  # of inferences in a batch: the progress moves, and a hang is noticed
_LONGEST_BATCH = 2.0  # seconds of inferences on a slow link, where a batch should be longer:
_TIMES_LATENCY = 4.0  # as long as several times the link's latency
_UNSURE = 0.1  # of the link's latency, by which the time of a computation may be wrong
_COPIES = 4  # of the first vector in a batch, to compare
_SLOW = 2.0  # seconds; so slow an inference is compared alone
_REPEATS = 3  # of each way, if the first ticks differ, or the usual way does not seem faster
_JITTER = 0.001  # of measured cycles, which differ with the state of caches and prefetch buffers
_NAMES: dict[InputVia, str] = {"serial": "over the serial line", "debug": "through memory"}


class _Trial(NamedTuple):
    """The results of the first vector on one way, and the seconds that its transfer takes."""

    results: list[Result]
    seconds: float


def seconds_each(waited: float, computed: float, count: int) -> float:
    """Return how long each of `count` inferences in a batch takes, at most as far as that is known.

    They `computed` for so long while the host `waited`. A batch must not shrink because of the
    link's latency, which is the same for any number of inferences. But latency changes, and
    nobody can tell a short computation from that.
    """
    return max(computed, _UNSURE * (waited - computed)) / count


class InputWay:
    """The way that inputs go, `via`, and its `choice`: empty, or why the harness chose it.

    `batches` are several inferences for one request. Without them, each inference has a span on
    the host's clock.
    """

    def __init__(
        self, asked: InputChoice, target: Target, image: Image, progress: Progress
    ) -> None:
        self.via: InputVia = "debug" if asked == "debug" else "serial"
        self.choice = ""
        self._auto = asked == "auto"
        self._open = self._auto
        self._target = target
        self._image = image
        self._progress = progress
        self._queue: Queue | None = None
        self._seconds = _BATCH_SECONDS  # of an inference
        self._latency = 0.0  # of the link, in seconds for a batch

    def attach(self, session: Session) -> None:
        """Use the way in a new session with the image."""
        self._target = session.target
        session.link.via = self.via
        session.memory_is_optional = self._auto
        self._queue = session.queue(self._image)

    def first(self, session: Session, data: bytes, which: str, *, batches: bool) -> Result:
        """Run the first vector, over the serial line if the way is still open; then choose."""
        link = session.link
        waited, computed = link.waited, link.computed
        session.begin_recording(which)
        begin = time.perf_counter()
        result = session.measure(data, which)
        waited = link.waited - waited
        self._learn(waited, link.computed - computed, 1)
        if self._open:
            self._open = False
            serial = _Trial([result], time.perf_counter() - begin - waited)
            self._choose(session, data, serial, batches=batches)
        return result

    def results(
        self, session: Session, inputs: Sequence[bytes], schedule: Schedule, *, batches: bool
    ) -> Iterator[Result]:
        """Run `inputs`, the vectors of `schedule` in its sequence; yield a result for each.

        A model with a state runs one at a time: a vector that has to be repeated needs those before
        it.
        """
        link, starts = session.link, schedule.starts
        index, start = 0, time.perf_counter()
        while index < (total := schedule.total(index, time.perf_counter() - start)):
            count = min(self._count(session, batches=batches), total - index)
            waited, computed = link.waited, link.computed
            try:
                results = self._run(
                    session,
                    inputs[index : index + count],
                    schedule.running(index, count),
                    starts[index : index + count],
                )
            except MemoryUnusableError as error:
                self._to_serial(session, error)
                continue
            self._learn(link.waited - waited, link.computed - computed, count)
            yield from results
            index += count

    def _run(
        self,
        session: Session,
        inputs: Sequence[bytes],
        vectors: Sequence[int],
        starts: Sequence[bool],
    ) -> list[Result]:
        """Run `inputs`; a recording begins with each that `starts` marks."""
        if self._queue is not None and len(inputs) > 1 and not session.keeps_state:
            return session.measure_batch(inputs, vectors, self._queue)
        results = []
        for data, vector, begins in zip(inputs, vectors, starts, strict=True):
            if begins:
                session.begin_recording(f"vector {vector}")
            results.append(session.measure(data, f"vector {vector}"))
        return results

    def _learn(self, waited: float, computed: float, count: int) -> None:
        """Learn from `count` inferences, which `computed` so long while the host `waited`."""
        self._latency = waited - computed
        self._seconds = seconds_each(waited, computed, count)

    def _count(self, session: Session, *, batches: bool, seconds: float | None = None) -> int:
        """Return how many inputs go to the device at once, to compute about `seconds`."""
        if not batches or self.via == "serial" or self._queue is None or session.keeps_state:
            return 1
        if seconds is None:
            seconds = min(max(_BATCH_SECONDS, _TIMES_LATENCY * self._latency), _LONGEST_BATCH)
        fitting = int(seconds / max(self._seconds, 1e-6))
        return max(1, min(fitting, self._queue.capacity(session.welcome)))

    def _choose(self, session: Session, data: bytes, serial: _Trial, *, batches: bool) -> None:
        self.via = "debug"
        try:
            session.check_address()
            debug = self._trial(session, data, "debug", batches=batches)
            self._compare(session, data, serial, debug)
        except MemoryUnusableError as error:
            self._to_serial(session, error)
            return
        line, memory = serial.seconds, debug.seconds
        for _ in range(_REPEATS):  # one transfer may be late on a busy machine
            if memory < line:
                break
            line = min(line, self._trial(session, data, "serial", batches=batches).seconds)
            memory = min(memory, self._trial(session, data, "debug", batches=batches).seconds)
        self.via = session.link.via = "debug" if memory < line else "serial"
        self.choice = (
            f"auto: the transfer of vector 0 took {line * 1e3:.3g} ms over the serial line and "
            f"{memory * 1e3:.3g} ms through memory"
        )

    def _trial(self, session: Session, data: bytes, via: InputVia, *, batches: bool) -> _Trial:
        self.via = session.link.via = via
        count = self._count(session, batches=batches, seconds=_COPIES * _SLOW)
        count = min(_COPIES, count)
        waited = session.link.waited
        begin = time.perf_counter()
        results = self._run(session, [data] * count, [0] * count, [True] * count)
        seconds = time.perf_counter() - begin - (session.link.waited - waited)
        return _Trial(results, seconds / count)

    def _compare(self, session: Session, data: bytes, serial: _Trial, debug: _Trial) -> None:
        """Raise `InfrastructureError` unless both ways give the same output and ticks.

        Where ticks jitter, as on silicon, they are the same if repeats of the two ways differ no
        more than the repeats of one way do.
        """
        ways: dict[InputVia, list[Result]] = {"serial": serial.results, "debug": debug.results}
        self._check_outputs(ways)
        if len({session.ticks(result) for results in ways.values() for result in results}) == 1:
            return
        ways = {"serial": [], "debug": []}
        for _ in range(_REPEATS):  # in turns, so that a drift does not look like a difference
            for via in ways:
                trial = self._trial(session, data, via, batches=len(debug.results) > 1)
                ways[via] += trial.results
        self._check_outputs(ways)
        self._check_spread(*(sorted(map(session.ticks, results)) for results in ways.values()))

    def _check_outputs(self, ways: dict[InputVia, list[Result]]) -> None:
        expected = ways["serial"][0].output
        for via, results in ways.items():
            for output in (result.output for result in results):
                if output != expected:
                    wrong = sum(a != b for a, b in zip(output, expected, strict=True))
                    raise self._difference(
                        f"{wrong} of {len(output)} output bytes of the same input differ between "
                        f"the first inference over the serial line and one {_NAMES[via]}",
                        "does the model keep a state, or does the firmware use the memory of its "
                        "input or the RAM above its variables for something else?",
                    )

    def _check_spread(self, serial: list[int], debug: list[int]) -> None:
        apart = max(serial[0] - debug[-1], debug[0] - serial[-1])
        jitter = _JITTER * serial[0] if self._target.counter.ticks == "cycles" else 0
        allowed = max(serial[-1] - serial[0], debug[-1] - debug[0], jitter)
        if self._target.counter.ticks == "instructions" and serial[0] == serial[-1]:
            differ = {*debug} != {*serial}  # a count that does not jitter is the same both ways
        else:
            differ = apart > allowed
        if differ:
            raise self._difference(
                f"an inference takes {serial[0]:,} to {serial[-1]:,} {self._target.counter.ticks} "
                f"with its input over the serial line, but {debug[0]:,} to {debug[-1]:,} through "
                "memory",
                "does the debug port disturb the inference? Do interrupts, such as the tick of a "
                "HAL or an RTOS, run during it? Mask them (docs/firmware.md, Interrupts count).",
            )

    def _difference(self, what: str, remedy: str) -> InfrastructureError:
        remedy += " Without this comparison: --input-via=serial"
        return InfrastructureError(what, where=f"{self._target.name}: vector 0", remedy=remedy)

    def _to_serial(self, session: Session, error: MemoryUnusableError) -> None:
        """Send all other inputs over the serial line, and say why."""
        self.via = session.link.via = "serial"
        what = str(error).replace("\n", " ")
        self.choice = f"auto: over the serial line, because memory cannot be used: {what}"
        self._progress.warn(f"inputs go over the serial line from here on: {what}")
