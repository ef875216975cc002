"""Requests to a device and its answers, matched by sequence number.

The caller recognises and drops a late or repeated answer. Messages that the device sends
without a request (LOG, FAULT, BOOT) are handled here.
"""

import secrets
from collections import deque
from collections.abc import Callable, Container, Iterator
from typing import NamedTuple

from harness.link import frame, messages
from harness.link.carrier import Carrier
from harness.link.device_errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceSilentError,
    WrongInputError,
)
from harness.link.device_log import DeviceLog
from harness.link.fault_registers import describe, remedy
from harness.link.heard import Heard
from harness.link.messages import DeviceError, Message

Watch = Callable[[int], None]
"""Checks the board; it gets the number of checks since the last whole message of the device."""

_ANSWER_DEADLINE = 3.0  # seconds for a request without computation, plus its time on the wire
_WATCH_PERIOD = 1.0  # seconds without a whole message until the board is checked
_NOISE = 1.0  # seconds to wait for the end of a noise
_KEPT = 64  # whole answers to keep during a noise; the device sends at most a few
_BITS_PER_BYTE = 10  # 8N1
_MOST_LAYERS = 1 << 16


class Answer(NamedTuple):
    """A frame from the device."""

    type: int
    sequence: int
    body: bytes

    @property
    def is_damage(self) -> bool:
        """Whether this frame was damaged, or it reports that the request was damaged."""
        if self.type == Message.ERROR:
            return messages.parse_error(self.body)[0] == DeviceError.BAD_FRAME
        return self is _DAMAGED


_DAMAGED = Answer(0, 0, b"")


