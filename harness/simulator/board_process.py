"""Virtual boards in processes of their own, which end with their owner."""

import json
import select
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO, Self

from harness.errors import InfrastructureError
from harness.simulator import runtime_folder
from harness.simulator.board_client import BoardBusyError, BoardGoneError, Control
from harness.simulator.chip_names import CHIP_NAMES, unknown_chip
from harness.simulator.peripherals.uart import ALL_UARTS
from harness.simulator.running_board import RunningBoard
from harness.simulator.runtime_folder import Announcement
from harness.simulator.socket_protocol import Request
from harness.support.owned_process import OwnedProcess
from harness.support.process_activity import ProcessTree

_START_DEADLINE = 20.0  # seconds; a start takes half a second on an idle machine
_STOP_DEADLINE = 3.0
_READ_SIZE = 1 << 12
_TAIL_LINES = 10


class VirtualBoard(RunningBoard):
    """A running virtual board in a process of its own; use it as a context manager.

    `activity` returns what the process does.
    """

    def __init__(self, process: OwnedProcess, announcement: Announcement) -> None:
        super().__init__(announcement)
        self._process: OwnedProcess | None = process
        self.activity = ProcessTree(process.pid).activity

    @classmethod
    def start(
        cls,
        chip: str,
        *,
        uart: str = ALL_UARTS,
        boot: int | None = None,
        serial: str | None = None,
        chip_id: str = "",
        meter: str = "",
        faults: Sequence[str] = (),
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Self:
        """Start a board and wait until it is ready; no other program finds it by its name.

        `chip` is pyOCD's name of the chip, `serial` the ID of the probe, `uart` the UART on the
        serial port, by default all; `chip_id`, `boot`, `meter` and `faults` have the form of the
        options of `harness virtual serve`. `meanwhile` is called while the board starts.

        Raises `InputError` if the chip is unknown, `InfrastructureError` if the board does not
        start.
        """
        if chip not in CHIP_NAMES:
            raise unknown_chip(chip)
        # -P: Python must not take modules from the current folder.
        command = [sys.executable, "-P", "-m", "harness.simulator", "serve", chip]
        command += ["--json", "--private", "--uart", uart]
        command += ["--boot", hex(boot)] if boot is not None else []
        command += ["--serial", serial] if serial else []
        command += ["--chip-id", chip_id] if chip_id else []
        command += ["--meter", meter] if meter else []
        command += [part for fault in faults for part in ("--fault", fault)]
        with tempfile.TemporaryFile() as log:
            process = OwnedProcess(command, log, talks=True)
            try:
                meanwhile()
                announcement = _wait_for_start(process, log, chip)
            except BaseException:
                process.stop()
                raise
        return cls(process, announcement)

    def stop(self) -> None:
        """End the board; a second call has no effect."""
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            control = Control(self._announcement)
            control.ask(Request("stop"))
            control.close()
            process.wait(_STOP_DEADLINE)
        except (BoardGoneError, BoardBusyError, ValueError):
            pass  # it has ended, or does not respond; it is killed below
        finally:
            process.stop()
            runtime_folder.running()  # removes the files of a killed board

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _wait_for_start(process: OwnedProcess, log: IO[bytes], chip: str) -> Announcement:
    """Wait until the board is ready, and return its announcement."""
    end = time.monotonic() + _START_DEADLINE
    line = b""
    while not line.endswith(b"\n"):
        data = None
        if select.select([process.stdout], [], [], max(end - time.monotonic(), 0))[0]:
            data = process.stdout.read(_READ_SIZE)
        if not data:
            raise _not_started(process, log, chip)
        line += data
    announced = json.loads(line)
    return Announcement(
        announced["probe"],
        announced["chip"],
        announced["board"],
        announced["port"],
        announced["socket"],
        announced["meter"],
    )


def _not_started(process: OwnedProcess, log: IO[bytes], chip: str) -> InfrastructureError:
    """Return the error for a board that has ended or is too slow, with the end of its log."""
    what = f"did not start within {_START_DEADLINE:g} s"
    if process.wait(_STOP_DEADLINE):
        what = f"ended at start with exit code {process.poll()}"
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
    return InfrastructureError(
        "\n".join([f"the virtual board {what}", *lines]),
        where=chip,
        remedy=f"run: harness virtual serve {chip}",
    )
