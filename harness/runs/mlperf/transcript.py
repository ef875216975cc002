"""What host and device said, of bounded size."""

import time

from harness.link.device_log import DeviceLog
from harness.runs.mlperf.device_lines import Line, TranscriptLine

LONGEST = 1 << 24
"""Characters of the device in a transcript; later lines are left out."""


class Transcript:
    """The `lines` of both directions; `log` has those that do not belong to the protocol."""

    def __init__(self) -> None:
        self.lines: list[TranscriptLine] = []
        self.log = DeviceLog()
        self._room = LONGEST

    def note(self, text: str) -> None:
        """Add a note of the host."""
        self._add("host", text, time.perf_counter())

    def sent(self, text: str) -> None:
        """Add a command."""
        self._add("->", text, time.perf_counter())

    def received(self, line: Line) -> None:
        """Add a line of the device."""
        if not line.text.startswith(("m-", "e-[")):
            self.log.add(line.text)
        if self._room < 0:
            return
        self._room -= len(line.text) + 1
        if self._room < 0:
            self.note(f"the device's lines after {LONGEST:,} characters are left out")
        else:
            self._add("<-", line.text, line.time)

    def _add(self, direction: str, text: str, now: float) -> None:
        self.lines.append(TranscriptLine(now, direction, text))
