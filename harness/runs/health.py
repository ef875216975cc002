"""The health of boards: one that fails several times in a row is set aside for the session."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import InfrastructureError

LIMIT = 3
"""Infrastructure errors in a row after which a board is set aside."""


class Health:
    """Counts the infrastructure errors of each target's board; those of a build do not count."""

    def __init__(self) -> None:
        self._in_a_row: dict[str, int] = {}
        self._set_aside: dict[str, str] = {}

    def why_not(self, target: str) -> str:
        """Return why the board of `target` is set aside; empty if it is not."""
        return self._set_aside.get(target, "")

    def check(self, target: str) -> None:
        """Raise `InfrastructureError` if the board of `target` is set aside."""
        if why := self.why_not(target):
            raise SetAsideError(why, where=target)

    def failed(self, target: str, *, for_good: bool = False) -> None:
        """Count an error; with `for_good`, the board is not tried again."""
        count = self._in_a_row[target] = self._in_a_row.get(target, 0) + 1
        if for_good:
            self._set_aside[target] = "the board is set aside, because it cannot be opened"
        elif count >= LIMIT:
            self._set_aside[target] = (
                f"the board is set aside after {count} infrastructure errors in a row"
            )

    @contextmanager
    def watch(self, target: str) -> Iterator[None]:
        """Count what fails inside; without an error, the count starts anew."""
        try:
            yield
        except InfrastructureError:
            self.failed(target)
            raise
        self._in_a_row[target] = 0


class SetAsideError(InfrastructureError):
    """The board failed before, and was not tried again."""
