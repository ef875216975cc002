"""Boards emulated by Renode."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.board.board import Bracket, log_file, not_started
from harness.board.renode import machine
from harness.board.renode.installation import environment, find_renode
from harness.board.renode.monitor import Monitor, quoted
from harness.board.renode.renode_log import Accesses, RenodeLog
from harness.elf import Elf
from harness.errors import InfrastructureError, InputError
from harness.image.build import Image
from harness.image.stack_paint import paint
from harness.link.carrier import Carrier
from harness.link.channel import Channel
from harness.link.device_errors import DeviceFaultError, DeviceStoppedError
from harness.link.fault_registers import code_location
from harness.support.owned_process import OwnedProcess
from harness.support.process_activity import Activity, ProcessTree
from harness.target.target_file import Renode, Target

_START_DEADLINE = 60.0  # seconds to the first prompt; it usually takes 1 to 7
_QUIT_DEADLINE = 2.0
_LOG_LINES = 10
_BURST = 256  # bytes; a larger backlog makes Renode's UART slow: docs/renode.md
_LINK_REGISTER = 14


class RenodeBoard:
    """A machine in Renode; each image starts a new Renode process.

    `renode` is the path of Renode; if it is empty, `find_renode` searches for one.
    """

    def __init__(self, target: Target, board: Renode, logs: Path, renode: str = "") -> None:
        self._target = target
        self._board = board
        self._renode = find_renode(renode)
        self._log_file = log_file(logs, target)
        self._log: RenodeLog | None = None
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

    def start(self, image: Image) -> Carrier:
        """Start Renode, create the machine, load `image`, and run it."""
        self.stop()
        self._elf = image.elf
        self._remedy = ""
        self._log = RenodeLog(self._log_file, self._board.cpu, image.elf.memory())
        monitor = self._monitor = self._launch()
        machine.build(monitor, self._target, self._board, image.elf, self._scratch)
        self._line = machine.connect(monitor, self._target, self._board, self._scratch)
        machine.load(monitor, self._target, self._board, image.elf)
        machine.report(monitor, self._board, image.elf)
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
        """Raise if the core was aborted, which leaves Renode running, or did what faults on a chip.

        `DeviceStoppedError` is for the first, `DeviceFaultError` for the second.
        """
        log, elf = self._log, self._elf
        if log is None or elf is None:
            return
        log.update()
        if log.abort is not None:
            raise DeviceStoppedError(
                f"Renode stopped the core at {elf.locate(log.abort.pc)}: {log.abort.why}",
                where=self._target.name,
            )
        if log.unmapped.count and self._board.unmapped == "fault":
            raise DeviceFaultError(
                f"{_described(log.unmapped, elf)}: a chip takes a fault there, Renode does not",
                where=self._target.name,
                remedy="correct the firmware. If the chip has something at this address, add it "
                'to the platform, or allow such accesses: board.unmapped = "warn"',
            )

    def diagnosis(self) -> str:
        """Return where the core is, and the last warnings and errors of Renode's log."""
        excerpt = self._log.excerpt() if self._log else []
        excerpt = excerpt or self._stderr.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        title = [f"Renode's log ({self._log_file}):"] if excerpt else []
        return "\n".join([*self._whereabouts(), *title, *excerpt])

    def bracket(self, count: int = 1) -> Bracket:
        """Return Renode's own counts of the last `count` inferences."""
        monitor, log, elf = self._started(), self._log, self._elf
        if log is None or elf is None:
            raise not_started(self._target)
        log.update()
        counts = log.brackets(count)
        self.check()
        if counts is None:
            raise self._uncounted(elf)
        self._remedy = self._remedy or machine.counting_remedy(monitor, self._board)
        tolerated = _described(log.unmapped, elf) if log.unmapped.count else ""
        return Bracket(*counts, self._remedy, tolerated)

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`."""
        file = self._scratch / "data"  # `sysbus ReadBytes` prints 20 bytes in a millisecond
        self._started().command(f"dump_file {address:#x} {size} {quoted(file)}")
        return file.read_bytes()

    def write_memory(self, address: int, data: bytes) -> None:
        """Write `data` to RAM at `address`, while the firmware waits."""
        file = self._scratch / "data"
        file.write_bytes(data)
        self._started().command(f"sysbus LoadBinary {quoted(file)} {address:#x}")

    @property
    def _stderr(self) -> Path:
        """The file for standard error, which is not part of Renode's log: why a process ended."""
        return self._log_file.with_suffix(".err")

    def _uncounted(self, elf: Elf) -> InputError | InfrastructureError:
        """Return why Renode has no count of an inference."""
        if elf.symbols(machine.COUNTER) is None:
            return InputError(
                f"has no symbol {machine.COUNTER}, so Renode cannot count the instructions of an "
                "inference, and the device's counter cannot be checked",
                where=str(elf.path),
                remedy='read the counter in a function of this name: docs/firmware.md, "What your '
                'firmware must do"',
            )
        return InfrastructureError(
            f"the firmware did not call {machine.COUNTER} before and after the inference",
            where=self._target.name,
            remedy='it reads the counter in another way: docs/firmware.md, "What your firmware '
            'must do"',
        )

    def _launch(self) -> Monitor:
        """Start Renode with a temporary home folder and the harness's log file."""
        self._scratch = Path(tempfile.mkdtemp(prefix="harness-"))
        command = [str(self._renode.executable), "--disable-xwt", "--plain", "--hide-log"]
        configuration = self._scratch / "config"
        configuration.write_text(machine.CONFIGURATION)
        command += ["--console", "--config", str(configuration)]
        self._log_file.unlink(missing_ok=True)
        with self._stderr.open("wb") as log:
            self._process = OwnedProcess(
                command,
                log,
                talks=True,
                environment=environment(self._scratch),
                scratch=self._scratch,
            )
        self._activity = ProcessTree(self._process.pid).activity
        stdin, stdout = self._process.stdin, self._process.stdout
        monitor = Monitor(stdin, stdout, where=self._target.name, scratch=self._scratch)
        monitor.greet(_START_DEADLINE)
        monitor.command(f"logFile {quoted(self._log_file.absolute())} true")
        return monitor

    def _started(self) -> Monitor:
        if self._monitor is None:
            raise not_started(self._target)
        return self._monitor

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


def _described(accesses: Accesses, elf: Elf) -> str:
    """Return what the first of `accesses` was, and how many there were."""
    first = accesses.first
    where = f", by {elf.locate(first.pc)}" if first else ""
    others = f" ({accesses.count:,} such accesses)" if accesses.count > 1 else ""
    return f"{first}, where the platform has neither memory nor a peripheral{where}{others}"
