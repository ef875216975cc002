"""Boards emulated by QEMU's system emulator for Arm."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from harness.board.board import log_file, not_started
from harness.board.gdbstub import Gdbstub
from harness.board.halted import whereabouts
from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.image.stack_paint import paint
from harness.link.channel import Channel
from harness.support.owned_process import OwnedProcess
from harness.target.target_file import Qemu, Target

_QEMU = "qemu-system-arm"
_INSTALL = "install QEMU: apt install qemu-system-arm, brew install qemu, or see qemu.org/download"
_START_DEADLINE = 15.0  # seconds for QEMU to connect to a socket
_VERSION_DEADLINE = 10.0
_POLL = 0.01
_SOCKETS = ("serial", "gdb")
_LOG_LINES = 10


class QemuBoard:
    """A QEMU machine; each image starts a new process.

    Its serial line is a Unix socket; its gdbstub, for memory and registers, is another one.
    """

    def __init__(self, target: Target, qemu: Qemu, logs: Path) -> None:
        self._target = target
        self._qemu = qemu
        self._executable = find_qemu()
        self._log = log_file(logs, target)
        self._process: OwnedProcess | None = None
        self._connections: dict[str, socket.socket] = {}
        self._gdbstub: Gdbstub | None = None
        self._elf: Elf | None = None

    @property
    def version(self) -> str:
        """The first line of `qemu-system-arm --version`."""
        return qemu_version(self._executable)

    def start(self, image: Image) -> Channel:
        """Start the machine with `image` in its flash."""
        self.stop()
        self._elf = image.elf
        with (
            tempfile.TemporaryDirectory(prefix="harness-") as folder,
            ExitStack() as listening,
        ):
            # The harness listens and QEMU connects: no polling, and no byte that the
            # firmware sends at start is lost.
            servers = {}
            for name in _SOCKETS:
                servers[name] = listening.enter_context(socket.socket(socket.AF_UNIX))
                servers[name].bind(os.path.join(folder, name))
                servers[name].listen(1)
            with self._log.open("wb") as log:
                command = self._command(image, folder)
                self._process = OwnedProcess(command, log, scratch=Path(folder))
            for name, server in servers.items():
                self._connections[name] = self._accept(server, name)
        self._gdbstub = Gdbstub(self._channel("gdb", "QEMU's gdbstub"), runs=not image.stack)
        if image.stack:
            self._gdbstub.write(image.stack.start, paint(image.stack))
        return self._channel("serial", "QEMU")

    def stop(self) -> None:
        """End QEMU and close its sockets."""
        self._gdbstub = None
        while self._connections:
            self._connections.popitem()[1].close()
        if self._process is not None:
            self._process.stop()
            self._process = None

    def close(self) -> None:
        """Same as `stop`: nothing outlives a start."""
        self.stop()

    def check(self) -> None:
        """Do nothing: when QEMU ends, its socket closes, which the channel reports at once."""

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`, through the gdbstub."""
        return self._started().read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """Write `data` to RAM through the gdbstub; machine and clocks stop during the write."""
        self._started().write(address, data)

    def bracket(self) -> None:
        """Return None: QEMU does not report a count."""

    def diagnosis(self) -> str:
        """Return where the core is, and the end of QEMU's log."""
        return "\n".join(filter(None, [self._whereabouts(), self._log_excerpt()]))

    def _whereabouts(self) -> str:
        """Return where the core is; empty if the gdbstub no longer answers."""
        if self._gdbstub is None or self._elf is None:
            return ""
        try:
            *_, msp, lr, pc, xpsr = self._gdbstub.registers()  # in a handler, r13 is MSP
            registers = {"msp": msp, "lr": lr, "pc": pc, "xpsr": xpsr}
            location = whereabouts(registers, self._gdbstub.read, self._elf.locate)
        except InfrastructureError:
            return ""
        return f"the core was {location}"

    def _log_excerpt(self) -> str:
        """Return QEMU's fatal error and the lines after it, or else the last lines of its log."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
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
        return Channel(self._connections[name].fileno(), name=f"{self._target.name} ({peer})")

    def _command(self, image: Image, folder: str) -> list[str]:
        sockets = [
            option
            for name in _SOCKETS
            for option in (
                *("-chardev", f"socket,id={name},path={os.path.join(folder, name)}"),
                *(f"-{name}", f"chardev:{name}"),
            )
        ]
        return [
            self._executable,
            *("-M", self._qemu.machine),
            *("-kernel", str(image.elf.path)),
            *("-icount", f"shift={self._qemu.icount_shift}"),
            *sockets,
            *(["-S"] if image.stack else []),  # stay halted until the stack is painted
            *("-display", "none"),
            *("-monitor", "none"),
        ]

    def _accept(self, server: socket.socket, name: str) -> socket.socket:
        server.settimeout(_POLL)
        end = time.monotonic() + _START_DEADLINE
        while time.monotonic() < end:
            try:
                connection, _ = server.accept()
            except TimeoutError:
                self._check_alive()
                continue
            return connection
        raise InfrastructureError(
            f"QEMU did not open its {name} line within {_START_DEADLINE:g} s",
            where=self._target.name,
        )

    def _check_alive(self) -> None:
        code = self._process.poll() if self._process else None
        if code is not None:
            raise InfrastructureError(
                f"QEMU ended at start with exit code {code}\n{self.diagnosis()}",
                where=f"{self._target.path}: board",
                remedy=f"try it in a shell: {_QEMU} -M {self._qemu.machine}; "
                f"{_QEMU} -M help lists the machines",
            )


def find_qemu() -> str:
    """Return the path of qemu-system-arm; `InfrastructureError` if it is not installed."""
    path = shutil.which(_QEMU)
    if path is None:
        raise InfrastructureError(f"{_QEMU} is not on PATH", remedy=_INSTALL)
    return path


@cache
def qemu_version(executable: str) -> str:
    """Return the first line of `qemu-system-arm --version`."""
    try:
        output = subprocess.run(
            [executable, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_DEADLINE,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrastructureError(
            f"does not run: {error}", where=executable, remedy=_INSTALL
        ) from error
    return output.splitlines()[0].strip()
