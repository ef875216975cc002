"""The host's side of a session: HELLO, then LOAD and RUN for every vector.

Requests are answered by sequence number, so an answer that comes late or twice
is recognised and dropped. A request without an answer is sent again; LOAD may
be repeated freely, and the device answers a repeated RUN without running again.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from harness.errors import InfrastructureError
from harness.link import frame, messages
from harness.link.channel import Channel
from harness.link.fault import describe
from harness.link.messages import DeviceError, Message, Result, Welcome

HELLO_DEADLINE = 10.0
"""Seconds for a device to start and answer."""
RUN_DEADLINE = 60.0
"""Seconds for one inference."""

_ANSWER_DEADLINE = 3.0  # a request that takes no computing; on top of its time on the wire
_HELLO_PERIOD = 0.5
_RESTARTS = 4  # while HELLO is not answered, that is no coincidence any more
_GATHER = 0.0002  # for the rest of a frame to come; two bytes' time at 115200 baud
_WATCH_PERIOD = 1.0  # of silence, then the board is looked at
_ATTEMPTS = 5
_FRAME_OVERHEAD = 24  # of a LOAD: type, sequence, offset, CRC, COBS, delimiter
_BITS_PER_BYTE = 10  # 8N1


class DeviceSilentError(InfrastructureError):
    """The device did not answer in time."""


class DeviceRestartedError(InfrastructureError):
    """The device started anew in the middle of a session."""


class DeviceStoppedError(InfrastructureError):
    """The device's processor stands still."""


class DeviceFaultError(InfrastructureError):
    """The device's processor took a fault."""


class DeviceRefusedError(InfrastructureError):
    """The device answered a request with an error."""


class _Answer(NamedTuple):
    type: int
    sequence: int
    body: bytes


_DAMAGED = _Answer(0, 0, b"")


