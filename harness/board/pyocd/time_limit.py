"""A time limit for each operation on a probe, whatever pyOCD and the probe's driver wait for."""

from collections.abc import Callable
from typing import Any, TypeVar

from harness.board.pyocd.pyocd_errors import CONNECTING, STALLED
from harness.errors import HangError, UnreachableError
from harness.support.thread_work import ThreadWork

T = TypeVar("T")

_GRACE = 2.0  # seconds in which an operation ends after its connection was cut


class TimeLimit:
    """Runs operations on a probe; `where` names it in errors.

    Each runs in a thread. If it is late, or if Ctrl-C ends the wait for it, the connection to the
    probe is `cut`, which ends the thread. A driver without such a function may keep its thread; it
    does not outlive the process. After that, every operation fails at once.
    """

    def __init__(self, where: str, cut: Callable[[], None] | None = None) -> None:
        self._where = where
        self._cut = cut
        self._late = ""

    def run(self, seconds: float, activity: str, operation: Callable[[], T]) -> T:
        """Return the result of `operation`, or raise its exception.

        Raises `HangError` if it does not end within `seconds`.
        """
        if self._late:
            raise self._error(activity)
        worker = ThreadWork("probe", operation)
        try:
            worker.start()
            worker.done.wait(seconds)
        finally:
            if not worker.done.is_set():
                if self._cut:
                    self._cut()
                if not worker.done.wait(_GRACE) or self._cut:
                    self._late = f"{activity} was not finished within {seconds:g} s"
        if self._late:
            raise self._error(activity)
        return worker.outcome()

    def _error(self, activity: str) -> HangError:
        kind = UnreachableError if activity == CONNECTING else HangError
        return kind(
            f"{activity}: the probe does not answer ({self._late})",
            where=self._where,
            remedy=STALLED,
        )


def cut_of(probe: Any) -> Callable[[], None] | None:
    """Return the function that cuts the connection to `probe`; None if it has none."""
    found: Callable[[], None] | None = getattr(probe, "cut", None)
    return found
