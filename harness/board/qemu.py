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
_START_DEADLINE = 15.0  # seconds for QEMU to open a line
_VERSION_DEADLINE = 10.0
_POLL = 0.01
_SIDES = ("serial", "gdb")
_LINES = 10


class QemuBoard:
    """A machine of QEMU, started anew for every image.

    Its serial line is a unix socket, and its gdbstub, for memory and registers, another one.
    """

    def __init__(self, target: Target, qemu: Qemu, logs: Path) -> None:
        self._target = target
        self._qemu = qemu
        self._executable = find_qemu()
        logs.mkdir(parents=True, exist_ok=True)
        self._log = logs / f"{target.name}-{os.getpid()}.log"
        self._process: OwnedProcess | None = None
        self._lines: dict[str, socket.socket] = {}
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
            # We listen and QEMU connects: there is nothing to poll for, and no byte
            # that the firmware sends at start can be lost.
            servers = {}
            for side in _SIDES:
                servers[side] = listening.enter_context(socket.socket(socket.AF_UNIX))
                servers[side].bind(os.path.join(folder, side))
                servers[side].listen(1)
            with self._log.open("wb") as log:
                command = self._command(image, folder)
                self._process = OwnedProcess(command, log, scratch=Path(folder))
            for side, server in servers.items():
                self._lines[side] = self._accept(server, side)
        self._gdbstub = Gdbstub(self._channel("gdb", "QEMU's gdbstub"), runs=not image.stack)
        if image.stack:
            self._gdbstub.write(image.stack.start, paint(image.stack))
        return self._channel("serial", "QEMU")

    def stop(self) -> None:
        """End QEMU and close its lines."""
        self._gdbstub = None
        while self._lines:
            self._lines.popitem()[1].close()
        if self._process is not None:
            self._process.stop()
            self._process = None

    def close(self) -> None:
        """Do what `stop` does: nothing of QEMU outlives a start."""
        self.stop()

    def check(self) -> None:
        """Do nothing: when QEMU ends, the line is closed, which is noticed at once."""

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address` by the gdbstub."""
        return self._running().read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """Put `data` into RAM by the gdbstub; the machine and its clocks stop meanwhile."""
        self._running().write(address, data)

    def executed(self) -> None:
        """Return None: it cannot be told."""

    def diagnosis(self) -> str:
        """Return where the core is, and what QEMU wrote to standard error."""
        return "\n".join(filter(None, [self._whereabouts(), self._said()]))

    def _whereabouts(self) -> str:
        """Return where the core is; empty if the gdbstub does not answer any more."""
        if self._gdbstub is None or self._elf is None:
            return ""
        try:
            *_, msp, lr, pc, xpsr = self._gdbstub.registers()  # as they are in a handler
            registers = {"msp": msp, "lr": lr, "pc": pc, "xpsr": xpsr}
            found = whereabouts(registers, self._gdbstub.read, self._elf.locate)
        except InfrastructureError:
            return ""
        return f"the core was {found}"

    def _said(self) -> str:
        """Return how QEMU says that it died, else the end of what it said."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        if not lines:
            return ""
        tail = max(len(lines) - _LINES, 0)
        # Registers follow "qemu: fatal: Lockup", more than anybody wants to read.
        first = next((i for i, line in enumerate(lines) if "fatal:" in line), tail)
        return "\n".join([f"QEMU said ({self._log}):", *lines[first:][:_LINES]])

    def _running(self) -> Gdbstub:
        if self._gdbstub is None:
            raise InfrastructureError("the board is not started", where=self._target.name)
        return self._gdbstub

    def _channel(self, side: str, what: str) -> Channel:
        return Channel(self._lines[side].fileno(), name=f"{self._target.name} ({what})")

    def _command(self, image: Image, folder: str) -> list[str]:
        sockets = [
            option
            for side in _SIDES
            for option in (
                *("-chardev", f"socket,id={side},path={os.path.join(folder, side)}"),
                *(f"-{side}", f"chardev:{side}"),
            )
        ]
        return [
            self._executable,
            *("-M", self._qemu.machine),
            *("-kernel", str(image.elf.path)),
            *("-icount", f"shift={self._qemu.icount_shift}"),
            *sockets,
            *(["-S"] if image.stack else []),  # it does not go until it is painted
            *("-display", "none"),
            *("-monitor", "none"),
        ]

    def _accept(self, server: socket.socket, side: str) -> socket.socket:
        server.settimeout(_POLL)
        end = time.monotonic() + _START_DEADLINE
        while time.monotonic() < end:
            try:
                line, _ = server.accept()
            except TimeoutError:
                self._check_alive()
                continue
            return line
        raise InfrastructureError(
            f"QEMU did not open its {side} line within {_START_DEADLINE:g} s",
            where=self._target.name,
        )

    def _check_alive(self) -> None:
        code = self._process.poll() if self._process else None
        if code is not None:
            raise InfrastructureError(
                f"QEMU ended at start with exit code {code}\n{self.diagnosis()}",
                where=f"{self._target.path}: board",
                remedy=f"try it by hand: {_QEMU} -M {self._qemu.machine}; "
                f"{_QEMU} -M help lists the machines",
            )


def find_qemu() -> str:
    """Return the path of qemu-system-arm; `InfrastructureError` says how to get it."""
    found = shutil.which(_QEMU)
    if found is None:
        raise InfrastructureError(f"{_QEMU} is not on PATH", remedy=_INSTALL)
    return found


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
