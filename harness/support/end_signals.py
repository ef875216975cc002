"""SIGTERM and SIGHUP end a command as Ctrl-C does: in order, with everything released."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import ExitCode, HarnessError

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class EndSignal(KeyboardInterrupt):
    """A signal asks for the end; `exit_code` is what shells report for it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.exit_code = ExitCode(128 + number)


class InterruptionError(HarnessError):
    """What ended the command: Ctrl-C, or a signal that asks for the end."""

    def __init__(self, cause: KeyboardInterrupt) -> None:
        if isinstance(cause, EndSignal):
            super().__init__(str(cause))
            self.exit_code = cause.exit_code
        else:
            super().__init__("interrupted")
            self.exit_code = ExitCode.INTERRUPTED


@contextmanager
def raised_signals() -> Iterator[None]:
    """Raise `EndSignal` in the main thread when a signal asks for the end.

    The signals after the first one are ignored, so that they do not interrupt the end. A signal
    that is ignored from the start, as `nohup` does, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is signal.SIG_DFL:
            signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _: object) -> None:
    for ignored in _SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    raise EndSignal(number)
