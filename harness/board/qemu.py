"""Boards emulated by QEMU's system emulator for Arm."""

import re
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from harness.board.active_fault import HandlerWatch
from harness.board.board import Diagnosis, log_file, not_started, rtt_carrier
from harness.board.gdbstub import Gdbstub
from harness.board.halted import Location, whereabouts
from harness.board.qemu_command import qemu_command
from harness.board.qemu_log import QemuLog, Refused, access_error
from harness.board.ways_back import WayBack
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.image.stack_paint import paint
from harness.link.carrier import Carrier
from harness.link.channel import Channel, LineClosedError
from harness.link.device_errors import DeviceFaultError
from harness.support.owned_process import OwnedProcess
from harness.support.process_activity import Activity, ProcessTree
from harness.target.qemu_program import QEMU, find_qemu, qemu_version
from harness.target.target_file import Qemu, Target

_END_DEADLINE = 5.0  # seconds for QEMU to end after it has closed its lines
_END_PATIENCE = 0.2  # seconds between the end of the line and that of the process
_SIGNALS = 128  # exit codes above this are signals
_FIND_PATIENCE = 5.0  # seconds for an access in the start-up to come again
_LINES = ("serial", "gdb")
_LOG_LINES = 10
_NO_REGISTER = re.compile(r"^NVIC: Bad (?:read|write) offset 0xd(?:fc|24)\n", re.MULTILINE)
"""QEMU has no DEMCR; start-up code that switches the cycle counter on is right all the same. Its
Cortex-M0 has no SHCSR, where the harness looks."""


def _read(gdbstub: Gdbstub, address: int, size: int) -> bytes:
    """Return `size` bytes at `address`; empty if QEMU has nothing there."""
    try:
        return gdbstub.read(address, size)
    except LineClosedError:
        raise
    except InfrastructureError:
        return b""


