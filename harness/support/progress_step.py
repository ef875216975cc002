"""A step of the work, with its count and its time."""

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from harness.support.printable import printable
from harness.support.secrets import without_secrets

WIDTH = 80
"""Columns of the longest line."""

_CUT = "..."
_SHOWN_SECONDS = 1.0  # a step that has just begun does not show its time


@dataclass(eq=False)
class Step:
    """A step that began at the time `begin`; `done` of `total` units are done.

    Without a total, nothing is counted. A share is shown from its first step on: 0 % would say
    that nothing happens.
    """

    text: str
    begin: float
    total: int = 0
    unit: str = ""
    done: int = 0

    def line(self, now: float, width: int = WIDTH) -> str:
        """Return the step in one line of at most `width` columns.

        A long text loses its end, the numbers stay.
        """
        counted = self.total and (self.done or self.unit != "%")
        numbers = [self._count()] if counted else []
        if now - self.begin >= _SHOWN_SECONDS:
            numbers.append(f"{now - self.begin:.0f} s")
        end = (": " if counted else ", ") + ", ".join(numbers) if numbers else ""
        text = printable(without_secrets(" ".join(self.text.split())))
        room = max(width - len(end), len(_CUT))
        if cell_len(text) > room:
            text = set_cell_size(text, room - len(_CUT)).rstrip() + _CUT
        return text + end

    def _count(self) -> str:
        if self.unit == "%":
            return f"{100 * self.done // self.total} %"
        return f"{self.done:,} of {self.total:,} {self.unit}".rstrip()
