"""Questions to a machine of QEMU that does not run yet, through QEMU's monitor (QMP).

QMP is JSON, one object a line: see "QEMU Machine Protocol Specification" in QEMU's manual.
"""

import json
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import InfrastructureError
from harness.support.owned_process import OwnedProcess

_DEADLINE = 30.0  # seconds for all answers of one machine; a quiet computer needs 0.1 s
_PATIENCE = 1.0  # seconds between the end of the connection and that of QEMU
_LONGEST = 1 << 24  # bytes of an answer; the memory of a large machine takes 50 kB
_PIECE = 1 << 16
_SHOWN = 300  # characters of what QEMU says


class QemuMonitor:
    """The monitor at the other end of `connection`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._end = time.monotonic() + _DEADLINE
        self._received = b""
        self._line()  # the greeting
        self._ask("qmp_capabilities")

    def cpus(self) -> list[str]:
        """Return the paths of the cores in QEMU's tree of objects, the first core first."""
        answer = self._ask("query-cpus-fast")
        cpus = answer if isinstance(answer, list) else []
        return [str(cpu.get("qom-path", "")) for cpu in cpus if isinstance(cpu, dict)]

    def property(self, path: str, name: str) -> Any:
        """Return a property of the object at `path`; None if it has no such property."""
        return self._ask("qom-get", path=path, property=name)

    def print(self, what: str) -> str:
        """Return what the monitor's command `info` prints for people."""
        answer = self._ask("human-monitor-command", **{"command-line": f"info {what}"})
        return answer if isinstance(answer, str) else ""

    def _ask(self, command: str, **arguments: str) -> Any:
        """Return the answer; None if the command failed."""
        request = json.dumps({"execute": command, "arguments": arguments})
        try:
            self._connection.sendall(request.encode() + b"\n")
        except OSError as error:
            raise self._error("ended") from error
        while True:
            answer = self._line()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                return None

    def _line(self) -> dict[str, Any]:
        """Return the next object: an answer or an event."""
        while b"\n" not in self._received:
            if len(self._received) > _LONGEST:
                raise self._error("sends without end")
            self._connection.settimeout(max(self._end - time.monotonic(), 0.001))
            try:
                piece = self._connection.recv(_PIECE)
            except TimeoutError as error:
                raise self._error(f"did not answer within {_DEADLINE:g} s") from error
            except OSError as error:
                raise self._error("ended") from error
            if not piece:
                raise self._error("ended")
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._error(f"answered {line[:80]!r}") from error
        return answer if isinstance(answer, dict) else {}

    def _error(self, what: str) -> InfrastructureError:
        return InfrastructureError(f"QEMU {what} when the harness asked it about the machine")


@contextmanager
def halted_machine(executable: str, machine: str) -> Iterator[QemuMonitor]:
    """Start `machine` halted, with nothing in its memory, and end it afterwards.

    Raises `InfrastructureError` with what QEMU said if it ends, also from within the context.
    """
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as log:
        with theirs:
            command = [
                executable,
                *("-M", machine),
                "-S",
                *("-display", "none"),
                *("-serial", "null"),
                *("-monitor", "none"),
                *("-chardev", f"socket,id=qmp,fd={theirs.fileno()}"),
                *("-mon", "chardev=qmp,mode=control"),
            ]
            process = OwnedProcess(command, log, descriptors=[theirs.fileno()])
        try:
            yield QemuMonitor(ours)
        except InfrastructureError as error:
            process.wait(_PATIENCE)
            log.seek(0)
            said = log.read(_SHOWN).decode(errors="replace").strip()
            raise InfrastructureError(
                error.what + (f"\n{said}" if said else ""),
                where=f"qemu:{machine}",
                remedy=error.remedy
                or f"try it in a shell: {executable} -M {machine} -S; or write a target file "
                "(docs/cores.md)",
            ) from error
        finally:
            process.stop()
