"""The SWO pin: the bytes that the core's trace sends, for a probe that listens, and their text.

The text is what firmware writes to stimulus port 0, where CMSIS's ITM_SendChar writes.
"""

import threading
from collections import deque

_TEXT_PORT = 0
_KEPT = 1 << 16  # bytes for a probe that does not read, as in a real one
_LONGEST, _LINES = 1024, 1000  # bytes of a line, and the lines that are kept


class Swo:
    """The pin, with the last lines of the text.

    A program takes them with `lines`, and what shows them to a person from `unread`.
    """

    def __init__(self) -> None:
        self.unread = deque[str](maxlen=_LINES)
        self._lock = threading.Lock()
        self._listens = False
        self._bytes = bytearray()
        self._line = bytearray()
        self._lines = deque[str](maxlen=_LINES)

    def send(self, port: int, data: bytes, packet: bytes) -> None:
        """Send `packet` with the `data` of a stimulus port. Bytes that do not fit are lost."""
        with self._lock:
            if self._listens and len(self._bytes) + len(packet) <= _KEPT:
                self._bytes += packet
        if port == _TEXT_PORT:
            self._add_text(data)

    def listen(self, listens: bool) -> None:
        """Keep the bytes from now on, or keep none."""
        with self._lock:
            self._listens = listens
            self._bytes.clear()

    def take(self, most: int) -> bytes:
        """Return the next bytes, at most this number."""
        with self._lock:
            data = bytes(self._bytes[:most])
            del self._bytes[:most]
            return data

    def lines(self) -> list[str]:
        """Return the lines that have ended since the last call, the last ones if there are many."""
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def _add_text(self, data: bytes) -> None:
        for byte in data:
            if byte not in b"\0\r\n":
                self._line.append(byte)
            if byte in b"\n" or len(self._line) == _LONGEST:
                line = self._line.decode(errors="replace")
                self._line.clear()
                self._lines.append(line)
                self.unread.append(line)
