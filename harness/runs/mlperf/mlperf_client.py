"""The runner's side of MLPerf Tiny's serial protocol.

A command ends with `%`; its answer is all lines up to `m-ready`. Nothing is sent before that.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from harness.errors import InfrastructureError
from harness.link.channel import Channel
from harness.link.device_errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceSilentError,
)
from harness.link.fault_registers import describe
from harness.runs.mlperf.device_lines import (
    READY,
    DamagedAnswerError,
    InferAnswer,
    Line,
    LineReader,
    TranscriptLine,
    boot_in,
    error_in,
    fault_in,
    parse_buffer,
    parse_infer,
    value_of,
)

T = TypeVar("T")

CHUNK = 31
"""Bytes of a `db` command: `db `, 62 digits and `%` stay below the device's 80 characters."""
DETECTION_DEADLINE, DEADLINE, INFER_DEADLINE = 2.0, 5.0, 30.0
"""Seconds for `name` to a device that may be missing, for any command, and for `infer`."""

_ATTEMPTS = 3
_DETECTION_ATTEMPTS = 5  # `name%` to a device that starts slowly
_BITS = 10  # per byte on the line, including start and stop bits
_QUIET = 0.05  # seconds of silence after which no more bytes are expected
_BUFFER_LINE = 34  # characters per eight bytes in the answer to `db print`
_WATCH = 0.5  # seconds


@dataclass(frozen=True)
class Identity:
    """The answers to `name%` and `profile%`; `mode` is empty if it is not known."""

    name: str
    profile: str
    model: str
    mode: str


