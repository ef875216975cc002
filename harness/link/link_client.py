"""The host's side of a session: HELLO, then LOAD and RUN for every vector.

A request without an answer is sent again. LOAD may be repeated freely; the device answers a
repeated RUN without running the model again.
"""

import math
import secrets
import time
from collections.abc import Callable

from harness.errors import InfrastructureError
from harness.link import messages
from harness.link.asking import ask, reset_state
from harness.link.batch import deadline_of, run_batch
from harness.link.carrier import Carrier
from harness.link.device_errors import DeviceRefusedError, DeviceSilentError, WrongInputError
from harness.link.exchange import Exchange, Watch
from harness.link.heard import Heard
from harness.link.host_clock import Reading, Span
from harness.link.loading import load
from harness.link.located import located
from harness.link.messages import LayerOutput, LayerTicks, Message, Result, Welcome
from harness.link.protocol import InputVia
from harness.link.recording_state import RecordingState
from harness.link.retries import ATTEMPTS, FIRST_PAUSE
from harness.link.running import run
from harness.link.tracing import LostError, trace

HELLO_DEADLINE = 10.0
"""Seconds for a device to start and answer."""
RUN_DEADLINE = 60.0
"""Seconds for one inference, and the most for a batch."""

_HELLO_PERIOD = 0.5
_LONGEST_HELLO_PERIOD = 2.0
_RESTARTS = 4  # with more boots before an answer to HELLO, the device is in a reset loop


