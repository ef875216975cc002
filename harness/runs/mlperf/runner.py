"""What the official runners do with a device: accuracy, then windows of performance or energy.

A window is valid from 10 seconds and 10 iterations on, both ("The run must take at least 10
seconds and 10 iterations to be valid", EEMBC's runner 3.0.10), and the result is the median of
five windows, over the first five inputs. How many iterations that takes, a trial says.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy.typing as npt

from harness.errors import InfrastructureError
from harness.link.link_client import Span
from harness.model.mlperf_benchmarks import agrees
from harness.runs.mlperf.device_lines import Answered
from harness.runs.mlperf.mlperf_client import MlperfClient
from harness.runs.mlperf.window_plan import WindowPlan
from harness.target.target_file import Target

Array = npt.NDArray[Any]

_MICRO = 1e-6
_MORE = 1.05  # times the iterations that a window needs by the trial
_TRIAL = 0.05  # of a window: a trial that is shorter has too much of printing the timestamps in it
_TRIALS = 4
_SLOWEST = 3.0  # seconds of an inference, of which nothing is known yet
_PATIENCE = 4.0  # times as long as the trial may the host wait for an iteration
_CLOCK = 0.02  # by which a device's clock may be off the host's
_LATE = 0.1  # seconds by which the host may see single lines late
_SENT = 3  # times that an input is sent which does not arrive as it is


class Window(msgspec.Struct, frozen=True):
    """`iterations` inferences of input `vector` without a pause."""

    vector: int
    """Index of the vector."""
    iterations: int
    """Inferences in the window."""
    warmups: int
    """Inferences just before the window."""
    microseconds: int | None
    """Length of the window by the device's clock. It is null in energy mode."""
    waited: float
    """Length of the window by the host's clock, in seconds."""

    @property
    def seconds(self) -> float:
        """How long it was, by the device's clock if it told."""
        return self.waited if self.microseconds is None else self.microseconds * _MICRO

    @property
    def throughput(self) -> float:
        """Inferences a second."""
        return self.iterations / max(self.seconds, _MICRO)


def accuracy(
    client: MlperfClient,
    payloads: Iterable[bytes],
    golden: Array,
    step: Callable[[], None] = lambda: None,
) -> list[Answered]:
    """Have the device answer each of N `payloads`, `infer 1 0`.

    The line has no checks. Where a result is not `golden`'s, [N, values], the input is read back:
    if it was damaged on its way, it is sent again, which counts as a retry.
    """
    answers = []
    for index, (data, right) in enumerate(zip(payloads, golden, strict=True)):
        answers.append(_answer(client, data, f"vector {index}", right))
        step()
    return answers


def matches(values: Sequence[str], golden: Array) -> bool:
    """Tell whether the numbers that were printed are golden's, [values], as far as they go."""
    return len(values) == len(golden) and all(map(agrees, values, golden.tolist()))


def trial(client: MlperfClient, plan: WindowPlan) -> Window:
    """Return a short window of what is loaded, from which `measure` knows how long others are."""
    iterations, each = plan.iterations, _SLOWEST
    for _ in range(_TRIALS):
        patience = each * (iterations + plan.warmups)
        answer = client.infer(iterations, plan.warmups, seconds=patience)
        window = _of(answer, 0, iterations, plan.warmups)
        if window.seconds >= _TRIAL * plan.seconds:
            return window
        each = _PATIENCE * window.waited / iterations
        iterations = max(iterations, math.ceil(_TRIAL * _iterations(window, plan)))
    raise InfrastructureError(
        f"{window.iterations:,} iterations take {window.seconds:g} s by the device's timestamps",
        where="m-lap-us",
        remedy="the firmware's th_timestamp() must count microseconds",
    )


def measure(
    client: MlperfClient,
    inputs: Sequence[tuple[int, bytes]],
    plan: WindowPlan,
    tried: Window,
    target: Target,
    step: Callable[[], None] = lambda: None,
) -> tuple[list[Window], list[Span]]:
    """Measure a window for each of `inputs`, the numbers of vectors and their bytes.

    Returns when they were, too. `tried` is the trial. Raises `InfrastructureError` where a window
    is too short after all, or on a board where the device's clock and the host's differ.
    """
    iterations = _iterations(tried, plan)
    patience = _PATIENCE * tried.waited / tried.iterations * (iterations + plan.warmups)
    windows, spans = [], []
    for vector, data in inputs:
        client.load(data, f"vector {vector}")
        answer = client.infer(iterations, plan.warmups, seconds=patience)
        window = _of(answer, vector, iterations, plan.warmups)
        _check(window, plan, target)
        windows.append(window)
        spans.append(Span(answer.begin, answer.end))
        step()
    return windows, spans


def _answer(client: MlperfClient, data: bytes, what: str, right: Array) -> Answered:
    for _ in range(_SENT):
        client.load(data, what)
        answer = client.infer(1, 0)
        if matches(answer.values, right) or client.buffer(len(data)) == data:
            return answer
        client.retries += 1
        client.note(f"the device holds another input than {what}")
    raise InfrastructureError(
        f"the device holds another input than was sent, {_SENT} times in a row",
        where=what,
        remedy="the protocol has no checks: look at the line, or lower its baud rate",
    )


def _of(answer: Answered, vector: int, iterations: int, warmups: int) -> Window:
    waited = round(answer.end - answer.begin, 6)
    return Window(vector, iterations, warmups, answer.microseconds, waited)


def _iterations(window: Window, plan: WindowPlan) -> int:
    """Return how many iterations fill a window, by one that may be shorter."""
    return max(plan.iterations, math.ceil(_MORE * plan.seconds * window.throughput))


def _check(window: Window, plan: WindowPlan, target: Target) -> None:
    if window.seconds < plan.seconds:
        raise InfrastructureError(
            f"{window.iterations} iterations took {window.seconds:.3f} s and not "
            f"{plan.seconds:g} s, as the trial before promised",
            where=f"{target.name}: vector {window.vector}",
            remedy="the device's speed is not steady",
        )
    if target.counter.ticks == "cycles" and not math.isclose(
        window.seconds, window.waited, rel_tol=_CLOCK, abs_tol=_LATE
    ):
        raise InfrastructureError(
            f"the device's clock counted {window.seconds:.3f} s, the host's {window.waited:.3f} s",
            where=f"{target.name}: vector {window.vector}",
            remedy="the firmware's th_timestamp() must count microseconds",
        )