class LinkClient:
    """One session with a device on `channel`.

    `baud` bounds how long bytes take on the wire; `locate` turns a code address
    into a function's name for messages about faults; `watch` is called in long silences
    and raises `DeviceStoppedError` if the board cannot answer any more. `retries` counts the
    requests that had to be sent again, `waited` the seconds from RUN to its result, in
    which little but computing happens; `log` keeps the lines that the device sent.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        baud: int,
        locate: Callable[[int], str] = "{:#010x}".format,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self.retries = 0
        self.waited = 0.0
        self.log: list[str] = []
        self._channel = channel
        self._seconds_per_byte = _BITS_PER_BYTE / baud
        self._locate = locate
        self._watch = watch
        self._decoder = frame.FrameDecoder()
        self._answers: Iterator[bytes | None] = iter(())
        self._sequence = secrets.randbelow(256)
        self._welcome: Welcome | None = None
        self._boots = 0

    def hello(self, build_id: str, deadline: float = HELLO_DEADLINE) -> Welcome:
        """Open a session with the firmware of `build_id` (32 hex digits).

        Raises `DeviceSilentError` when nothing answers within `deadline` seconds,
        `DeviceRestartedError` when it starts again and again instead, and
        `InfrastructureError` when another firmware answers or its engine did not start.
        """
        end = _after(deadline)
        self._welcome = None
        self._boots = 0
        # A device that is just starting says so; one that runs already does not.
        self._receive(_after(_HELLO_PERIOD), expect_boot=True)
        while time.monotonic() < end:
            welcome = self._greet(secrets.randbits(32))
            if welcome is not None:
                self._accept(welcome, build_id)
                return welcome
            self._watch()
            if self._boots > _RESTARTS:
                break
        if self._boots > 1:
            raise self._restarted(f"again and again, {self._boots} times, before it answers HELLO")
        raise DeviceSilentError(
            f"the device did not answer HELLO within {deadline:g} s",
            where=self._channel.name,
            remedy="does the firmware start, and is this its serial line and baud rate?",
        )

    def infer(self, data: bytes) -> Result:
        """Run the model on `data`, the bytes of the input tensor; return what came of it.

        A measurement that bytes from the line disturbed is thrown away and made again.
        """
        for _ in range(_ATTEMPTS):
            self._load(data)
            result = self._run()
            if result.disturbed == 0:
                return result
            self.retries += 1
        raise InfrastructureError(
            f"bytes arrived during the inference {_ATTEMPTS} times in a row",
            where=self._channel.name,
            remedy="is something else writing to the line, or the line noisy?",
        )

    def _greet(self, nonce: int) -> Welcome | None:
        """Send HELLO and return the answer to this very one, None if none comes soon."""
        self._send(Message.HELLO, self._next_sequence(), messages.hello(nonce))
        end = _after(_HELLO_PERIOD)
        while True:
            answer = self._receive(end, expect_boot=True)
            if answer is None or answer.type == Message.BOOT:
                return None
            if answer.type == Message.WELCOME:
                welcome = messages.parse_welcome(answer.body)
                if welcome.nonce == nonce:
                    return welcome

    def _accept(self, welcome: Welcome, build_id: str) -> None:
        if welcome.build_id != build_id:
            raise InfrastructureError(
                f"the device runs build {welcome.build_id}, not {build_id}, which was flashed",
                where=self._channel.name,
                remedy="is this the right board and port, and did flashing succeed?",
            )
        if welcome.engine_status != 0:
            raise InfrastructureError(
                f"the engine did not start on the device: nn_init() returned "
                f"{welcome.engine_status}",
                where=self._channel.name,
            )
        self._welcome = welcome

    def _session(self) -> Welcome:
        if self._welcome is None:
            raise InfrastructureError("no session: call hello() first", where=self._channel.name)
        return self._welcome

    def _load(self, data: bytes) -> None:
        welcome = self._session()
        size = welcome.window // 2 - _FRAME_OVERHEAD
        waiting = deque(range(0, len(data), size))
        in_flight: dict[int, bytes] = {}  # two at a time fill the line and fit the window
        attempts = 0
        end = 0.0
        while waiting or in_flight:
            while waiting and len(in_flight) < 2:  # noqa: PLR2004
                offset = waiting.popleft()
                sequence = self._next_sequence()
                in_flight[sequence] = messages.load(offset, data[offset : offset + size])
                self._send(Message.LOAD, sequence, in_flight[sequence])
                end = _after(self._answer_time(welcome.window))
            answer = self._receive(end)
            if answer is not None and answer.type == Message.ACK:
                if in_flight.pop(answer.sequence, None) is not None:
                    attempts = 0
                    end = _after(self._answer_time(welcome.window))
            elif answer is None or _is_damage(answer):
                attempts = self._count_retry(attempts, "LOAD")
                for sequence, body in in_flight.items():
                    self._send(Message.LOAD, sequence, body)
                end = _after(self._answer_time(welcome.window))
            else:
                self._refuse(answer, in_flight)

    def _run(self) -> Result:
        welcome = self._session()
        sequence = self._next_sequence()
        attempts = 0
        running = overdue = False
        began = time.perf_counter()
        self._send(Message.RUN, sequence, b"")
        end = _after(self._answer_time(welcome.output_size))
        while True:
            answer = self._receive(end)
            if answer is None and overdue:
                raise DeviceSilentError(
                    f"the inference did not end within {RUN_DEADLINE:g} s",
                    where=self._channel.name,
                    remedy="the device hangs, or is slower than that",
                )
            overdue = answer is None and running  # ask once more: its result may be lost
            if answer is None or _is_damage(answer):
                if running and answer is not None and answer.type == Message.ERROR:
                    continue  # about a frame before the RUN, which arrived
                attempts = self._count_retry(attempts, "RUN")
                running = False
                self._send(Message.RUN, sequence, b"")
                end = _after(self._answer_time(welcome.output_size))
            elif answer.sequence == sequence and answer.type == Message.ACK:
                running = True
                end = _after(RUN_DEADLINE + self._answer_time(welcome.output_size))
            elif answer.sequence == sequence and answer.type == Message.RESULT:
                self.waited += time.perf_counter() - began
                return messages.parse_result(answer.body, welcome.output_size)
            else:
                self._refuse(answer, {sequence: b""})

    def _answer_time(self, size: int) -> float:
        """Seconds for an answer that takes no computing and `size` bytes on the wire."""
        return _ANSWER_DEADLINE + 2 * size * self._seconds_per_byte

    def _count_retry(self, attempts: int, request: str) -> int:
        self.retries += 1
        if attempts + 1 == _ATTEMPTS:
            raise DeviceSilentError(
                f"no answer to {request} after {_ATTEMPTS} attempts",
                where=self._channel.name,
                remedy="the device hangs or the line is dead; the emulator's log may say more",
            )
        return attempts + 1

    def _refuse(self, answer: _Answer, requests: dict[int, bytes]) -> None:
        """Raise for an error that answers one of `requests`; drop anything stale."""
        if answer.type != Message.ERROR or answer.sequence not in requests:
            return
        code, detail = messages.parse_error(answer.body)
        if code == DeviceError.NO_SESSION:
            raise self._restarted()
        if code == DeviceError.ENGINE:
            layer = f"layer {detail - 1} failed" if detail else "failed"
            raise DeviceRefusedError(f"the engine: {layer}", where=self._channel.name)
        name = DeviceError(code).name if code in set(DeviceError) else f"error {code}"
        raise DeviceRefusedError(
            f"the device refused a request: {name} ({detail})", where=self._channel.name
        )

    def _restarted(self, when: str = "in the middle of a session") -> DeviceRestartedError:
        return DeviceRestartedError(
            f"the device restarted {when}",
            where=self._channel.name,
            remedy="check its power supply, watchdog and reset line",
        )

    def _next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) % 256
        return self._sequence

    def _send(self, message: Message, sequence: int, body: bytes) -> None:
        data = frame.encode(bytes((message, sequence)) + body)
        self._channel.write(data, self._answer_time(len(data)))

    def _receive(self, end: float, *, expect_boot: bool = False) -> _Answer | None:
        """Return the next answer, _DAMAGED for a damaged one, None once it is `end`."""
        while True:
            for payload in self._answers:
                answer = _parse(payload)
                if self._is_answer(answer, expect_boot=expect_boot):
                    return answer
            remaining = end - time.monotonic()
            if remaining <= 0:
                return None
            if self._decoder.within:
                # An emulator sends byte by byte, and to wake us for each would slow it down.
                time.sleep(_GATHER)
            data = self._channel.read(min(remaining, _WATCH_PERIOD))
            if not data and remaining > _WATCH_PERIOD:
                self._watch()
                data = frame.DELIMITER  # a frame that was begun has lost its own
            self._answers = self._decoder.feed(data)

    def _is_answer(self, answer: _Answer, *, expect_boot: bool) -> bool:
        """Take care of what the device says unasked."""
        if answer.type == Message.LOG:
            self.log.append(answer.body.decode("utf-8", "replace"))
            return False
        if answer.type == Message.FAULT:
            fault = messages.parse_fault(answer.body)
            text = describe(fault, self._locate) if fault else "registers unknown"
            raise DeviceFaultError(f"the device took a fault: {text}", where=self._channel.name)
        if answer.type == Message.BOOT:
            self._boots += 1
            if not expect_boot:
                raise self._restarted()
        return True


def _after(seconds: float) -> float:
    return time.monotonic() + seconds


def _parse(payload: bytes | None) -> _Answer:
    if payload is None or len(payload) < 2:  # noqa: PLR2004
        return _DAMAGED
    return _Answer(payload[0], payload[1], payload[2:])


def _is_damage(answer: _Answer) -> bool:
    if answer.type == Message.ERROR:
        return messages.parse_error(answer.body)[0] == DeviceError.BAD_FRAME
    return answer is _DAMAGED
