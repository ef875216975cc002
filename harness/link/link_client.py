"""The host's side of a session: HELLO, then LOAD and RUN for every vector.

A request without an answer is sent again. LOAD may be repeated freely; the device answers a
repeated RUN without running the model again.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from harness.errors import InfrastructureError
from harness.link import messages
from harness.link.channel import Channel
from harness.link.device_errors import DeviceSilentError
from harness.link.exchange import ATTEMPTS, Exchange, after
from harness.link.messages import LayerOutput, LayerTicks, Message, Result, Welcome

HELLO_DEADLINE = 10.0
"""Seconds for a device to start and answer."""
RUN_DEADLINE = 60.0
"""Seconds for one inference."""

_HELLO_PERIOD = 0.5
_RESTARTS = 4  # with more boots before an answer to HELLO, the device is in a reset loop
_FRAME_OVERHEAD = 24  # bytes of a LOAD: type, sequence, offset, CRC, COBS, delimiter


class Span(NamedTuple):
    """An inference, from RUN to RESULT, in seconds of `time.perf_counter`.

    If it was `disturbed`, bytes arrived during the inference and its measurement does not count.
    """

    begin: float
    end: float
    disturbed: bool = False


class _LostError(Exception):
    """A frame of a trace is missing or damaged."""


class LinkClient:
    """One session with a device on `channel`.

    `baud` limits how long bytes take on the wire; `locate` turns a code address
    into a function's name for messages about faults; `watch` is called during long silences
    and raises `DeviceStoppedError` if the board can no longer answer. `write` writes bytes to
    an address in the device's memory; if it is given, inputs are written with it instead of LOAD.
    `spans` are the answered inferences. `waited` counts the seconds between a RUN and its
    result, which is mostly computation.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        baud: int,
        locate: Callable[[int], str] = "{:#010x}".format,
        watch: Callable[[], None] = lambda: None,
        write: Callable[[int, bytes], None] | None = None,
    ) -> None:
        self.waited = 0.0
        self.spans: list[Span] = []
        self._exchange = Exchange(channel, baud=baud, locate=locate, watch=watch)
        self._write = write
        self._welcome: Welcome | None = None

    @property
    def retries(self) -> int:
        """How many requests had to be sent again."""
        return self._exchange.retries

    @property
    def log(self) -> list[str]:
        """The text of the device's LOG messages."""
        return self._exchange.log

    def hello(self, build_id: str, deadline: float = HELLO_DEADLINE) -> Welcome:
        """Open a session with the firmware of `build_id` (32 hex digits).

        Raises `DeviceSilentError` if nothing answers within `deadline` seconds,
        `DeviceRestartedError` if the device keeps restarting, and
        `InfrastructureError` if another firmware answers or its engine did not start.
        """
        end = after(deadline)
        self._welcome = None
        self._exchange.boots = 0
        # A device that is just starting sends BOOT; one that already runs does not.
        self._exchange.receive(after(_HELLO_PERIOD), expect_boot=True)
        while time.monotonic() < end:
            welcome = self._greet(secrets.randbits(32))
            if welcome is not None:
                self._accept(welcome, build_id)
                return welcome
            self._exchange.watch()
            if self._exchange.boots > _RESTARTS:
                break
        if self._exchange.boots > 1:
            raise self._exchange.restarted(f"{self._exchange.boots} times without answering HELLO")
        raise DeviceSilentError(
            f"the device did not answer HELLO within {deadline:g} s",
            where=self._exchange.name,
            remedy="does the firmware start, and is this its serial line and baud rate?",
        )

    def infer(self, data: bytes) -> Result:
        """Run the model on `data`, the bytes of the input tensor, and return the result.

        If bytes on the line disturbed a measurement, it is discarded and repeated.
        """
        for _ in range(ATTEMPTS):
            self._send_input(data)
            result = self._run(data)
            if result.disturbed == 0:
                return result
            self._exchange.retries += 1
        raise InfrastructureError(
            f"bytes arrived during the inference {ATTEMPTS} times in a row",
            where=self._exchange.name,
            remedy="is something else writing to the line, or the line noisy?",
        )

    def trace(self, data: bytes, layer: int | None = None) -> tuple[list[LayerOutput], Result]:
        """Run a traced image on `data`; return the output of each layer, and the result.

        The outputs are CRCs; only those of `layer` have their bytes. A lost frame cannot be
        requested again because the inference has continued: then the whole trace is repeated.
        """
        attempts = 0
        while True:
            self._send_input(data)
            try:
                return self._trace(data, layer)
            except _LostError:
                attempts = self._exchange.count_retry(attempts, "TRACE")

    def profile(self) -> LayerTicks:
        """Return the ticks of each layer in the last inference of a profiled image."""
        attempts = 0
        while True:
            sequence = self._exchange.next_sequence()
            self._exchange.send(Message.PROFILE, sequence, b"")
            end = after(self._exchange.answer_time(self._session().window))
            while (answer := self._exchange.receive(end)) and not answer.is_damage:
                if answer.sequence == sequence and answer.type == Message.TICKS:
                    return messages.parse_ticks(answer.body)
                self._exchange.refuse(answer, (sequence,))
            attempts = self._exchange.count_retry(attempts, "PROFILE")

    def _trace(self, data: bytes, layer: int | None) -> tuple[list[LayerOutput], Result]:
        welcome = self._session()
        sequence = self._exchange.next_sequence()
        self._exchange.send(Message.TRACE, sequence, messages.trace(data, layer))
        wait = self._exchange.answer_time(welcome.output_size)
        running = False
        outputs: list[LayerOutput] = []
        while True:
            answer = self._exchange.receive(after(wait))
            if answer is None and running:
                raise self._overdue()
            if answer is None or answer.is_damage:
                raise _LostError
            if answer.sequence == sequence and answer.type == Message.LAYER:
                outputs.append(messages.parse_layer(answer.body))
            elif answer.sequence == sequence and answer.type == Message.RESULT:
                return outputs, messages.parse_result(answer.body, welcome.output_size)
            else:
                self._exchange.refuse(answer, (sequence,))
            running = True  # after ACK or a layer, the next layer takes time and may be large
            wait = RUN_DEADLINE + self._exchange.answer_time(welcome.arena_size)

    def _overdue(self) -> DeviceSilentError:
        return DeviceSilentError(
            f"the inference did not end within {RUN_DEADLINE:g} s",
            where=self._exchange.name,
            remedy="the device hangs, or it is too slow for this model",
        )

    def _send_input(self, data: bytes) -> None:
        """Transfer `data` to the device's input tensor."""
        if self._write is None:
            self._load(data)
        else:
            self._write(self._session().input_address, data)

    def _greet(self, nonce: int) -> Welcome | None:
        """Send HELLO and return the answer with the same nonce; None if none comes soon."""
        self._exchange.send(Message.HELLO, self._exchange.next_sequence(), messages.hello(nonce))
        end = after(_HELLO_PERIOD)
        while True:
            answer = self._exchange.receive(end, expect_boot=True)
            if answer is None or answer.type == Message.BOOT:
                return None
            if answer.type == Message.WELCOME:
                welcome = messages.parse_welcome(answer.body)
                if welcome.nonce == nonce:
                    return welcome

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
        self._welcome = welcome

    def _session(self) -> Welcome:
        if self._welcome is None:
            raise InfrastructureError("no session: call hello() first", where=self._exchange.name)
        return self._welcome

    def _load(self, data: bytes) -> None:
        welcome = self._session()
        window = min(welcome.window, self._exchange.burst or welcome.window)
        size = window // 2 - _FRAME_OVERHEAD
        waiting = deque(range(0, len(data), size))
        in_flight: dict[int, bytes] = {}  # two at a time keep the line busy and fit the window
        attempts = 0
        end = 0.0
        while waiting or in_flight:
            while waiting and len(in_flight) < 2:  # noqa: PLR2004
                offset = waiting.popleft()
                sequence = self._exchange.next_sequence()
                in_flight[sequence] = messages.load(offset, data[offset : offset + size])
                self._exchange.send(Message.LOAD, sequence, in_flight[sequence])
                end = after(self._exchange.answer_time(welcome.window))
            answer = self._exchange.receive(end)
            if answer is not None and answer.type == Message.ACK:
                if in_flight.pop(answer.sequence, None) is not None:
                    attempts = 0
                    end = after(self._exchange.answer_time(welcome.window))
            elif answer is None or answer.is_damage:
                attempts = self._exchange.count_retry(attempts, "LOAD")
                for sequence, body in in_flight.items():
                    self._exchange.send(Message.LOAD, sequence, body)
                end = after(self._exchange.answer_time(welcome.window))
            else:
                self._exchange.refuse(answer, in_flight)

    def _run(self, data: bytes) -> Result:
        welcome = self._session()
        body = messages.run(data)
        sequence = self._exchange.next_sequence()
        attempts = 0
        running = overdue = False
        began = time.perf_counter()
        self._exchange.send(Message.RUN, sequence, body)
        end = after(self._exchange.answer_time(welcome.output_size))
        while True:
            answer = self._exchange.receive(end)
            if answer is None and overdue:
                raise self._overdue()
            overdue = answer is None and running  # repeat RUN once: the result may be lost
            if answer is None or answer.is_damage:
                if running and answer is not None and answer.type == Message.ERROR:
                    continue  # it concerns a frame before RUN, and RUN itself has arrived
                attempts = self._exchange.count_retry(attempts, "RUN")
                running = False
                self._exchange.send(Message.RUN, sequence, body)
                end = after(self._exchange.answer_time(welcome.output_size))
            elif answer.sequence == sequence and answer.type == Message.ACK:
                running = True
                end = after(RUN_DEADLINE + self._exchange.answer_time(welcome.output_size))
            elif answer.sequence == sequence and answer.type == Message.RESULT:
                ended = time.perf_counter()
                self.waited += ended - began
                result = messages.parse_result(answer.body, welcome.output_size)
                self.spans.append(Span(began, ended, result.disturbed > 0))
                return result
            else:
                self._exchange.refuse(answer, (sequence,))
