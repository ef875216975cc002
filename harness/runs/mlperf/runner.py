"""The procedure of the official runners: accuracy, then windows of performance or energy.

A window is valid if it has at least 10 seconds and at least 10 iterations ("The run must take at
least 10 seconds and 10 iterations to be valid", EEMBC's runner 3.0.10). The result is the median
of five windows, over the first five inputs. A trial determines the number of iterations.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy.typing as npt

from harness.errors import InfrastructureError
from harness.link.device_errors import MalformedMessageError
from harness.link.host_clock import Span
from harness.model.mlperf_benchmarks import agrees
from harness.runs.mlperf.device_lines import InferAnswer
from harness.runs.mlperf.measured_window import Window
from harness.runs.mlperf.mlperf_client import MlperfClient
from harness.runs.mlperf.window_plan import WindowPlan
from harness.target.target_file import Target

Array = npt.NDArray[Any]

_MICRO = 1e-6
_MARGIN = 1.05  # of the iterations that a window needs according to the trial
_TRIAL = 0.05  # of a window; in a shorter trial, printing the timestamps takes too large a share
_TRIALS = 4
_SLOWEST = 3.0  # seconds per inference allowed before anything is known about the device
_PATIENCE = 4.0  # the deadline for an iteration, relative to an iteration of the trial
_CLOCK = 0.02  # allowed relative difference of the device's clock and the host's
_LATE = 0.1  # seconds by which the host may receive single lines late
_SEND_ATTEMPTS = 3  # how often an input is sent if it arrives damaged
_WINDOW_ATTEMPTS = 3  # how often a window is measured if the clocks differ


class ClocksDifferError(InfrastructureError):
    """A window has another length by the device's clock than by the host's."""


def accuracy(
    client: MlperfClient,
    payloads: Iterable[bytes],
    golden: Array,
    step: Callable[[], None] = lambda: None,
) -> list[InferAnswer]:
    """Return the device's answers to N `payloads`, with `infer 1 0`.

    The protocol has no checksum. If a result differs from `golden`, [N, values], the input is read
    back: if it was damaged on the line, it is sent again, which counts as a retry.
    """
    answers = []
    for index, (data, expected) in enumerate(zip(payloads, golden, strict=True)):
        answers.append(_answer(client, data, f"vector {index}", expected))
        step()
    return answers


def matches(values: Sequence[str], golden: Array) -> bool:
    """Return whether the printed `values` equal golden's, [values], to the precision printed."""
    return len(values) == len(golden) and all(map(agrees, values, golden.tolist()))


def trial(client: MlperfClient, plan: WindowPlan) -> Window:
    """Return a short window of the loaded input, from which `measure` derives iterations."""
    iterations, each = plan.iterations, _SLOWEST
    for _ in range(_TRIALS):
        patience = each * (iterations + plan.warmups)
        answer = client.infer(iterations, plan.warmups, seconds=patience)
        window = _window(answer, 0, iterations, plan.warmups)
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
    """Measure a window for each of `inputs`, the indices of vectors and their bytes.

    Returns the windows and their times. `tried` is the trial. Raises `InfrastructureError` if a
    window is still too short, or if the clocks of the device and the host differ on hardware.
    """
    iterations = _iterations(tried, plan)
    patience = _PATIENCE * tried.waited / tried.iterations * (iterations + plan.warmups)
    windows, spans = [], []
    for vector, data in inputs:
        client.load(data, f"vector {vector}")
        for attempt in range(1, _WINDOW_ATTEMPTS + 1):
            answer = client.infer(iterations, plan.warmups, seconds=patience)
            window = _window(answer, vector, iterations, plan.warmups)
            try:
                _check(window, plan, target)
                break
            except ClocksDifferError as error:  # a pause of this machine repeats the window
                if attempt == _WINDOW_ATTEMPTS:
                    raise
                client.retries += 1
                client.note(f"retry: {error.what}")
        windows.append(window)
        spans.append(Span(answer.begin, answer.end))
        step()
    return windows, spans


def _answer(client: MlperfClient, data: bytes, what: str, expected: Array) -> InferAnswer:
    for attempt in range(1, _SEND_ATTEMPTS + 1):
        client.load(data, what)
        answer = client.infer(1, 0)
        if len(answer.values) != len(expected) and attempt == _SEND_ATTEMPTS:
            raise MalformedMessageError(
                f"m-results has {len(answer.values):,} numbers; the model's output has "
                f"{len(expected):,}",
                where=what,
                remedy="does the firmware contain this model?",
            )
        if len(answer.values) != len(expected):
            client.retries += 1
            client.note(f"m-results has {len(answer.values):,} numbers")
            continue
        if matches(answer.values, expected) or client.buffer(len(data)) == data:
            return answer
        client.retries += 1
        client.note(f"{what} arrived damaged at the device")
    raise InfrastructureError(
        f"the input arrived damaged at the device {_SEND_ATTEMPTS} times in a row",
        where=what,
        remedy="the protocol has no checksum: check the line, or lower its baud rate",
    )


def _window(answer: InferAnswer, vector: int, iterations: int, warmups: int) -> Window:
    waited = round(answer.end - answer.begin, 6)
    return Window(vector, iterations, warmups, answer.microseconds, waited)


def _iterations(window: Window, plan: WindowPlan) -> int:
    """Return how many iterations fill a window, at the throughput of `window`."""
    return max(plan.iterations, math.ceil(_MARGIN * plan.seconds * window.throughput))


def _check(window: Window, plan: WindowPlan, target: Target) -> None:
    if window.seconds < plan.seconds:
        raise InfrastructureError(
            f"{window.iterations} iterations took {window.seconds:.3f} s, less than the "
            f"{plan.seconds:g} s expected from the trial",
            where=f"{target.name}: vector {window.vector}",
            remedy="the device's speed varies: does its clock change?",
        )
    if target.counter.ticks == "cycles" and not math.isclose(
        window.seconds, window.waited, rel_tol=_CLOCK, abs_tol=_LATE
    ):
        raise ClocksDifferError(
            f"the device's clock counted {window.seconds:.3f} s, the host's {window.waited:.3f} s",
            where=f"{target.name}: vector {window.vector}",
            remedy="the firmware's th_timestamp() must count microseconds",
        )
