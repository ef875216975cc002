"""The columns of a table: how users name them, and how messages do."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from harness.errors import InputError
from harness.support.plural import count_of
from harness.support.printable import printable

_POSITION = re.compile(r"-?[0-9]{1,9}")
_RANGE = re.compile(r"(?P<first>.[^-]*)-(?P<last>.+)")
_SHOWN = 20  # columns
_BY_NAME = 8  # columns; of more, a message shows the numbers
_LONGEST = 40  # characters of a name
_REMEDY = (
    "give the name of a column from its first row, or its number: 0 is the first, -1 the last; "
    "several as a,b,c or 1-3"
)


def is_position(text: str) -> bool:
    """Tell whether `text` may be the number of a column."""
    return _POSITION.fullmatch(text) is not None


@dataclass
class TableColumns:
    """The table `path`: the number of its `columns`; `names` is empty without a header."""

    path: Path
    names: tuple[str, ...]
    columns: int

    def column(self, name: str) -> int:
        """Return the position of the column `name`, or that of its number (-1: the last)."""
        position = self._position(name)
        if position is None:
            raise self._unknown(name)
        return position

    def choose(self, text: str) -> list[int]:
        """Return the positions of several columns: names, numbers and ranges, with commas.

        Raises `InputError` for an unknown column, or one that is named twice.
        """
        parts = [text] if self._position(text) is not None else text.split(",")
        chosen = [position for part in parts for position in self._range(part.strip())]
        repeated = next((each for each in chosen if chosen.count(each) > 1), None)
        if repeated is not None:
            raise InputError(
                f"names the column {self.title(repeated)} twice",
                where=f"{self.path}:{printable(text, _LONGEST)}",
                remedy="name each column once",
            )
        return chosen

    def title(self, position: int) -> str:
        """Return the name of a column, or its number."""
        return printable(self.names[position], _LONGEST) if self.names else str(position)

    def listed(self, positions: Sequence[int]) -> str:
        """Return the titles of columns for a message."""
        titles = [self.title(position) for position in positions[:_SHOWN]]
        return ", ".join(titles) + ", ..." * (len(positions) > _SHOWN)

    def as_typed(self, positions: Sequence[int]) -> str:
        """Return the text with which a user chooses these columns: `x.csv:ax,ay` or `x.csv:1-3`."""
        names = [self.names[position] for position in positions] if self.names else []
        plain = all(self._position(name) is not None and "," not in name for name in names)
        if names and plain and len(names) <= _BY_NAME:
            text = ",".join(names)
            quote = "'" if re.search(r"[^\w.,-]", text) and "'" not in text else ""
            return f"{quote}{self.path}:{text}{quote}"
        return f"{self.path}:{_ranges(positions)}"

    def _range(self, part: str) -> Iterable[int]:
        """Return the positions of one part: a column, or a range from one to another."""
        if (position := self._position(part)) is not None:
            return [position]
        ends = _RANGE.fullmatch(part)
        first = self._position(ends["first"].strip()) if ends else None
        last = self._position(ends["last"].strip()) if ends else None
        if first is None or last is None:
            raise self._unknown(part)
        if first > last:
            raise InputError(
                f"the range {printable(part, _LONGEST)} ends before it begins",
                where=str(self.path),
                remedy="name the first column first",
            )
        return range(first, last + 1)

    def _position(self, name: str) -> int | None:
        if self.names.count(name) == 1:
            return self.names.index(name)
        if is_position(name) and -self.columns <= int(name) < self.columns:
            return int(name) % self.columns
        return None

    def _unknown(self, name: str) -> InputError:
        what = f"has {count_of(self.columns, 'column')}"
        if self.names:
            what += f": {self.listed(range(self.columns))}"
        return InputError(
            f"has no column {printable(name, _LONGEST)!r}; it {what}",
            where=str(self.path),
            remedy=_REMEDY,
        )


def _ranges(positions: Sequence[int]) -> str:
    """Return numbers as `0,2-4`."""
    begins = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(positions)) if b != a + 1)]
    parts = [positions[a:b] for a, b in pairwise([*begins, len(positions)])]
    return ",".join(
        str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts if part
    )
