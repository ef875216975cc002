"""The health of boards: one that is lost, or fails several times in a row, is set aside."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import InfrastructureError

LIMIT = 3
"""Infrastructure errors in a row after which a board is set aside."""


class Health:
    """Counts the errors of each target's board in a session; those of a build do not count."""

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

    def failed(self, target: str, error: InfrastructureError, *, for_good: bool = False) -> None:
        """Count `error`; with `for_good`, or if the board is lost, it is not tried again."""
        count = self._in_a_row[target] = self._in_a_row.get(target, 0) + 1
        if for_good:
            self._set_aside[target] = "the board is set aside, because it cannot be opened"
        elif isinstance(error, LostBoardError):
            self._set_aside[target] = "the board is set aside, because it does not come back"
        elif count >= LIMIT:
            self._set_aside[target] = (
                f"the board is set aside after {count} infrastructure errors in a row"
            )

    @contextmanager
    def watch(self, target: str) -> Iterator[None]:
        """Count what fails inside; without an error, the count starts anew."""
        try:
            yield
        except InfrastructureError as error:
            self.failed(target, error)
            raise
        self._in_a_row[target] = 0


class LostBoardError(InfrastructureError):
    """The board hangs, and nothing reaches it any more: no way brought it back."""


class SetAsideError(InfrastructureError):
    """The board failed before, and was not tried again."""
