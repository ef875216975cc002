"""The emulators that run conformance programs: each gives a serial line, and says how it ended."""

import os
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path

import serial
from pyocd.flash.file_programmer import FileProgrammer

from harness.board.renode import machine
from harness.board.renode.installation import find_renode
from harness.board.renode.monitor import Monitor
from harness.board.renode.renode_process import RenodeProcess
from harness.elf import Elf
from harness.simulator.board_process import VirtualBoard
from harness.support.owned_process import OwnedProcess
from harness.target.find_target import load_target
from harness.target.qemu_program import find_qemu, qemu_version
from harness.target.target_file import Renode
from tests.conformance.build import resumption
from tests.support.models import ROOT
from tests.support.pyocd_sessions import session

_PATIENCE = 5.0  # seconds without a character; a case takes milliseconds
_LOOK = 0.3  # seconds between two looks at a silent emulator
_SOON = 0.05  # seconds between two looks at an emulator that is ending
_LATE = 4.0  # seconds that a character takes at most once the device has sent it
_CHUNK = 1 << 12
_BUILD = re.compile(r"(?<=\d\.\d\d\.\d)\.\d+")  # differs between builds of one version
_LOCKED, _STOPPED, _ENDS, _HANGS = _WHYS = ("locks up", "stops the core", "ends", "hangs")
_ABORT = b"CPU abort"  # in Renode's log


def comes_back(shown: str) -> bool:
    """Whether the emulator went on after the case that shows this."""
    return not shown.endswith(_WHYS)


@dataclass(frozen=True)
class Line:
    """The device's serial line: a descriptor, and why the device says no more; empty if it may.

    `resume` resets the device, which goes on with the case of this number. Without it, the emulator
    must start again.
    """

    descriptor: int
    why_silent: Callable[[], str]
    resume: Callable[[int], None] | None = None

    def send(self, data: bytes) -> None:
        """Send `data` to the device."""
        os.write(self.descriptor, data)

    def lines(self) -> Iterator[str]:
        """Yield what the device prints, line by line; at last what it began, and how it stands."""
        text = b""
        heard = time.monotonic()
        while True:
            if select.select([self.descriptor], [], [], _LOOK)[0]:
                data = self._read()
                if not data:
                    self._wait_for_end()
                    break
                *whole, text = (text + data.replace(b"\r", b"")).split(b"\n")
                for line in whole:
                    yield line.decode("ascii", "replace")
                heard = time.monotonic()
            elif time.monotonic() - heard > (_LATE if self.why_silent() else _PATIENCE):
                break
        yield f"{text.decode('ascii', 'replace')} {self.why_silent() or _HANGS}"

    def _wait_for_end(self) -> None:
        limit = time.monotonic() + _LATE
        while not self.why_silent() and time.monotonic() < limit:
            time.sleep(_SOON)

    def _read(self) -> bytes:
        try:
            return os.read(self.descriptor, _CHUNK)
        except OSError:  # the other end of a pseudo-terminal has been closed
            return b""


@contextmanager
def _simulator(elf: Path, scratch: Path) -> Iterator[Line]:
    del scratch
    with (
        VirtualBoard.start("stm32f429xi", uart="usart1") as board,
        serial.Serial(board.port) as port,
    ):
        with session(board, resume_on_disconnect=True) as opened:
            FileProgrammer(opened).program(str(elf))
            opened.target.reset_and_halt()
        yield Line(port.fileno(), lambda: _LOCKED if board.status()["lockup"] else "")


@contextmanager
def _qemu(elf: Path, scratch: Path) -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    command = [find_qemu(), "-M", "netduinoplus2", "-kernel", str(elf), "-icount", "shift=0"]
    command += ["-chardev", f"socket,id=serial,fd={theirs.fileno()}", "-serial", "chardev:serial"]
    command += ["-display", "none", "-monitor", "none"]
    log = scratch / "qemu.log"
    with ours, log.open("wb") as output:
        process = OwnedProcess(command, output, descriptors=[theirs.fileno()])
        theirs.close()

        def why_silent() -> str:
            if process.poll() is None:
                return ""
            return _LOCKED if b"Lockup" in log.read_bytes() else _ENDS

        try:
            yield Line(ours.fileno(), why_silent)
        finally:
            process.stop()


@contextmanager
def _renode(elf: Path, scratch: Path) -> Iterator[Line]:
    target = load_target(ROOT / "targets" / "renode-stm32.toml")
    assert isinstance(target.board, Renode)
    log = scratch / "renode.log"
    process = RenodeProcess(find_renode(), log, target.name)
    line = None
    try:
        machine.build(process.monitor, target, target.board, Elf(elf), process.scratch)
        line = machine.connect(process.monitor, target, target.board, process.scratch)
        machine.load(process.monitor, target, target.board, Elf(elf))
        process.monitor.command("start")
        yield _renode_line(line, process.monitor, log)
    finally:
        if line is not None:
            os.close(line)
        process.close()


def _renode_line(descriptor: int, monitor: Monitor, log: Path) -> Line:
    begins = 0  # in the log, where the device was reset last

    def why_silent() -> str:
        return _STOPPED if _ABORT in log.read_bytes()[begins:] else ""

    def resume(case: int) -> None:
        nonlocal begins
        monitor.command("pause")
        begins = log.stat().st_size
        monitor.command("machine Reset")
        for address, word in resumption(case).items():
            monitor.command(f"sysbus WriteDoubleWord {address:#x} {word:#x}")
        monitor.command("start")

    return Line(descriptor, why_silent, resume)


@dataclass(frozen=True)
class Emulator:
    """An emulator: its name in tables, its version, and what runs an ELF on it."""

    name: str
    version: Callable[[], str]
    start: Callable[[Path, Path], AbstractContextManager[Line]]


_ALL = (
    Emulator("simulator", lambda: f"Unicorn {package_version('unicorn')}", _simulator),
    Emulator("QEMU", lambda: qemu_version(find_qemu()), _qemu),
    Emulator("Renode", lambda: _BUILD.sub("", find_renode().version), _renode),
)
EMULATORS = {emulator.name: emulator for emulator in _ALL}
"""The emulators by their names, in the order of the tables."""
