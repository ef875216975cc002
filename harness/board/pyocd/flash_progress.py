"""Shows pyOCD's progress."""

from collections.abc import Callable
from typing import Any


class FlashProgress:
    """Turns pyOCD's progress, 0 to 1 for erasing and again for programming, into 200 steps."""

    def __init__(self, step: Callable[[], Any]) -> None:
        self._step = step
        self._done = 0
        self._last = 0.0
        self._base = 0

    def __call__(self, share: float) -> None:
        """Take the share of the current part that is done."""
        if share < self._last:
            self._base = 100
        self._last = share
        while self._done < self._base + round(share * 100):
            self._step()
            self._done += 1
