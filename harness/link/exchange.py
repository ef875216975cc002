"""Requests to a device and its answers, matched by sequence number.

The caller recognises and drops a late or repeated answer. Messages that the device sends
without a request (LOG, FAULT, BOOT) are handled here.
"""

import secrets
import time
from collections.abc import Callable, Container, Iterator
from typing import NamedTuple

from harness.link import frame, messages
from harness.link.channel import Channel
from harness.link.device_errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceSilentError,
)
from harness.link.fault_registers import describe
from harness.link.messages import DeviceError, Message

ATTEMPTS = 5
"""How often a request is sent before the exchange fails."""

_ANSWER_DEADLINE = 3.0  # seconds for a request without computation, plus its time on the wire
_GATHER = 0.0002  # seconds to wait for the rest of a frame; two bytes' time at 115200 baud
_WATCH_PERIOD = 1.0  # seconds of silence until the board is checked
_BITS_PER_BYTE = 10  # 8N1


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
    """Requests and answers on `channel`; the parameters are those of `LinkClient`.

    `boots` counts the device's BOOT messages; `retries` and `log` are those of `LinkClient`.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        baud: int,
        locate: Callable[[int], str],
        watch: Callable[[], None],
    ) -> None:
        self.name = channel.name
        self.burst = channel.burst
        self.watch = watch
        self.boots = 0
        self.retries = 0
        self.log: list[str] = []
        self._channel = channel
        self._seconds_per_byte = _BITS_PER_BYTE / baud
        self._locate = locate
        self._decoder = frame.FrameDecoder()
        self._answers: Iterator[bytes | None] = iter(())
        self._sequence = secrets.randbelow(256)

    def next_sequence(self) -> int:
        """Return the sequence number for the next request."""
        self._sequence = (self._sequence + 1) % 256
        return self._sequence

    def send(self, message: Message, sequence: int, body: bytes) -> None:
        """Send a request or repeat it."""
        data = frame.encode(bytes((message, sequence)) + body)
        self._channel.write(data, self.answer_time(len(data)))

    def receive(self, end: float, *, expect_boot: bool = False) -> Answer | None:
        """Return the next answer, including one that `is_damage`; None if none comes before `end`.

        Raises `DeviceFaultError`, and `DeviceRestartedError` unless a boot is expected;
        `watch` raises `DeviceStoppedError`.
        """
        while True:
            for payload in self._answers:
                answer = _parse(payload)
                if self._is_answer(answer, expect_boot=expect_boot):
                    return answer
            remaining = end - time.monotonic()
            if remaining <= 0:
                return None
            if self._decoder.within:
                # An emulator sends single bytes; waking up for each of them slows it down.
                time.sleep(_GATHER)
            data = self._channel.read(min(remaining, _WATCH_PERIOD))
            if not data and remaining > _WATCH_PERIOD:
                self.watch()
                data = frame.DELIMITER  # an unfinished frame has lost its delimiter
            self._answers = self._decoder.feed(data)

    def answer_time(self, size: int) -> float:
        """Return the seconds for an answer without computation, and `size` bytes on the wire."""
        return _ANSWER_DEADLINE + 2 * size * self._seconds_per_byte

    def count_retry(self, attempts: int, request: str) -> int:
        """Return `attempts` + 1; `DeviceSilentError` if `request` has no attempts left."""
        self.retries += 1
        if attempts + 1 == ATTEMPTS:
            raise DeviceSilentError(
                f"no answer to {request} after {ATTEMPTS} attempts",
                where=self.name,
                remedy="the device hangs or the line is dead; look at the emulator's log, if any",
            )
        return attempts + 1

    def refuse(self, answer: Answer, requests: Container[int]) -> None:
        """Raise if `answer` is an error for one of `requests`; ignore anything stale."""
        if answer.type != Message.ERROR or answer.sequence not in requests:
            return
        code, detail = messages.parse_error(answer.body)
        if code == DeviceError.NO_SESSION:
            raise self.restarted()
        if code == DeviceError.ENGINE:
            layer = f"layer {detail - 1} failed" if detail else "failed"
            log = f"; the device logged: {self.log[-1].strip()}" if self.log else ""
            raise DeviceRefusedError(f"the engine: {layer}{log}", where=self.name)
        if code == DeviceError.INPUT:
            raise DeviceRefusedError(
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
            self.log.append(answer.body.decode("utf-8", "replace"))
            return False
        if answer.type == Message.FAULT:
            fault = messages.parse_fault(answer.body)
            text = describe(fault, self._locate) if fault else "unknown registers"
            raise DeviceFaultError(f"the device took a fault: {text}", where=self.name)
        if answer.type == Message.BOOT:
            self.boots += 1
            if not expect_boot:
                raise self.restarted()
        return True


def after(seconds: float) -> float:
    """Return the monotonic clock's time `seconds` from now."""
    return time.monotonic() + seconds


def _parse(payload: bytes | None) -> Answer:
    if payload is None or len(payload) < 2:  # noqa: PLR2004
        return _DAMAGED
    return Answer(payload[0], payload[1], payload[2:])
