"""A farm on this machine: a real labgrid coordinator, real exporters, and simulated boards.

Everything listens on free ports, and every process ends with the test, also if the test is killed.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import psutil

from harness.support.owned_process import OwnedProcess
from tests.support import labgrid_programs
from tests.support.processes import until

CHIP = "stm32f429xi"
_DEADLINE = 60.0  # seconds for a program to start; it takes one on an idle machine
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class FarmBoard:
    """A board, and the place of the same name."""

    name: str
    exporter: str
    probe_port: int
    serial_port: int

    def resources(self, host: str, protocol: str = "raw") -> dict[str, dict[str, Any]]:
        """Return the resources of the board, as in an exporter's file."""
        return {
            "probe": {
                "cls": "NetworkService",
                "address": host,
                "port": self.probe_port,
                "username": "pyocd",
            },
            "serial": {
                "cls": "NetworkSerialPort",
                "host": host,
                "port": self.serial_port,
                "protocol": protocol,
            },
        }


class Farm:
    """A coordinator and `exporters` exporters with `boards` boards; use it as a context manager.

    The places are `board-0` and so on, with the tags `chip=` and `number=`; the exporters are
    `pi-0` and so on. `host` is this machine's address in the exporters' files; the coordinator and
    the boards listen on all addresses. `exported`, by the name of a board, replaces its resources
    in the exporter's file; None leaves the board out. `more` are further ones. With `ser2net`, the
    exporters start it for the serial line of an acquired board, as for a USB port.
    """

    def __init__(
        self,
        folder: Path,
        *,
        boards: int = 1,
        exporters: int = 1,
        chip: str = CHIP,
        host: str = "127.0.0.1",
        exported: dict[str, dict[str, Any] | None] | None = None,
        more: dict[str, dict[str, Any]] | None = None,
        ser2net: bool = False,
    ) -> None:
        self.folder, self.host, self.chip = folder, host, chip
        self.port = free_ports(1)[0]
        ports = free_ports(2 * boards)
        self.boards = [
            FarmBoard(f"board-{number}", f"pi-{number % exporters}", *ports[2 * number :][:2])
            for number in range(boards)
        ]
        self._exported = exported or {}
        self._more = more or {}
        self._ser2net = ser2net
        self._exporters = {f"pi-{number}": "" for number in range(exporters)}
        self._processes: dict[str, OwnedProcess] = {}
        self._logs: list[IO[bytes]] = []
        self.pids: dict[str, int] = {}
        """The processes of the boards, by name."""
        self.ports: dict[str, str] = {}
        """The serial ports of the boards on their own machines, by name."""

    @property
    def address(self) -> str:
        """The address of the coordinator, for `--coordinator`."""
        return f"{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._write_places()
            self.start_coordinator()
            for exporter in self._exporters:
                self.start_host(exporter)
                self.start_exporter(exporter)
            until(self._all_ready, _DEADLINE, self.logs)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all processes."""
        while self._processes:
            self._processes.popitem()[1].stop()
        while self._logs:
            self._logs.pop().close()

    def start_coordinator(self) -> None:
        """Start the coordinator; after a restart it has forgotten who has which place."""
        listen = f"0.0.0.0:{self.port}"
        self._start("coordinator", [self._program("labgrid-coordinator"), "--listen", listen])
        until(lambda: accepts(self.port), _DEADLINE, self.logs)

    def start_exporter(self, name: str) -> None:
        """Start an exporter; it is started again when it ends, as systemd does it."""
        file = self.folder / f"{name}.yaml"
        file.write_text(json.dumps(self._groups(name)))  # JSON is YAML
        program = f'"{self._program("labgrid-exporter")}" -c 127.0.0.1:{self.port}'
        once = f'{program} -n {name} --hostname {self.host} "{file}"'
        self._start(name, ["sh", "-c", f"while :; do {once}; sleep 0.3; done"])

    def kill(self, name: str) -> None:
        """Kill the coordinator ("coordinator"), or an exporter by its name, for good."""
        self._processes.pop(name).stop()

    def crash(self, name: str) -> None:
        """Kill the coordinator, an exporter, or a machine with boards ("host-pi-0") by SIGKILL.

        An exporter comes back by itself; `start_coordinator` and `start_host` start the others.
        """
        for process in psutil.Process(self._processes[name].pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                if process.name() != "sh":  # the exporter's loop
                    process.kill()
        if name not in self._exporters:
            self._processes.pop(name).stop()

    def kill_board(self, name: str) -> None:
        """Kill the process of a board; `cycle` starts it again."""
        os.kill(self.pids[name], signal.SIGKILL)

    def cycle(self, name: str) -> None:
        """Switch the power of a board off and on."""
        self._order(name, {"do": "cycle", "board": name})

    def fault(self, name: str, fault: str) -> None:
        """Switch on a fault in the form of `harness virtual serve --fault`; "none" ends it."""
        self._order(name, {"do": "fault", "board": name, "fault": fault})

    def board(self, name: str) -> FarmBoard:
        """Return the board `name`."""
        return next(board for board in self.boards if board.name == name)

    def sessions(self, name: str) -> list[dict[str, Any]]:
        """Return what a board noted of its connections.

        Each entry has its time, what happened (open, the first use, close), the line (probe,
        serial), the process of the client, and when it last used the board.
        """
        log = self.folder / f"{name}.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def client(self, *arguments: str) -> str:
        """Return the output of labgrid's own client, for `arguments`."""
        command = [self._program("labgrid-client"), "-x", self.address, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def logs(self) -> str:
        """Return what the programs wrote."""
        files = sorted(self.folder.glob("*.out"))
        return "\n".join(f"{file.name}: {file.read_text()[-2000:]}" for file in files)

    def _groups(self, exporter: str) -> dict[str, Any]:
        """Return what is in the file of an exporter."""
        groups = {}
        for board in self.boards:
            resources = self._exported.get(board.name, board.resources(self.host))
            if resources is not None and self._ser2net:
                resources["serial"] = {"cls": "RawSerialPort", "port": self.ports.get(board.name)}
            if board.exporter == exporter and resources is not None:
                more = self._more.get(board.name, {})
                groups[board.name] = {"location": "shelf", **resources, **more}
        return groups

    def _write_places(self) -> None:
        """Write what the coordinator reads at its start; its client needs a second for each."""
        now = time.time()
        places = {
            board.name: {
                "aliases": [],
                "comment": "",
                "tags": {"chip": self.chip, "number": board.name.rpartition("-")[2]},
                "matches": [
                    {
                        "exporter": board.exporter,
                        "group": board.name,
                        "cls": "*",
                        "name": None,
                        "rename": None,
                    }
                ],
                "created": now,
                "changed": now,
            }
            for board in self.boards
        }
        (self.folder / "places.yaml").write_text(json.dumps(places))

    def start_host(self, exporter: str) -> None:
        """Start the machine of an exporter, `host-EXPORTER`, with its boards."""
        boards = [
            f"{board.name}={board.probe_port}:{board.serial_port}"
            for board in self.boards
            if board.exporter == exporter
        ]
        name = f"host-{exporter}"
        module = [sys.executable, "-m", "tests.support.farm_host"]
        self._start(name, [*module, self.chip, str(self.folder), *boards], talks=True)
        self._answer(name)

    def _order(self, board: str, order: dict[str, str]) -> None:
        host = f"host-{self.board(board).exporter}"
        self._processes[host].stdin.write(f"{json.dumps(order)}\n".encode())
        self._answer(host)

    def _answer(self, host: str) -> None:
        line = b""
        while not line.endswith(b"\n"):
            data = self._processes[host].stdout.read(1 << 12)
            assert data, self.logs()
            line += data
        for board, (pid, port) in json.loads(line).items():
            self.pids[board], self.ports[board] = pid, port

    def _start(self, name: str, command: Sequence[str], *, talks: bool = False) -> None:
        log = (self.folder / f"{name}.out").open("ab")
        self._logs.append(log)
        # labgrid keeps places.yaml in its current folder, and the boards' module is in ours.
        folder = self.folder if name == "coordinator" else _ROOT
        command = ["env", "-C", str(folder), *command]
        self._processes[name] = OwnedProcess(command, log, talks=talks)

    def _program(self, name: str) -> str:
        return str(labgrid_programs.folder() / name)

    def _all_ready(self) -> bool:
        outs = [self.folder / f"{name}.out" for name in self._exporters]
        return all("creating poll task" in out.read_text() for out in outs)


def free_ports(count: int) -> list[int]:
    """Return numbers of TCP ports that nobody listens on.

    The kernel gives ports above these to clients, so no connection takes them before their server
    starts, or while it starts again.
    """
    ports: set[int] = set()
    while len(ports) < count:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with suppress(OSError), socket.create_server(("", port)):
            ports.add(port)
    return list(ports)


def accepts(port: int) -> bool:
    """Return whether somebody listens on `port`."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def target_file(board: str = "", **keys: str) -> str:
    """Return a target file for a simulated board of the farm, at the place `board`."""
    lines = [
        'base = "nucleo-f429zi"',
        'description = "A simulated board of the farm"',
        'counter.ticks = "instructions"',
        'board.kind = "labgrid"',
        *([f'board.place = "{board}"'] if board else []),
        *(f"{key} = {value}" for key, value in keys.items()),
    ]
    return "\n".join(lines) + "\n"
