"""Reads vectors, strings and tables of a flatbuffer whose content nobody has checked."""

import re
from collections import Counter
from typing import Any

from harness.errors import InputError

MAX_TABLES = 20_000  # operators, or tensors, of the whole file
_NEEDED = re.compile(r"at least ([0-9]{1,18}) bytes")  # in the text of struct.error


class TableReader:
    """The file `data`, called `where` in messages; a message begins with `part`, if there is one.

    The budget limits the work: in a valid file, an element of a vector or string takes at least one
    byte, and no two tables share a byte. Otherwise a small file could cause endless work.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self.data = data
        self.where = where
        self.part = ""
        self.place = "its header"
        self.budget = 2 * len(data) + 1024
        self.read: Counter[str] = Counter()  # tables, by what they are

    def fail(self, what: str, remedy: str = "convert or download it again") -> InputError:
        """Return the error that names the file."""
        return InputError(f"{self.part}{what}", where=self.where, remedy=remedy)

    def damage(self, error: Exception) -> str:
        """Return where an offset is invalid, and how many bytes the file would need."""
        needed = _NEEDED.search(str(error))
        if needed and int(needed[1]) > len(self.data):
            return (
                f"{self.place} needs {int(needed[1]):,} bytes, but the file has {len(self.data):,}"
            )
        return f"{self.place} has an invalid offset; the file has {len(self.data):,} bytes"

    def tables(self, length: int, what: str) -> range:
        """Return the indices of a vector of `length` tables.

        The limit is for all such vectors of the file together: many subgraphs may share one vector.
        """
        self.read[what] += length
        if self.read[what] > MAX_TABLES:
            self.part = ""
            raise self.fail(f"has {self.read[what]} {what}; at most {MAX_TABLES} are supported")
        return range(length)

    def spend(self, length: int) -> None:
        """Subtract a vector or string of `length` elements from the budget."""
        self.budget -= length
        if self.budget < 0:
            raise self.fail("is damaged: its vectors overlap or are larger than the file")

    def numbers(self, table: Any, name: str) -> list[Any]:
        """Return the vector of numbers in field `name` of `table`."""
        length = getattr(table, f"{name}Length")()
        self.spend(length)
        return list(getattr(table, f"{name}AsNumpy")().tolist()) if length else []

    def integers(self, table: Any, name: str) -> tuple[int, ...]:
        """Return the vector of whole numbers in field `name` of `table`."""
        return tuple(self.numbers(table, name))

    def table(self, table: Any, what: str) -> Any:
        """Return `table`, which messages call `what`; it must be there."""
        if table is None:
            raise self.fail(f"is damaged: {what} is missing")
        self.place = what
        return table

    def text(self, raw: bytes | None) -> str:
        """Return a string of the file; bytes other than UTF-8 are replaced."""
        self.spend(len(raw or b""))
        return (raw or b"").decode("utf-8", errors="replace")
