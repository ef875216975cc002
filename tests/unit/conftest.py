"""What all unit tests share."""

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def _signals_end_processes() -> None:
    """Let tests send signals: a shell lets background jobs ignore SIGINT, and nohup SIGHUP."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