class LinkClient:
    """One session with a device over `carrier`.

    `baud` limits how long bytes take on the wire; `locate` turns a code address
    into a function's name for messages about faults; `watch` is called during long silences
    and raises `DeviceStoppedError` if the board can no longer answer. `write` writes bytes to
    an address in the device's memory. If `via` is "debug", inputs are written with it instead of
    LOAD. `spans` are the answered inferences; those of a batch share their time. `waited` counts
    the seconds between a RUN and its result, `computed` only those without the link's latency.
    A model with a state needs `begin_recording` before the first vector of each recording. Then an
    inference that has to be repeated begins with the recording's first vector: a state cannot go
    back. The same holds for the inference after one that failed.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        baud: int,
        locate: Callable[[int], str] = "{:#010x}".format,
        watch: Watch = lambda _: None,
        write: Callable[[int, bytes], None] | None = None,
        via: InputVia = "serial",
    ) -> None:
        self.via = via
        self.waited = 0.0
        self.computed = 0.0
        self.spans: list[Span] = []
        self._last = math.inf  # the device's seconds for the last inference
        self._state = RecordingState(self._reset_state, self._run_again)
        self._exchange = Exchange(carrier, baud=baud, locate=locate, watch=watch)
        self._write = write
        self._welcome: Welcome | None = None

    @property
    def line(self) -> str:
        """The name of the line, for messages."""
        return self._exchange.name

    @property
    def retries(self) -> int:
        """How many requests had to be sent again."""
        return self._exchange.retries

    @property
    def damaged(self) -> int:
        """How many frames arrived damaged, here or at the device, and cost a retry."""
        return self._exchange.damaged

    @property
    def log(self) -> list[str]:
        """The text of the device's LOG messages; of many, the first and the last."""
        return self._exchange.log.messages()

    def clear_log(self) -> None:
        """Forget the device's LOG messages since it answered HELLO."""
        self._exchange.log.clear()

    @located
    def hello(self, build_id: str, deadline: float = HELLO_DEADLINE) -> Welcome:
        """Open a session with the firmware of `build_id` (32 hex digits).

        Raises `DeviceSilentError` if nothing answers within `deadline` seconds,
        `DeviceRestartedError` if the device keeps restarting, and
        `InfrastructureError` if another firmware answers or its engine did not start.
        """
        end = self._exchange.device_time + deadline
        period = _HELLO_PERIOD
        self._welcome = None
        self._exchange.boots = 0
        self._exchange.heard = Heard()
        # A device that is just starting sends BOOT; one that already runs does not.
        self._exchange.receive(period, expect_boot=True)
        while self._exchange.device_time < end:
            welcome = self._greet(secrets.randbits(32), period)
            if welcome is not None:
                self._accept(welcome, build_id)
                return welcome
            self._exchange.look()
            if self._exchange.boots > _RESTARTS:
                break
            period = min(1.25 * period, _LONGEST_HELLO_PERIOD)
        if self._exchange.boots > 1:
            raise self._exchange.restarted(f"{self._exchange.boots} times without answering HELLO")
        raise self._exchange.silent(deadline)

    @located
    def begin_recording(self) -> None:
        """Set the model's state to its initial value."""
        self._state.begin()

    def go_back(self) -> None:
        """Give the state the value from before the last inference, which will be repeated."""
        self._state.go_back()

    @located
    def infer(self, data: bytes) -> Result:
        """Run the model on `data`, the bytes of the input tensor, and return the result.

        If bytes on the line disturbed a measurement, it is discarded and repeated.
        """
        pause = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            self._state.prepare()
            self._send_input(data)
            try:
                result = self._run(data)
                if result.disturbed == 0:
                    self._state.add(data)
                    return result
            except WrongInputError:
                # A late LOAD can spoil the input; to repeat a failed write is no use.
                if self.via == "debug" or attempt == ATTEMPTS:
                    raise
            self._exchange.retries += 1
            self._exchange.settle(pause)
            pause *= 2
        raise InfrastructureError(
            f"bytes arrived during the inference {ATTEMPTS} times in a row",
            where=self._exchange.name,
            remedy="is something else writing to the line, or the line noisy?",
        )

    @located
    def run_batch(self, count: int) -> Span:
        """Run the first `count` inputs in the device's queue; return the span of them all."""
        began, since = time.perf_counter(), self._exchange.device_time
        deadline = min(RUN_DEADLINE, deadline_of(count * self._last))
        run_batch(self._exchange, self._session(), count, deadline)
        return self._answered(began, since, inferences=count)

    def discard_span(self) -> None:
        """Mark the last span as disturbed: a meter saw the inference, but it does not count."""
        self.spans[-1] = self.spans[-1]._replace(disturbed=True)

    def count_retry(self) -> None:
        """Count an inference that is repeated: disturbed by bytes, or counted otherwise."""
        self._exchange.retries += 1

    @located
    def trace(self, data: bytes, layer: int | None = None) -> tuple[list[LayerOutput], Result]:
        """Run a traced image on `data`; return the output of each layer, and the result.

        The outputs are CRCs; only those of `layer` have their bytes. A lost frame cannot be
        requested again because the inference has continued: then the whole trace is repeated.
        """
        for _ in range(ATTEMPTS):
            self._state.prepare()
            self._send_input(data)
            try:
                traced = trace(self._exchange, self._session(), data, layer, RUN_DEADLINE)
            except LostError:
                self._exchange.retries += 1
                self._exchange.settle(FIRST_PAUSE)
                continue
            self._state.add(data)
            return traced
        raise DeviceSilentError(
            f"frames of a trace were lost or damaged {ATTEMPTS} times in a row",
            where=self._exchange.name,
            remedy="is the line noisy, and is the baud rate right?",
        )

    @located
    def profile(self) -> LayerTicks:
        """Return the ticks of each layer in the last inference of a profiled image."""
        return messages.parse_ticks(
            ask(self._exchange, self._session(), Message.PROFILE, Message.TICKS)
        )

    @located
    def count(self) -> Reading | None:
        """Read the device's counter; None if the firmware does not answer that question.

        From then on the device stays awake until the next inference.
        """
        sent = time.perf_counter()
        try:
            body = ask(self._exchange, self._session(), Message.CLOCK, Message.COUNT)
        except DeviceRefusedError:
            return None
        return Reading(sent, time.perf_counter(), messages.parse_count(body))

    def _reset_state(self) -> None:
        reset_state(self._exchange, self._session())

    def _run_again(self, data: bytes) -> None:
        """Run the model on `data` once more, only for its state: the measurement does not count."""
        waited = self.waited
        for attempt in range(1, ATTEMPTS + 1):
            self._send_input(data)
            try:
                self._run(data)
                break
            except WrongInputError:  # it did not run
                if attempt == ATTEMPTS:
                    raise
        self.waited = waited
        self.discard_span()

    def _send_input(self, data: bytes) -> None:
        """Transfer `data` to the device's input tensor."""
        if self.via == "debug" and self._write is not None:
            self._write(self._session().input_address, data)
        else:
            self._load(data)

    def _greet(self, nonce: int, period: float) -> Welcome | None:
        """Send HELLO and return the answer with the same nonce; None if none comes in `period`."""
        sequence = self._exchange.next_sequence()
        self._exchange.send(Message.HELLO, sequence, messages.hello(nonce))
        end = self._exchange.host_time + period
        while True:
            answer = self._exchange.receive(end - self._exchange.host_time, expect_boot=True)
            if answer is None or answer.type == Message.BOOT:
                return None
            if answer.type == Message.WELCOME and answer.sequence == sequence:
                welcome = messages.parse_welcome(answer.body)
                if welcome.nonce == nonce:
                    return welcome
            if self._exchange.host_time >= end:
                return None

    def _accept(self, welcome: Welcome, build_id: str) -> None:
        if welcome.build_id != build_id:
            raise InfrastructureError(
                f"the device runs build {welcome.build_id}, but {build_id} was flashed",
                where=self._exchange.name,
                remedy="is this the right board and port, and did flashing succeed?",
            )
        if welcome.engine_status != 0:
            raise InfrastructureError(
                f"the engine did not start on the device: nn_init() returned "
                f"{welcome.engine_status}",
                where=self._exchange.name,
            )
        self._exchange.begin()
        self._welcome = welcome

    def _session(self) -> Welcome:
        if self._welcome is None:
            raise InfrastructureError("no session: call hello() first", where=self._exchange.name)
        return self._welcome

    def _load(self, data: bytes) -> None:
        load(self._exchange, self._session(), data)

    def _run(self, data: bytes) -> Result:
        began, since = time.perf_counter(), self._exchange.device_time
        result = run(self._exchange, self._session(), data, RUN_DEADLINE)
        span = self._answered(began, since)
        self.spans.append(span._replace(disturbed=result.disturbed > 0))
        return result

    def _answered(self, began: float, since: float, *, inferences: int = 1) -> Span:
        """Return the span of `inferences` that have just been answered, and count their time.

        They began at `began` on the host's clock, and at `since` on the device's.
        """
        ended = time.perf_counter()
        self.waited += ended - began
        self.computed += self._exchange.computed(ended - began)
        self._last = (self._exchange.device_time - since) / inferences
        return Span(began, ended, looks=self._exchange.looks)
