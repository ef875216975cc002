"""A machine with simulated boards, as a Raspberry Pi with several boards would be.

Run as `python -m tests.support.farm_host CHIP LOGS NAME=PROBE_PORT:SERIAL_PORT ...`. Each board has
pyOCD's own server for its probe, and a TCP bridge to its serial line. Standard input takes lines of
JSON: `{"do": "cycle", "board": NAME}` and `{"do": "fault", "board": NAME, "fault": TEXT}`; each is
answered by a line with the process of the board and its serial port, by its name. The file
`LOGS/NAME.log` gets a line of JSON for each connection to a board, with the process of the client,
one for its first use of the board, and one for its end, with the time of the last use.
"""

import json
import os
import select
import socket
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil
from pyocd.core.session import Session
from pyocd.probe.tcp_probe_server import DebugProbeRequestHandler, DebugProbeServer

from harness.board.pyocd.probes import pick_probe
from harness.simulator.board_process import VirtualBoard
from tests.support.tcp_clients import process_of

_SIZE = 1 << 12
_TICK = 0.2  # seconds
_HARMLESS = ("hello", "lock", "unlock", "readprop")
"""Requests to pyOCD's server with which a client waits until the probe is free."""


class _Client:
    """A connection to the `line` of a board: probe or serial."""

    def __init__(self, line: str, port: int, to: int) -> None:
        self.line, self.port, self.process = line, port, process_of(port, to)
        self.last = 0.0
        """When it last sent something, in seconds since 1970."""


class HostedBoard:
    """A simulated board; its ports stay the same when it is power cycled."""

    def __init__(self, chip: str, name: str, ports: tuple[int, int], log: Path) -> None:
        self.chip, self.name, self.ports, self.log = chip, name, ports, log
        self._start()
        self._bridge = socket.create_server(("", ports[1]))
        threading.Thread(target=self._serve_serial, daemon=True).start()

    @property
    def pid(self) -> int:
        """The process of the board; it is the child of its supervisor."""
        process = self.virtual._process
        return int(psutil.Process(process.pid).children()[0].pid) if process else 0

    def cycle(self) -> None:
        """Switch the power off and on."""
        self._server.stop()
        self._server._server.server_close()
        self.virtual.stop()
        self._start()

    def note(self, what: str, client: "_Client") -> None:
        """Write down that a client came (open), began to use the board (use), or went (close)."""
        entry = {"time": time.time(), "what": what, **vars(client)}
        with self.log.open("a") as log:
            log.write(f"{json.dumps(entry)}\n")

    def note_use(self, client: "_Client") -> None:
        """Remember when a client used the board, and write down the first time."""
        first, client.last = not client.last, time.time()
        if first:
            self.note("use", client)

    def _start(self) -> None:
        self.virtual = VirtualBoard.start(
            self.chip, serial=f"{self.name}-{os.getpid()}", chip_id=self.name[-8:].encode().hex()
        )
        board = self

        class Handler(DebugProbeRequestHandler):  # type: ignore[misc]
            def setup(self) -> None:
                self.noted = _Client("probe", self.client_address[1], board.ports[0])
                board.note("open", self.noted)
                super().setup()
                read = self.rfile.readline

                def readline() -> bytes:
                    line: bytes = read()
                    if line and _asks(line) not in _HARMLESS:
                        board.note_use(self.noted)
                    return line

                self.rfile.readline = readline

            def finish(self) -> None:
                super().finish()
                board.note("close", self.noted)

        session = Session(probe=None, options={"no_config": True})
        probe = pick_probe(self.virtual.probe_id)
        self._server = DebugProbeServer(session, probe, self.ports[0], serve_local_only=False)
        self._server._server.RequestHandlerClass = Handler
        self._server._server.daemon_threads = True
        self._server.start()

    def _serve_serial(self) -> None:
        while True:
            client, peer = self._bridge.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            noted = _Client("serial", peer[1], self.ports[1])
            self.note("open", noted)
            self.note_use(noted)
            with suppress(OSError), client:
                self._pass_bytes(client, noted)
            self.note("close", noted)

    def _pass_bytes(self, client: socket.socket, noted: "_Client") -> None:
        path = self.virtual.port
        port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(port)
            termios.tcflush(port, termios.TCIFLUSH)
            ends: list[int | socket.socket] = [port, client]
            while path == self.virtual.port:
                ready, _, _ = select.select(ends, [], [], _TICK)
                if client in ready:
                    data = client.recv(_SIZE)
                    if not data:
                        return
                    self.note_use(noted)
                    os.write(port, data)
                if port in ready:
                    client.sendall(os.read(port, _SIZE))
        finally:
            os.close(port)


def _asks(line: bytes) -> str:
    """Return the name of the request in a line of pyOCD's protocol."""
    with suppress(ValueError):
        return str(json.loads(line)["request"])
    return ""


def main(chip: str, logs: str, *boards: str) -> None:
    hosted = {}
    for text in boards:
        name, _, ports = text.partition("=")
        probe, _, serial = ports.partition(":")
        log = Path(logs) / f"{name}.log"
        hosted[name] = HostedBoard(chip, name, (int(probe), int(serial)), log)
    _answer(hosted.values())
    for line in sys.stdin:
        order = json.loads(line)
        board = hosted[order["board"]]
        if order["do"] == "cycle":
            board.cycle()
        else:
            board.virtual.set_fault(order["fault"])
        _answer([board])
    for board in hosted.values():
        board.virtual.stop()


def _answer(boards: Iterable[HostedBoard]) -> None:
    told = {board.name: (board.pid, board.virtual.port) for board in boards}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
