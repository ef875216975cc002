"""The runner's side of MLPerf Tiny's serial protocol.

A command ends with `%`; the answer to it is lines up to `m-ready`, and nothing is sent before that.
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
    Answered,
    DamagedAnswerError,
    Line,
    LineReader,
    Said,
    boot_in,
    error_in,
    fault_in,
    named,
    parse_buffer,
    parse_infer,
)

T = TypeVar("T")

CHUNK = 31
"""Bytes of a `db` command: `db `, 62 digits and `%` stay below the device's 80 characters."""
DETECTION_DEADLINE, DEADLINE, INFER_DEADLINE = 2.0, 5.0, 30.0
"""Seconds for `name` of a device that may not be there, for any command, and for `infer`."""

_ATTEMPTS = 3
_NAMES = 5  # `name%` to a device that starts slowly
_BITS = 10  # of a byte on the line, with start and stop
_QUIET = 0.05  # seconds without a byte after which nothing more comes
_BUFFER_LINE = 34  # characters in which `db print` shows eight bytes
_WATCH = 0.5  # seconds


@dataclass(frozen=True)
class Identity:
    """What a device says it is: `name%` and `profile%`. `mode` is empty where it is not known."""

    name: str
    profile: str
    model: str
    mode: str


class MlperfClient:
    """A conversation with a device on `channel`.

    `baud` bounds how long characters take on the wire; `watch` is called in long silences and
    raises if the board cannot answer any more; `locate` names the place of an address in the code.
    `transcript` has what was said in both directions, without the digits of inputs; `retries`
    counts what had to be said again.
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
        self.transcript: list[Said] = []
        self._channel = channel
        self._baud = baud
        self._watch = watch
        self._locate = locate
        self._reader = LineReader()
        self._lines: list[Line] = []
        self._mode = ""
        self._detected = False

    @property
    def log(self) -> tuple[str, ...]:
        """The lines that are not of the protocol, such as a firmware's own messages."""
        came = (said.text for said in self.transcript if said.direction == "<-")
        return tuple(text for text in came if not text.startswith(("m-", "e-[")))

    def note(self, text: str) -> None:
        """Write into the transcript what the host does."""
        self._say("host", text)

    def _say(self, direction: str, text: str) -> None:
        self.transcript.append(Said(time.perf_counter(), direction, text))

    def detect(self) -> Identity:
        """Find out who is there; `DeviceSilentError` if nobody is.

        A device that is just starting does not hear the first `name%`.
        """
        self._collect(time.monotonic() + DETECTION_DEADLINE, boot=True)
        for _ in range(_NAMES):
            lines = self._ask("name", DETECTION_DEADLINE, boot=True)
            if lines is not None and any("m-name" in line.text for line in lines):
                break
            self._watch()
        else:
            raise DeviceSilentError(
                f"the device did not answer `name%` within {_NAMES * DETECTION_DEADLINE:g} s",
                where=self._channel.name,
                remedy="does the firmware speak MLPerf Tiny's protocol, and is this its serial "
                "line and baud rate?",
            )
        self._drain()
        name = named(lines, "name")
        lines = self._command("profile")
        self._detected = True
        return Identity(name, named(lines, "profile"), named(lines, "model"), self._mode)

    def load(self, data: bytes, what: str) -> None:
        """Put `data` into the device's input buffer; `what` names it in the transcript."""
        self.note(f"load {what}, {len(data)} bytes")
        self._again(lambda: self._load(data), f"the load of {what}")

    def infer(self, iterations: int, warmups: int, seconds: float = 0.0) -> Answered:
        """Run the model on what was loaded, `iterations` times after so many `warmups`.

        `seconds` is how long that may take beyond what every `infer` is given.
        """
        command = f"infer {iterations} {warmups}"
        deadline = INFER_DEADLINE + seconds
        return self._again(
            lambda: parse_infer(self._command(command, deadline), iterations), f"`{command}%`"
        )

    def buffer(self, size: int) -> bytes:
        """Return what the device holds as its input, of which `size` bytes were loaded."""
        return parse_buffer(self._command("db print", characters=size // 8 * _BUFFER_LINE))

    def _load(self, data: bytes) -> None:
        answer = self._command(f"db load {len(data)}")
        if not any(f"Expecting {len(data)} bytes" in line.text for line in answer):
            said = " | ".join(line.text for line in answer if READY not in line.text)
            raise DamagedAnswerError(f"`db load {len(data)}` was answered {said!r}")
        for begin in range(0, len(data), CHUNK):
            lines = self._command(f"db {data[begin : begin + CHUNK].hex()}", quiet=True)
            done = any("m-load-done" in line.text for line in lines)
            if done != (begin + CHUNK >= len(data)):
                raise DamagedAnswerError(
                    f"after {min(begin + CHUNK, len(data))} of {len(data)} bytes m-load-done "
                    + ("came" if done else "did not come")
                )

    def _again(self, attempt: Callable[[], T], what: str) -> T:
        """Return what `attempt` does; try again where lines were lost or torn."""
        last: Exception
        for _ in range(_ATTEMPTS):
            try:
                return attempt()
            except (DamagedAnswerError, DeviceRefusedError, DeviceSilentError) as error:
                last = error
                self.retries += 1
                self.note(f"again: {last}")
                self._resynchronize()
        if isinstance(last, DeviceSilentError):
            raise last
        raise InfrastructureError(
            f"{what} failed {_ATTEMPTS} times in a row; the last time {last}",
            where=self._channel.name,
            remedy="is the line noisy, the baud rate right, or the input another than this "
            "firmware's?",
        ) from last

    def _resynchronize(self) -> None:
        """Have the device forget a command of which it got a part; never an empty one.

        The reference's parser does not survive `%` alone.
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
        """Send a command and return the lines of its answer, of so many `characters` or few.

        Raises `DeviceSilentError` where `m-ready` does not come in time, `DeviceRefusedError`
        where the device says `e-[...]`, `DeviceRestartedError` where it starts anew instead.
        """
        seconds = (DEADLINE if seconds is None else seconds) + characters * _BITS / self._baud
        lines = self._ask(command, seconds, quiet=quiet)
        shown = f"{command[:40]}{'...' if len(command) > 40 else ''}%"  # noqa: PLR2004
        if lines is None:
            raise DeviceSilentError(
                f"the device did not answer `{shown}` within {seconds:g} s",
                where=self._channel.name,
                remedy="the device hangs, is slower than that, or a part of the command was lost",
            )
        if reason := error_in(lines):
            raise DeviceRefusedError(
                f"the device answered `{shown}`: {reason}", where=self._channel.name
            )
        return lines

    def _ask(
        self, command: str, seconds: float, *, boot: bool = False, quiet: bool = False
    ) -> list[Line] | None:
        """Send a command; return the lines up to `m-ready`, None if that does not come."""
        if not quiet:
            self._say("->", f"{command}%")
        data = f"{command}%".encode()
        self._channel.write(data, DEADLINE)
        wire = len(data) * _BITS / self._baud
        return self._collect(time.monotonic() + seconds + wire, boot=boot, quiet=quiet)

    def _collect(self, end: float, *, boot: bool = False, quiet: bool = False) -> list[Line] | None:
        """Return the lines up to `m-ready`, None if that does not come before `end`."""
        while (left := end - time.monotonic()) > 0:
            data = self._channel.read(min(left, _WATCH))
            now = time.perf_counter()
            for text in self._reader.feed(data):
                self._lines.append(Line(text, now))
                if not quiet:
                    self.transcript.append(Said(now, "<-", text))
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
                        "the device started anew in the middle of a command",
                        where=self._channel.name,
                        remedy="its supply, a watchdog, or a fault; a debugger shows which",
                    )
            ends = [place for place, line in enumerate(self._lines) if READY in line.text]
            if ends:
                answer = self._lines[: ends[0] + 1]
                del self._lines[: ends[0] + 1]
                return answer
        return None

    def _drain(self) -> None:
        """Take what still comes, such as the answer to an earlier `name%`."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and (data := self._channel.read(_QUIET)):
            for text in self._reader.feed(data):
                self._say("<-", text)
        self._lines.clear()
