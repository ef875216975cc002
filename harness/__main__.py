"""The start of the `harness` command, which is also `python -m harness`."""

import os
import signal
import sys
from contextlib import suppress

from harness.errors import ExitCode


def main() -> int:
    """Run the command. While its modules are imported, Ctrl-C ends it without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from harness.cli.main import main as run  # noqa: PLC0415 - takes most of the start

    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()


def _end(*_: object) -> None:
    """End at once: nothing is open yet, and an exception could get lost in an import."""
    with suppress(OSError):  # the standard error is closed
        os.write(2, b"harness: interrupted\n")
    os._exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
