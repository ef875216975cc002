"""Whose turn it is: the thread of the core runs until another thread takes over for a moment."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turn:
    """The core's thread has it in `with turn`; other threads take it over with `taken`.

    `interrupt` makes the core's thread look at `is_free` soon, and then call `wait`.
    """

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._condition = threading.Condition(threading.RLock())
        self._waiting = 0
        self._count_lock = threading.Lock()

    def __enter__(self) -> None:
        self._condition.acquire()

    def __exit__(self, *_: object) -> None:
        self._condition.release()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have the turn while the context is open; then the core's thread looks around again."""
        with self._count_lock:
            self._waiting += 1
        self._interrupt()
        self._condition.acquire()
        try:
            yield
        finally:
            with self._count_lock:
                self._waiting -= 1
            self._condition.notify_all()
            self._condition.release()

    def is_free(self) -> bool:
        """Whether no other thread has the turn or waits for it."""
        return not self._waiting

    def wait(self, seconds: float | None = None) -> bool:
        """Give the turn away, for that long at most; return whether another thread had it."""
        return self._condition.wait(seconds)

    def notify(self) -> None:
        """End `wait`: something has changed."""
        self._condition.notify_all()
