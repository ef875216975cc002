"""The runner's side of MLPerf Tiny's serial protocol.

A command ends with `%`; its answer is all lines up to `m-ready`. Nothing is sent before that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from harness.errors import InfrastructureError
from harness.link.carrier import Carrier
from harness.link.device_errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceSilentError,
    MalformedMessageError,
)
from harness.link.exchange import Watch
from harness.link.fault_registers import describe, remedy
from harness.runs.mlperf.device_lines import (
    READY,
    AnswerReader,
    DamagedAnswerError,
    InferAnswer,
    Line,
    TranscriptLine,
    boot_in,
    error_in,
    fault_in,
    parse_buffer,
    parse_infer,
    value_of,
)
from harness.runs.mlperf.transcript import Transcript

T = TypeVar("T")

CHUNK = 31
"""Bytes of a `db` command: `db `, 62 digits and `%` stay below the device's 80 characters."""
DETECTION_DEADLINE, DEADLINE, INFER_DEADLINE = 2.0, 5.0, 30.0
"""Seconds for `name` to a device that may be missing, for any command, and for `infer`."""
LONGEST_INFER = 600.0
"""Seconds that a long `infer` may take in addition; they follow from the device's timestamps."""
LONGEST_ANSWER = 1 << 20
"""Characters of an answer; the longest is that to `db print`."""

_ATTEMPTS = 3
_DETECTION_ATTEMPTS = 5  # `name%` to a device that starts slowly
_BITS = 10  # per byte on the line, including start and stop bits
_QUIET = 0.05  # seconds of silence after which no more bytes are expected
_BUFFER_LINE = 34  # characters per eight bytes in the answer to `db print`
_WATCH = 0.5  # seconds
_LONGEST_NAME = 128  # characters


@dataclass(frozen=True)
class Identity:
    """The answers to `name%` and `profile%`; `mode` is empty if it is not known."""

    name: str
    profile: str
    model: str
    mode: str


