"""What has come from a device that does not answer: it tells what may be wrong with the line."""

from harness.support.plural import count_of
from harness.support.printable import printable

_SHOWN = 40  # bytes


class Heard:
    """The bytes that came, and how many whole messages they had."""

    def __init__(self) -> None:
        self.messages = 0
        self._count = 0
        self._first = b""

    def add(self, data: bytes) -> None:
        """Note bytes that came."""
        self._count += len(data)
        self._first += data[: _SHOWN - len(self._first)]

    @property
    def what(self) -> str:
        """What came, in words."""
        if self.messages:
            return f"{count_of(self.messages, 'message')} came from it before"
        if self._count:
            shown = printable(self._first.decode("ascii", "replace"), _SHOWN)
            return f'{count_of(self._count, "byte")} came, without a message: "{shown}"'
        return "no byte came from it"

    def remedy(self, baud: int) -> str:
        """Return what to look for."""
        if self.messages:
            return (
                "it sends, but does not hear: does it receive on this line, and call link_poll()?"
            )
        if self._count:
            return (
                f"is its baud rate {baud:,}, and does something else write to this line, such as "
                "printf?"
            )
        return "does the firmware start, and is this its serial line?"