class Exchange:
    """Requests and answers over `carrier`; the parameters are those of `LinkClient`.

    `boots` counts the device's BOOT messages; `retries`, `damaged` and `log` are those of
    `LinkClient`. `heard` is what came since the caller has replaced it.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        baud: int,
        locate: Callable[[int], str],
        watch: Watch,
    ) -> None:
        self.name = carrier.name
        self.burst = carrier.burst
        self.boots = 0
        self.retries = 0
        self.damaged = 0
        self.log = DeviceLog()
        self.heard = Heard()
        self._baud = baud
        self._carrier = carrier
        self._seconds_per_byte = _BITS_PER_BYTE / baud
        self._locate = locate
        self._decoder = frame.FrameDecoder()
        self._answers: Iterator[bytes | None] = iter(())
        self._kept: deque[Answer] = deque(maxlen=_KEPT)
        self._noisy = True  # until the session has begun
        self._rested: float | None = None  # when `rest` was called, since the last request
        self._watch = watch
        self._looks = 0  # since the last whole message
        self._quiet_since = 0.0  # when a whole message came, or the board was checked
        self._sequence = secrets.randbelow(256)

    @property
    def device_time(self) -> float:
        """The clock of deadlines: the seconds in which the device could answer."""
        return self._carrier.device_time

    @property
    def host_time(self) -> float:
        """The clock of pauses between two attempts."""
        return self._carrier.host_time

    @property
    def has_answers(self) -> bool:
        """Whether `settle` has kept answers that `receive` has not returned yet."""
        return bool(self._kept)

    @property
    def looks(self) -> int:
        """How often the host has looked at the device since `rest`: see `Carrier`."""
        return self._carrier.looks

    def rest(self, inferences: int) -> None:
        """Leave the device alone while it computes."""
        self._carrier.rest(inferences)
        self._rested = self._carrier.host_time

    def computed(self, waited: float) -> float:
        """Return for how many of the `waited` seconds until its last answer the device computed.

        The latency of the link is left out if the device acknowledged that it begins.
        """
        if self._rested is None:
            return waited
        seconds = self._carrier.host_time - self._rested - self._carrier.latency
        return min(max(seconds, 0.0), waited)

    def next_sequence(self) -> int:
        """Return the sequence number for the next request."""
        self._sequence = (self._sequence + 1) % 256
        return self._sequence

    def send(self, message: int, sequence: int, body: bytes) -> None:
        """Send a request."""
        self._rested = None
        self._quiet_since = self._carrier.host_time
        data = frame.encode(bytes((message, sequence)) + body)
        if self._noisy:
            data = frame.DELIMITER + data  # ends what the device takes for a frame
        self._carrier.write(data, self.answer_time(len(data)))

    def repeat(self, message: int, sequence: int, body: bytes) -> None:
        """Send a request once more, as a retry."""
        self.retries += 1
        self._noisy = True
        self.send(message, sequence, body)

    def receive(self, seconds: float, *, expect_boot: bool = False) -> Answer | None:
        """Return the next answer, including one that `is_damage`; None if none comes in time.

        The device has `seconds` of the host's time, whatever else it sends. Raises
        `DeviceFaultError`, and `DeviceRestartedError` unless a boot is expected; `watch` raises
        what it finds. It is called in silence, and while the device sends other bytes than
        messages: a fault handler may print.
        """
        if self._kept:
            return self._kept.popleft()
        end = self._carrier.host_time + seconds
        late = False
        while True:
            for payload in self._answers:
                answer = _parse(payload)
                if not answer.is_damage:
                    self.heard.messages += 1
                    self._looks = 0
                    self._quiet_since = self._carrier.host_time
                if self._is_answer(answer, expect_boot=expect_boot):
                    return answer
            if late:
                return None
            if self._decoder.within:
                self._carrier.gather()
            remaining = end - self._carrier.host_time
            late = remaining <= 0  # one last look: this process may have been stopped until now
            data = self._carrier.read(min(remaining, _WATCH_PERIOD))
            self.heard.add(data)
            if not data and remaining > _WATCH_PERIOD:
                self.look()
                data = frame.DELIMITER  # an unfinished frame has lost its delimiter
            elif data and self._carrier.host_time - self._quiet_since > _WATCH_PERIOD:
                self.look()
            self._answers = self._decoder.feed(data)

    def look(self) -> None:
        """Check the board, which says nothing, or nothing that is a message."""
        self._watch(self._looks)
        self._looks += 1
        self._quiet_since = self._carrier.host_time

    def begin(self) -> None:
        """Begin a session: the device has started.

        From now on, a delimiter before each request is needed only after damage.
        """
        self._noisy = False
        self.log.end_start()

    def settle(self, pause: float) -> None:
        """Wait until nothing has arrived for `pause` seconds, or the noise takes too long.

        Drops what is damaged and keeps whole answers for `receive`.
        """
        end = self._carrier.host_time + _NOISE
        data = b""
        while True:
            self._keep(self._answers)
            self._keep(self._decoder.feed(data))
            data = self._carrier.read(pause)
            if not data or self._carrier.host_time > end:
                break
        self._keep(self._decoder.feed(data + frame.DELIMITER))

    def _keep(self, payloads: Iterator[bytes | None]) -> None:
        for answer in map(_parse, payloads):
            if not answer.is_damage and self._is_answer(answer, expect_boot=False):
                self._kept.append(answer)

    def answer_time(self, size: int) -> float:
        """Return the seconds for an answer without computation, and `size` bytes on the wire."""
        return _ANSWER_DEADLINE + 2 * size * self._seconds_per_byte

    def silent(self, deadline: float) -> DeviceSilentError:
        """Return the error for a device that does not answer HELLO within `deadline` seconds."""
        return DeviceSilentError(
            f"the device did not answer HELLO within {deadline:g} s\n{self.heard.what}",
            where=self.name,
            remedy=self.heard.remedy(self._baud),
        )

    def refuse(self, answer: Answer, requests: Container[int]) -> None:
        """Raise if `answer` is an error for one of `requests`; ignore anything stale."""
        if answer.type != Message.ERROR or answer.sequence not in requests:
            return
        code, detail = messages.parse_error(answer.body)
        if code == DeviceError.NO_SESSION:
            raise self.restarted()
        if code == DeviceError.ENGINE:
            layer = f"layer {detail - 1} failed" if 0 < detail <= _MOST_LAYERS else "failed"
            logged = self.log.newest.strip()
            log = f"; the device logged: {logged}" if logged else ""
            returned = detail - (detail >> 31 << 32)  # an int
            raise DeviceRefusedError(
                f"the engine: {layer}{log}",
                where=self.name,
                remedy=f"in a firmware of your own: its model returned {returned}, and 0 means "
                "that the inference succeeded",
            )
        if code == DeviceError.INPUT:
            raise WrongInputError(
                f"the input in the device's memory differs from what was written: "
                f"its CRC-32 is {detail:#010x}",
                where=self.name,
                remedy="does something else write to that memory? With --input-via=debug: does "
                "--input-via=serial work, or a lower `board.frequency` of the probe?",
            )
        name = DeviceError(code).name if code in set(DeviceError) else f"error {code}"
        raise DeviceRefusedError(
            f"the device refused a request: {name} ({detail})", where=self.name
        )

    def restarted(self, when: str = "in the middle of a session") -> DeviceRestartedError:
        """Return the error for a device that restarted."""
        return DeviceRestartedError(
            f"the device restarted {when}",
            where=self.name,
            remedy="check its power supply, watchdog and reset line",
        )

    def _is_answer(self, answer: Answer, *, expect_boot: bool) -> bool:
        """Return whether `answer` is for the caller; handle LOG, FAULT and BOOT."""
        if answer.type == Message.LOG:
            self.log.add(answer.body.decode("utf-8", "replace"))
            return False
        if answer.type == Message.FAULT:
            fault = messages.parse_fault(answer.body)
            text = describe(fault, self._locate) if fault else "unknown registers"
            raise DeviceFaultError(
                f"the device took a fault: {text}",
                where=self.name,
                remedy=remedy(fault.cfsr, fault.hfsr) if fault else "",
            )
        if answer.type == Message.BOOT:
            self.boots += 1
            if not expect_boot:
                raise self.restarted()
            self.log.restart()  # the messages until now are those of an earlier start
        return True


def _parse(payload: bytes | None) -> Answer:
    if payload is None or len(payload) < 2:  # noqa: PLR2004
        return _DAMAGED
    return Answer(payload[0], payload[1], payload[2:])
