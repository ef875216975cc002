"""Boards emulated by Renode."""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.board.board import log_file, not_started
from harness.board.renode import machine
from harness.board.renode.installation import environment, find_renode
from harness.board.renode.monitor import Monitor, quoted
from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.image.stack_paint import paint
from harness.link.channel import Channel
from harness.link.device_errors import DeviceStoppedError
from harness.link.fault_registers import code_location
from harness.support.owned_process import OwnedProcess
from harness.support.process_activity import Activity, ProcessTree
from harness.target.target_file import Renode, Target

_START_DEADLINE = 60.0  # seconds to the first prompt; it usually takes 1 to 7
_QUIT_DEADLINE = 2.0
_LOG_LINES = 10
_BURST = 256  # bytes; a larger backlog makes Renode's UART slow: docs/renode.md
_ABORT = re.compile(r"CPU abort \[PC=(?P<pc>0x[0-9A-Fa-f]+)\]: (?P<why>.*)")
_NOTABLE = re.compile(r"\[(?:WARNING|ERROR)\]")
_LINK_REGISTER = 14


class RenodeBoard:
    """A machine in Renode; each image starts a new Renode process.

    `renode` is the path of Renode; if it is empty, `find_renode` searches for one.
    """

    def __init__(self, target: Target, board: Renode, logs: Path, renode: str = "") -> None:
        self._target = target
        self._board = board
        self._renode = find_renode(renode)
        self._log = log_file(logs, target)
        self._scratch = Path()
        self._process: OwnedProcess | None = None
        self._activity: Callable[[], Activity | None] = lambda: None
        self._monitor: Monitor | None = None
        self._line: int | None = None
        self._elf: Elf | None = None

    @property
    def version(self) -> str:
        """Renode's name and version, from its `--version`."""
        return self._renode.version

    def start(self, image: Image) -> Channel:
        """Start Renode, create the machine, load `image`, and run it."""
        self.stop()
        self._elf = image.elf
        monitor = self._monitor = self._launch()
        machine.build(monitor, self._target, self._board, image.elf, self._scratch)
        self._line = machine.connect(monitor, self._target, self._board, self._scratch)
        machine.load(monitor, self._target, self._board, image.elf)
        if image.stack:
            self.write_memory(image.stack.start, paint(image.stack))
        monitor.command("start")
        return Channel(
            self._line,
            name=f"{self._target.name} (Renode)",
            burst=_BURST,
            activity=self._activity,
        )

    def stop(self) -> None:
        """End Renode and close the line."""
        if self._line is not None:
            os.close(self._line)
            self._line = None
        self._monitor = None
        if self._process is not None:
            self._process.stdin.close()  # Renode quits at the end of its input
            self._process.wait(_QUIT_DEADLINE)
            self._process.stop()
            self._process = None

    def close(self) -> None:
        """Same as `stop`: nothing outlives a start."""
        self.stop()

    def check(self) -> None:
        """Raise `DeviceStoppedError` if the core was aborted; Renode itself keeps running."""
        aborts = list(_ABORT.finditer(self._log_text()))
        if aborts and self._elf is not None:
            location = self._elf.locate(int(aborts[-1]["pc"], 16))
            raise DeviceStoppedError(
                f"Renode stopped the core at {location}: {aborts[-1]['why']}",
                where=self._target.name,
            )

    def diagnosis(self) -> str:
        """Return where the core is, and the last warnings and errors of Renode's log."""
        lines = self._log_text().splitlines()
        lines = lines or self._stderr.read_text(errors="replace").splitlines()
        excerpt = ([line for line in lines if _NOTABLE.search(line)] or lines)[-_LOG_LINES:]
        title = [f"Renode's log ({self._log}):"] if excerpt else []
        return "\n".join([*self._whereabouts(), *title, *excerpt])

    def executed(self) -> int:
        """Return how many instructions the core has executed since its reset."""
        return self._started().number(f"sysbus.{self._board.cpu} ExecutedInstructions")

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`."""
        answer = self._started().command(f"sysbus ReadBytes {address:#x} {size}")
        return bytes(int(number, 16) for number in re.findall(r"0x([0-9A-Fa-f]{2})\b", answer))

    def write_memory(self, address: int, data: bytes) -> None:
        """Write `data` to RAM at `address`, while the firmware waits."""
        file = self._scratch / "data"
        file.write_bytes(data)
        self._started().command(f"sysbus LoadBinary {quoted(file)} {address:#x}")

    @property
    def _stderr(self) -> Path:
        """The file for standard error, which is not part of Renode's log: why a process ended."""
        return self._log.with_suffix(".err")

    def _launch(self) -> Monitor:
        """Start Renode with a temporary home folder and the harness's log file."""
        self._scratch = Path(tempfile.mkdtemp(prefix="harness-"))
        command = [str(self._renode.executable), "--disable-xwt", "--plain", "--hide-log"]
        command += ["--console", "--config", str(self._scratch / "config")]
        self._log.unlink(missing_ok=True)
        with self._stderr.open("wb") as log:
            self._process = OwnedProcess(
                command,
                log,
                talks=True,
                environment=environment(self._scratch),
                scratch=self._scratch,
            )
        self._activity = ProcessTree(self._process.pid).activity
        monitor = Monitor(self._process.stdin, self._process.stdout, where=self._target.name)
        monitor.greet(_START_DEADLINE)
        monitor.command(f"logFile {quoted(self._log.absolute())} true")
        return monitor

    def _started(self) -> Monitor:
        if self._monitor is None:
            raise not_started(self._target)
        return self._monitor

    def _log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.is_file() else ""

    def _whereabouts(self) -> list[str]:
        """Return the core's location and its caller; empty if Renode no longer answers."""
        if self._monitor is None or self._elf is None:
            return []
        cpu = f"sysbus.{self._board.cpu}"
        try:
            self._monitor.command("pause")
            pc = self._monitor.number(f"{cpu} PC")
            lr = self._monitor.number(f"{cpu} GetRegister {_LINK_REGISTER}")
        except InfrastructureError:
            return []
        return [f"the core was at {code_location(pc, lr, self._elf.locate)}"]
