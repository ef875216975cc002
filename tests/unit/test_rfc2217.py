"""A serial port behind RFC 2217, which ser2net and labgrid's exporters speak."""

import os
import pty
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress

import pytest
import serial
import serial.rfc2217

from harness.errors import InfrastructureError
from harness.link.channel import Channel, LineClosedError
from harness.link.serial_port import open_port
from tests.support.processes import until

_BYTES = bytes(range(256)) * 40  # 255 is what RFC 2217 escapes


class Server:
    """A port as RFC 2217 for one client, by pyserial's own server side; `board` is its device."""

    def __init__(self) -> None:
        self.board, device = pty.openpty()
        tty.setraw(self.board)
        self._port = serial.Serial(os.ttyname(device), timeout=0.02)
        os.close(device)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._listening.getsockname()[1]}"
        self.client: socket.socket | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        if self.client is not None:
            self.client.close()
        os.close(self.board)

    def cut(self) -> None:
        """End the connection, as a cable that is unplugged."""
        assert self.client is not None
        self.client.shutdown(socket.SHUT_RDWR)

    def write(self, data: bytes) -> None:
        """Be called by pyserial for its negotiation."""
        assert self.client is not None
        self.client.sendall(data)

    def _serve(self) -> None:
        self.client, _ = self._listening.accept()
        manager = serial.rfc2217.PortManager(_WithoutModem(self._port), self)
        threading.Thread(target=self._send, args=(manager,), daemon=True).start()
        while data := self.client.recv(4096):
            self._port.write(b"".join(manager.filter(data)))

    def _send(self, manager: serial.rfc2217.PortManager) -> None:
        assert self.client is not None
        with suppress(OSError):  # the end of the test
            while self.client.fileno() >= 0:
                if data := self._port.read(1):
                    data += self._port.read(self._port.in_waiting)
                    self.client.sendall(b"".join(manager.escape(data)))


class _WithoutModem:
    """A port without modem lines: a pseudo-terminal has none."""

    cts = dsr = ri = cd = False

    def __init__(self, port: serial.Serial) -> None:
        self.__dict__["_port"] = port

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in ("rts", "dtr"):
            setattr(self._port, name, value)


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def received(channel: Channel, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = channel.read(5)
        assert part, f"{len(data)} of {size} bytes"
        data += part
    return data


def test_bytes_pass_in_both_directions(server: Server) -> None:
    port = open_port(server.url, 115200)
    try:
        channel = Channel(port.fileno(), name="line")
        channel.write(_BYTES, 5)
        data = b""
        while len(data) < len(_BYTES):
            data += os.read(server.board, 4096)
        assert data == _BYTES
        threading.Thread(target=os.write, args=(server.board, _BYTES), daemon=True).start()
        assert received(channel, len(_BYTES)) == _BYTES
        assert channel.read(0) == b""
    finally:
        port.close()


def test_a_lost_connection_is_a_closed_line(server: Server) -> None:
    port = open_port(server.url, 115200)
    try:
        channel = Channel(port.fileno(), name="line")
        server.cut()
        with pytest.raises(LineClosedError):
            until(lambda: channel.read(1) is None, 10)
    finally:
        port.close()


def test_nobody_who_listens_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
    with pytest.raises(InfrastructureError, match="cannot be opened"):
        open_port(f"rfc2217://127.0.0.1:{number}", 115200)