class MlperfClient:
    """A conversation with a device over `carrier`.

    `baud` limits how long characters take on the wire; `watch` is called during long silences and
    raises if the board can no longer answer; `locate` names the location of a code address.
    `retries` counts repeated requests.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        baud: int,
        watch: Watch = lambda _: None,
        locate: Callable[[int], str] = hex,
    ) -> None:
        self.retries = 0
        self._transcript = Transcript()
        self._carrier = carrier
        self._baud = baud
        self._watch = watch
        self._locate = locate
        self._reader = AnswerReader()
        self._mode = ""

    @property
    def transcript(self) -> list[TranscriptLine]:
        """The lines of both directions, without the digits of inputs."""
        return self._transcript.lines

    @property
    def log(self) -> tuple[str, ...]:
        """The received lines that do not belong to the protocol, such as firmware messages."""
        return tuple(self._transcript.log.messages())

    def note(self, text: str) -> None:
        """Add a note of the host to the transcript."""
        self._transcript.note(text)

    def detect(self) -> Identity:
        """Return the device's identity; `DeviceSilentError` if nothing answers.

        A device that is just starting may miss the first `name%`.
        """
        self._collect(DETECTION_DEADLINE, boot=True)
        for attempt in range(_DETECTION_ATTEMPTS):
            lines = self._ask("name", DETECTION_DEADLINE, boot=True)
            if lines is not None and any("m-name" in line.text for line in lines):
                break
            self._watch(attempt)
        else:
            raise DeviceSilentError(
                f"the device did not answer `name%` within "
                f"{_DETECTION_ATTEMPTS * DETECTION_DEADLINE:g} s",
                where=self._carrier.name,
                remedy="does the firmware use MLPerf Tiny's protocol, and is this its serial "
                "line and baud rate?",
            )
        self._drain()
        lines += self._command("profile")
        name, profile, model = (self._name(lines, key) for key in ("name", "profile", "model"))
        return Identity(name, profile, model, self._mode)

    def _name(self, lines: list[Line], key: str) -> str:
        name = value_of(lines, key)
        if len(name) > _LONGEST_NAME:
            raise MalformedMessageError(
                f"m-{key} has {len(name):,} characters; at most {_LONGEST_NAME} are allowed",
                where=self._carrier.name,
            )
        return name

    def load(self, data: bytes, what: str) -> None:
        """Load `data` into the device's input buffer; `what` names it in the transcript."""
        self.note(f"load {what}, {len(data)} bytes")
        self._with_retries(lambda: self._load(data), f"the load of {what}")

    def infer(self, iterations: int, warmups: int, seconds: float = 0.0) -> InferAnswer:
        """Run the model on the loaded input, `warmups` times and then `iterations` times.

        `seconds`, but at most `LONGEST_INFER`, is added to the deadline of every `infer`.
        """
        command = f"infer {iterations} {warmups}"
        deadline = INFER_DEADLINE + min(seconds, LONGEST_INFER)
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
            where=self._carrier.name,
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
                where=self._carrier.name,
                remedy="the device hangs, it is too slow, or a part of the command was lost",
            )
        if reason := error_in(lines):
            raise DeviceRefusedError(
                f"the device answered `{shown}`: {reason}", where=self._carrier.name
            )
        return lines

    def _ask(
        self, command: str, seconds: float, *, boot: bool = False, quiet: bool = False
    ) -> list[Line] | None:
        """Send a command; return the lines up to `m-ready`, None if it does not come."""
        if not quiet:
            self._transcript.sent(f"{command}%")
        data = f"{command}%".encode()
        self._carrier.write(data, DEADLINE)
        wire = len(data) * _BITS / self._baud
        return self._collect(seconds + wire, boot=boot, quiet=quiet)

    def _collect(
        self, seconds: float, *, boot: bool = False, quiet: bool = False
    ) -> list[Line] | None:
        """Return the lines up to `m-ready`, None if it does not come within `seconds`."""
        end = self._carrier.device_time + seconds
        looked, looks = self._carrier.host_time, 0
        while (remaining := end - self._carrier.device_time) > 0:
            data = self._carrier.read(min(remaining, _WATCH))
            received = self._receive(data, quiet=quiet)
            if not data or self._carrier.host_time - looked > _WATCH:
                self._watch(looks)  # also while it prints: a fault handler may
                looked, looks = self._carrier.host_time, looks + 1
            self._notice(received, boot=boot)
            if (answer := self._reader.take()) is not None:
                return answer
        return None

    def _receive(self, data: bytes, *, quiet: bool = False) -> list[Line]:
        """Return the lines that `data` completes, and add them to the transcript."""
        lines = self._reader.feed(data)
        for line in lines:
            if not quiet:
                self._transcript.received(line)
        if self._reader.length > LONGEST_ANSWER:
            self._reader.clear()
            raise MalformedMessageError(
                f"an answer is longer than {LONGEST_ANSWER:,} characters",
                where=self._carrier.name,
                remedy="does the firmware log without end?",
            )
        return lines

    def _notice(self, received: list[Line], *, boot: bool) -> None:
        """Raise if `received` lines report a fault or, unless a `boot` is expected, a start."""
        fault = fault_in(received)
        if fault is not None:
            text = describe(fault, self._locate)
            raise DeviceFaultError(
                f"the device took a fault: {text}",
                where=self._carrier.name,
                remedy=remedy(fault.cfsr, fault.hfsr),
            )
        started = boot_in(received)
        if started is None:
            return
        self._mode = started or self._mode
        if not boot:
            self._reader.clear()
            raise DeviceRestartedError(
                "the device restarted in the middle of a command",
                where=self._carrier.name,
                remedy="check its power supply, watchdog and faults, with a debugger",
            )

    def _drain(self) -> None:
        """Read all remaining lines, such as the answer to an earlier `name%`."""
        end = self._carrier.device_time + DEADLINE
        while self._carrier.device_time < end and (data := self._carrier.read(_QUIET)):
            self._receive(data)
        self._reader.clear()
