"""Virtual boards for the harness and its tests: started, found, and never left behind."""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import InfrastructureError, InputError
from harness.simulator import runtime_folder
from harness.simulator.board_client import BoardBusyError, BoardGoneError, Control
from harness.simulator.chips.chip_names import CHIP_NAMES
from harness.simulator.runtime_folder import Record
from harness.simulator.socket_protocol import Request
from harness.support.owned_process import OwnedProcess
from harness.support.suggestions import suggest

_START_DEADLINE = 20.0  # seconds; it takes half of one on an idle machine
_STOP_DEADLINE = 3.0
_POLL = 0.01
_TAIL_LINES = 10


class VirtualBoard:
    """A running virtual board in a process of its own; use it as a context manager.

    `probe_id` is what pyOCD knows its probe by, `port` the path of its serial port.
    """

    def __init__(self, process: OwnedProcess, record: Record, folder: Any) -> None:
        self._process: OwnedProcess | None = process
        self._record = record
        self._folder = folder

    @classmethod
    def start(
        cls,
        chip: str,
        *,
        uart: str | None = None,
        boot: int | None = None,
        serial: str | None = None,
        meter: str = "",
        faults: Sequence[str] = (),
    ) -> Self:
        """Start a board with a `chip`, pyOCD's name of it, and wait until it is there.

        `uart` is the one on the serial port, `serial` the probe's id; `boot`, `meter` and
        `faults` are as `harness virtual serve` takes them. Raises `InputError` if there is no
        such chip, `InfrastructureError` if the board does not start.
        """
        if chip not in CHIP_NAMES:
            raise InputError(
                f"there is no virtual board with a {chip!r}", remedy=suggest(chip, CHIP_NAMES)
            )
        folder = tempfile.TemporaryDirectory(prefix="harness-")
        ready = Path(folder.name) / "ready"
        log = Path(folder.name) / "log"
        command = [sys.executable, "-m", "harness.simulator", "serve", chip]
        command += ["--ready", str(ready)]
        command += ["--uart", uart] if uart else []
        command += ["--boot", hex(boot)] if boot is not None else []
        command += ["--serial", serial] if serial else []
        command += ["--meter", meter] if meter else []
        command += [part for fault in faults for part in ("--fault", fault)]
        with log.open("wb") as file:
            process = OwnedProcess(command, file, scratch=Path(folder.name))
        try:
            record = _await(process, ready, log, chip)
        except BaseException:
            process.stop()
            folder.cleanup()
            raise
        return cls(process, record, folder)

    @property
    def probe_id(self) -> str:
        """The unique id of its probe."""
        return self._record.probe_id

    @property
    def port(self) -> str:
        """The path of its serial port."""
        return self._record.port

    @property
    def meter(self) -> str:
        """The path of the serial port of the meter in its supply; empty without one."""
        return self._record.meter

    @property
    def chip(self) -> str:
        """Its chip, by pyOCD's name."""
        return self._record.chip

    def set_fault(self, fault: str) -> None:
        """Let something go wrong from now on, given as `--fault` takes it; "none" mends it."""
        self._ask(Request("fault", fault))

    def status(self) -> dict[str, Any]:
        """Return instructions executed, and whether it is halted, sleeping or locked up."""
        result: dict[str, Any] = self._ask(Request("status"))
        return result

    def edges(self) -> list[tuple[str, bool, int]]:
        """Return the edges of output pins: pin, level, and instructions executed till then."""
        return [tuple(edge) for edge in self._ask(Request("edges"))]

    def joules(self) -> list[float]:
        """Return the energy of each time that the trigger was high, as its meter injected it."""
        result: list[float] = self._ask(Request("joules"))
        return result

    def stop(self) -> None:
        """End the board; stopping twice is no error."""
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            control = Control(self._record)
            control.ask(Request("stop"))
            control.close()
            _wait_for_end(process)
        except (BoardGoneError, BoardBusyError, ValueError):
            pass  # it ended by itself, or does not listen: then it is killed
        finally:
            process.stop()
            self._folder.cleanup()
            runtime_folder.running()  # sweeps what a killed board could not

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _ask(self, request: Request) -> Any:
        try:
            control = Control(self._record)
            try:
                return control.ask(request)
            finally:
                control.close()
        except (BoardGoneError, BoardBusyError) as error:
            raise InfrastructureError(str(error), where=f"virtual board {self.probe_id}") from error
        except ValueError as error:
            raise InputError(str(error)) from error


def _await(process: OwnedProcess, ready: Path, log: Path, chip: str) -> Record:
    """Return the record of the board once it has announced itself."""
    end = time.monotonic() + _START_DEADLINE
    while not ready.exists():
        code = process.poll()
        if code is not None or time.monotonic() > end:
            said = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
            what = (
                f"did not start within {_START_DEADLINE:g} s"
                if code is None
                else f"ended at start with exit code {code}"
            )
            raise InfrastructureError(
                "\n".join([f"the virtual board {what}", *said]),
                where=chip,
                remedy=f"try it by hand: harness virtual serve {chip}",
            )
        time.sleep(_POLL)
    announced = json.loads(ready.read_text())
    return Record(
        announced["probe"],
        announced["chip"],
        announced["board"],
        announced["port"],
        announced["socket"],
        announced["meter"],
    )


def _wait_for_end(process: OwnedProcess) -> None:
    end = time.monotonic() + _STOP_DEADLINE
    while process.poll() is None and time.monotonic() < end:
        time.sleep(_POLL)