class MlperfClient:
    """A conversation with a device on `channel`.

    `baud` limits how long characters take on the wire; `watch` is called during long silences and
    raises if the board can no longer answer; `locate` names the location of a code address.
    `transcript` has the lines of both directions, without the digits of inputs; `retries`
    counts repeated requests.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        baud: int,
        watch: Callable[[], None] = lambda: None,
        locate: Callable[[int], str] = hex,
    ) -> None:
        self.retries = 0
        self.transcript: list[TranscriptLine] = []
        self._channel = channel
        self._baud = baud
        self._watch = watch
        self._locate = locate
        self._reader = LineReader()
        self._lines: list[Line] = []
        self._mode = ""

    @property
    def log(self) -> tuple[str, ...]:
        """The received lines that do not belong to the protocol, such as firmware messages."""
        received = (line.text for line in self.transcript if line.direction == "<-")
        return tuple(text for text in received if not text.startswith(("m-", "e-[")))

    def note(self, text: str) -> None:
        """Add a note of the host to the transcript."""
        self._record("host", text)

    def _record(self, direction: str, text: str) -> None:
        self.transcript.append(TranscriptLine(time.perf_counter(), direction, text))

    def detect(self) -> Identity:
        """Return the device's identity; `DeviceSilentError` if nothing answers.

        A device that is just starting may miss the first `name%`.
        """
        self._collect(time.monotonic() + DETECTION_DEADLINE, boot=True)
        for _ in range(_DETECTION_ATTEMPTS):
            lines = self._ask("name", DETECTION_DEADLINE, boot=True)
            if lines is not None and any("m-name" in line.text for line in lines):
                break
            self._watch()
        else:
            raise DeviceSilentError(
                f"the device did not answer `name%` within "
                f"{_DETECTION_ATTEMPTS * DETECTION_DEADLINE:g} s",
                where=self._channel.name,
                remedy="does the firmware use MLPerf Tiny's protocol, and is this its serial "
                "line and baud rate?",
            )
        self._drain()
        name = value_of(lines, "name")
        lines = self._command("profile")
        return Identity(name, value_of(lines, "profile"), value_of(lines, "model"), self._mode)

    def load(self, data: bytes, what: str) -> None:
        """Load `data` into the device's input buffer; `what` names it in the transcript."""
        self.note(f"load {what}, {len(data)} bytes")
        self._with_retries(lambda: self._load(data), f"the load of {what}")

    def infer(self, iterations: int, warmups: int, seconds: float = 0.0) -> InferAnswer:
        """Run the model on the loaded input, `warmups` times and then `iterations` times.

        `seconds` is added to the deadline of every `infer`.
        """
        command = f"infer {iterations} {warmups}"
        deadline = INFER_DEADLINE + seconds
        return self._with_retries(
            lambda: parse_infer(self._command(command, deadline), iterations), f"`{command}%`"
        )

    def buffer(self, size: int) -> bytes:
        """Return the contents of the device's input buffer, after `size` bytes were loaded."""
        return parse_buffer(self._command("db print", characters=size // 8 * _BUFFER_LINE))

    def _load(self, data: bytes) -> None:
        answer = self._command(f"db load {len(data)}")
        if not any(f"Expecting {len(data)} bytes" in line.text for line in answer):
            text = " | ".join(line.text for line in answer if READY not in line.text)
            raise DamagedAnswerError(f"unexpected answer to `db load {len(data)}`: {text!r}")
        for begin in range(0, len(data), CHUNK):
            lines = self._command(f"db {data[begin : begin + CHUNK].hex()}", quiet=True)
            done = any("m-load-done" in line.text for line in lines)
            if done != (begin + CHUNK >= len(data)):
                raise DamagedAnswerError(
                    f"m-load-done was {'received' if done else 'missing'} after "
                    f"{min(begin + CHUNK, len(data))} of {len(data)} bytes"
                )

    def _with_retries(self, attempt: Callable[[], T], what: str) -> T:
        """Return the result of `attempt`; repeat it if lines were lost or damaged."""
        last: Exception
        for _ in range(_ATTEMPTS):
            try:
                return attempt()
            except (DamagedAnswerError, DeviceRefusedError, DeviceSilentError) as error:
                last = error
                self.retries += 1
                self.note(f"retry: {last}")
                self._resynchronize()
        if isinstance(last, DeviceSilentError):
            raise last
        raise InfrastructureError(
            f"{what} failed {_ATTEMPTS} times in a row; the last error: {last}",
            where=self._channel.name,
            remedy="is the line noisy, is the baud rate right, and does this firmware expect this "
            "input?",
        ) from last

    def _resynchronize(self) -> None:
        """Make the device discard a partial command.

        `name%` serves for that, because the reference's parser crashes on `%` alone.
        """
        self._drain()
        self._ask("name", DEADLINE)
        self._drain()

    def _command(
        self,
        command: str,
        seconds: float | None = None,
        *,
        characters: int = 0,
        quiet: bool = False,
    ) -> list[Line]:
        """Send a command and return the lines of its answer; a long answer has `characters`.

        Raises `DeviceSilentError` if `m-ready` does not come in time, `DeviceRefusedError`
        if the device answers `e-[...]`, and `DeviceRestartedError` if it restarts.
        """
        seconds = (DEADLINE if seconds is None else seconds) + characters * _BITS / self._baud
        lines = self._ask(command, seconds, quiet=quiet)
        shown = f"{command[:40]}{'...' if len(command) > 40 else ''}%"  # noqa: PLR2004
        if lines is None:
            raise DeviceSilentError(
                f"the device did not answer `{shown}` within {seconds:g} s",
                where=self._channel.name,
                remedy="the device hangs, it is too slow, or a part of the command was lost",
            )
        if reason := error_in(lines):
            raise DeviceRefusedError(
                f"the device answered `{shown}`: {reason}", where=self._channel.name
            )
        return lines

    def _ask(
        self, command: str, seconds: float, *, boot: bool = False, quiet: bool = False
    ) -> list[Line] | None:
        """Send a command; return the lines up to `m-ready`, None if it does not come."""
        if not quiet:
            self._record("->", f"{command}%")
        data = f"{command}%".encode()
        self._channel.write(data, DEADLINE)
        wire = len(data) * _BITS / self._baud
        return self._collect(time.monotonic() + seconds + wire, boot=boot, quiet=quiet)

    def _collect(self, end: float, *, boot: bool = False, quiet: bool = False) -> list[Line] | None:
        """Return the lines up to `m-ready`, None if it does not come before `end`."""
        while (remaining := end - time.monotonic()) > 0:
            data = self._channel.read(min(remaining, _WATCH))
            now = time.perf_counter()
            for text in self._reader.feed(data):
                self._lines.append(Line(text, now))
                if not quiet:
                    self.transcript.append(TranscriptLine(now, "<-", text))
            if not data:
                self._watch()
            fault = fault_in(self._lines)
            if fault is not None:
                text = describe(fault, self._locate)
                raise DeviceFaultError(f"the device took a fault: {text}", where=self._channel.name)
            started = boot_in(self._lines)
            if started is not None:
                self._mode = started or self._mode
                if not boot:
                    self._lines.clear()
                    raise DeviceRestartedError(
                        "the device restarted in the middle of a command",
                        where=self._channel.name,
                        remedy="check its power supply, watchdog and faults, with a debugger",
                    )
            ends = [index for index, line in enumerate(self._lines) if READY in line.text]
            if ends:
                answer = self._lines[: ends[0] + 1]
                del self._lines[: ends[0] + 1]
                return answer
        return None

    def _drain(self) -> None:
        """Read all remaining lines, such as the answer to an earlier `name%`."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and (data := self._channel.read(_QUIET)):
            for text in self._reader.feed(data):
                self._record("<-", text)
        self._lines.clear()