class QemuBoard:
    """A QEMU machine; each image starts a new process.

    Its serial line is a socket; its gdbstub, for memory and registers, is another one.
    """

    device = None  # there is only one

    def __init__(self, target: Target, qemu: Qemu, logs: Path) -> None:
        self._target = target
        self._qemu = qemu
        self._executable = find_qemu()
        self._log = log_file(logs, target)
        self._process: OwnedProcess | None = None
        self._connections: dict[str, socket.socket] = {}
        self._gdbstub: Gdbstub | None = None
        self._line: Channel | None = None
        self._activity: Callable[[], Activity | None] = lambda: None
        self._image: Image | None = None
        self._accesses: QemuLog | None = None
        self._handler = HandlerWatch()

    @property
    def version(self) -> str:
        """The first line of `qemu-system-arm --version`."""
        return qemu_version(self._executable)

    def start(self, image: Image) -> Carrier:
        """Start the machine with `image` in its flash."""
        self.stop()
        self._image = image
        self._open(image, self._log)
        self._gdbstub = Gdbstub(self._channel("gdb", "QEMU's gdbstub"), runs=False)
        self._line = self._channel("serial", "QEMU's first UART")
        try:
            self._gdbstub.wait()
            self._accesses = QemuLog(self._log)
            if image.stack:
                self._gdbstub.write(image.stack.start, paint(image.stack))
            else:
                self._gdbstub.start()
        except LineClosedError:
            self._check_start()
            raise
        if self._target.port.over_rtt:
            return rtt_carrier(
                self,
                self._target,
                image,
                self._activity,
                transfer=self._gdbstub.transfer,
            )
        return self._line

    def stop(self) -> None:
        """End QEMU and close its sockets."""
        self._gdbstub = self._line = None
        while self._connections:
            self._connections.popitem()[1].close()
        if self._process is not None:
            self._process.stop()
            self._process = None

    def close(self) -> None:
        """Same as `stop`: nothing outlives a start."""
        self.stop()

    def check(self, unanswered: int = 0) -> None:
        """Raise `DeviceFaultError` if the firmware did what faults on a chip, and went on.

        The same if it stays in the handler of a fault. When QEMU ends, its socket closes, which the
        channel reports at once.
        """
        self._check_start_up()
        gdbstub, line = self._gdbstub, self._line
        if gdbstub is None or line is None:
            return
        with gdbstub.beside(line):
            if not self._handler.stays(gdbstub.read, unanswered):
                return
            location = self._location(gdbstub)
        raise DeviceFaultError(
            f"the core stays {location.text}", where=self._target.name, remedy=location.remedy
        )

    def _check_start_up(self) -> None:
        """Raise `DeviceFaultError` for an access to nothing, unless it was in an inference."""
        access = self._refused()
        if access is not None and not self._started().watches:
            raise access_error(access, self._target.name, self._by(access))

    def _check_inference(self) -> None:
        """The same after an inference: if it is repeated, the error names the code."""
        access, gdbstub = self._refused(), self._started()
        if access is None:
            return
        if not gdbstub.watches:
            gdbstub.watch(access.address)
            error = access_error(access, self._target.name, "")
            error.again = True
            raise error
        pc, image = gdbstub.accessed_at, self._image
        known = f", by {image.elf.locate(pc)}" if image and pc is not None else ""
        raise access_error(access, self._target.name, known or self._by(access))

    def _refused(self) -> Refused | None:
        if self._accesses is None or self._qemu.unmapped == "ignore":
            return None
        return self._accesses.refused()

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`, through the gdbstub."""
        return self._started().read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """Write `data` to RAM through the gdbstub; machine and clocks stop during the write."""
        self._started().write(address, data)

    def bracket(self, count: int = 1) -> None:
        """Check the last inferences, and return None: QEMU does not report a count."""
        del count
        self._check_inference()

    def diagnosis(self) -> Diagnosis:
        """Return how QEMU ended or where its core is, and the end of QEMU's log."""
        end = self._end()
        state = Location(end) if end else self._whereabouts()
        text = "\n".join(filter(None, [state.text, self._log_excerpt()]))
        return Diagnosis(text, state.remedy)

    def swo_lines(self) -> tuple[str, ...]:
        """None: QEMU has no ITM."""
        return ()

    def ways_back(self) -> tuple[WayBack, ...]:
        """None: an emulator that is started again does the same."""
        return ()

    def _end(self) -> str:
        """Return how QEMU ended; empty if it runs."""
        if self._process is None or not self._process.wait(_END_PATIENCE):
            return ""
        code = self._process.poll() or 0
        if code <= _SIGNALS:
            return f"QEMU ended with exit code {code}"
        name = signal.Signals(code - _SIGNALS).name
        return f"QEMU was ended by {name}: by a person, or by the system because memory was short"

    def _whereabouts(self) -> Location:
        """Return where the core is; empty if the gdbstub no longer answers."""
        gdbstub, line = self._gdbstub, self._line
        if gdbstub is None or line is None:
            return Location("")
        try:
            with gdbstub.beside(line):
                text, remedy = self._location(gdbstub)
                return Location(f"the core was {text}", remedy)
        except InfrastructureError:
            return Location("")

    def _location(self, gdbstub: Gdbstub) -> Location:
        """Return where the core is, and the fault if it handles one."""
        if self._image is None:
            raise not_started(self._target)
        *low, msp, lr, pc, xpsr = gdbstub.registers()  # in a handler, r13 is MSP
        registers = {f"r{number}": value for number, value in enumerate(low)}
        registers |= {"msp": msp, "lr": lr, "pc": pc, "xpsr": xpsr}
        return whereabouts(registers, partial(_read, gdbstub), self._image.elf)

    def _by(self, access: Refused) -> str:
        """Return which code made `access`: it comes again when the image starts again.

        Empty if it does not come: then it is not part of the start-up.
        """
        if self._image is None:
            return ""
        locate = self._image.elf.locate
        self.stop()
        self._open(self._image, self._log.with_suffix(".again.log"))
        try:
            gdbstub = Gdbstub(self._channel("gdb", "QEMU's gdbstub"), runs=False)
            pc = gdbstub.first_access(access.address, _FIND_PATIENCE)
        except InfrastructureError:
            return ""
        finally:
            self.stop()
        return f", by {locate(pc)}"

    def _open(self, image: Image, log_file: Path) -> None:
        """Start QEMU's process, with a socket for each line.

        Connected sockets have no path that could be too long, stay behind, or be opened by others,
        and no byte that the firmware sends at start is lost.
        """
        with ExitStack() as handed_over:
            theirs = {}
            for name in _LINES:
                self._connections[name], other = socket.socketpair()
                theirs[name] = handed_over.enter_context(other).fileno()
            with log_file.open("wb") as log:
                command = qemu_command(
                    self._executable, self._target, self._qemu, image.elf, theirs
                )
                self._process = OwnedProcess(command, log, descriptors=[*theirs.values()])
                self._activity = ProcessTree(self._process.pid).activity

    def _log_excerpt(self) -> str:
        """Return QEMU's fatal error and the lines after it, or else the last lines of its log."""
        try:
            lines = _NO_REGISTER.sub("", self._log.read_text(errors="replace")).splitlines()
        except OSError:
            return ""
        if not lines:
            return ""
        tail = max(len(lines) - _LOG_LINES, 0)
        # A long register dump follows "qemu: fatal: Lockup".
        first = next((i for i, line in enumerate(lines) if "fatal:" in line), tail)
        return "\n".join([f"QEMU's log ({self._log}):", *lines[first:][:_LOG_LINES]])

    def _started(self) -> Gdbstub:
        if self._gdbstub is None:
            raise not_started(self._target)
        return self._gdbstub

    def _channel(self, name: str, peer: str) -> Channel:
        return Channel(
            self._connections[name].fileno(),
            name=f"{self._target.name} ({peer})",
            activity=self._activity,
        )

    def _check_start(self) -> None:
        """Raise an error with the exit code if QEMU has ended."""
        if self._process is None or not self._process.wait(_END_DEADLINE):
            return
        raise InfrastructureError(
            f"QEMU ended at start with exit code {self._process.poll()}\n{self._log_excerpt()}",
            where=f"{self._target.path}: board",
            remedy=f"try it in a shell: {QEMU} -M {self._qemu.machine}; "
            f"{QEMU} -M help lists the machines",
        )
