"""The device's LOG messages; of many, only the first and the last are kept.

The messages of the device's start, before it answers HELLO, belong to every run that follows.
"""

from collections import deque

from harness.support.plural import count_of
from harness.support.printable import printable, printable_lines

KEPT = 64 * 1024
"""Characters kept of the beginning of a log, and as many of its end."""

_LONGEST = 4096  # characters kept of a message


class DeviceLog:
    """A log of bounded size."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget all messages: the device starts."""
        self._start: list[str] | None = None
        self.clear()

    def end_start(self) -> None:
        """Keep the messages until now as those of the device's start, unless there are some."""
        if self._start is None:
            self._start = self.messages()
            self.clear()

    def clear(self) -> None:
        """Forget all messages but those of the device's start."""
        self._first: list[str] = []
        self._last: deque[str] = deque()
        self._room = KEPT  # for the first messages, in characters
        self._length = 0  # of the last messages, in characters
        self._messages = 0  # left out
        self._characters = 0  # left out

    def add(self, text: str) -> None:
        """Add a message. It becomes one printable line, without colours."""
        if len(text) > _LONGEST:
            left_out = f"[{len(text) - _LONGEST:,} characters left out]"
            text = f"{text[:_LONGEST]} {left_out}"
        text = printable(printable_lines(text).rstrip("\n"), _LONGEST * 8)
        if len(text) < self._room:
            self._first.append(text)
            self._room -= len(text) + 1
            return
        self._room = 0
        self._last.append(text)
        self._length += len(text) + 1
        while self._length > KEPT:
            dropped = self._last.popleft()
            self._length -= len(dropped) + 1
            self._messages += 1
            self._characters += len(dropped)

    def messages(self) -> list[str]:
        """Return the kept messages; one between them says how many were left out."""
        left_out = (
            f"[{count_of(self._messages, 'message')} with "
            f"{count_of(self._characters, 'character')} left out]"
        )
        return [
            *(self._start or ()),
            *self._first,
            *([left_out] if self._messages else []),
            *self._last,
        ]

    @property
    def newest(self) -> str:
        """The last message since the device's start; empty if there is none."""
        return next(iter([*reversed(self._last), *reversed(self._first)]), "")
