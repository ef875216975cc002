"""Work in a thread, for what has no deadline of its own. A process does not wait for it."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class ThreadWork(threading.Thread, Generic[T]):
    """Runs one operation and keeps its outcome; `done` is set when it has ended."""

    def __init__(self, name: str, operation: Callable[[], T]) -> None:
        super().__init__(name=name, daemon=True)
        self.done = threading.Event()
        self._operation = operation
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Run the operation."""
        try:
            self._results.append(self._operation())
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()

    def outcome(self) -> T:
        """Return the result of the operation, or raise its exception."""
        if self._error is not None:
            raise self._error
        return self._results[0]
