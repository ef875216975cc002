"""A time limit for each operation on a probe, whatever pyOCD and the probe's driver wait for."""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from harness.board.pyocd.pyocd_errors import CONNECTING, STALLED
from harness.errors import HangError, UnreachableError

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
        worker = _Worker(operation)
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


class _Worker(threading.Thread, Generic[T]):
    """Runs one operation and keeps its outcome."""

    def __init__(self, operation: Callable[[], T]) -> None:
        super().__init__(name="probe", daemon=True)
        self.done = threading.Event()
        self._operation = operation
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._results.append(self._operation())
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]


def cut_of(probe: Any) -> Callable[[], None] | None:
    """Return the function that cuts the connection to `probe`; None if it has none."""
    found: Callable[[], None] | None = getattr(probe, "cut", None)
    return found
