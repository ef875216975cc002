"""The socket of a virtual board: one debugger session at a time, and control connections."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from harness.errors import HarnessError
from harness.simulator import board_faults
from harness.simulator.runtime_folder import Announcement, Registration
from harness.simulator.socket_protocol import (
    Open,
    Reply,
    Request,
    receive,
    send,
    wait_for_message,
)
from harness.simulator.virtual_board import Board
from harness.support.local_socket import listen_at

_BACKLOG = 128
_OPEN_DEADLINE = 5.0  # seconds for the first message of a connection
_DEADLINE = 30.0  # for a message that has begun, and for a client that does not read


class Server:
    """Serves `board` on the socket of `registration` until `close`.

    `stop` is called when a client requests the end of the board. `private`: see `Announcement`.
    """

    def __init__(
        self,
        board: Board,
        registration: Registration,
        probe_id: str,
        stop: Callable[[], None],
        *,
        private: bool,
    ) -> None:
        self.announcement = Announcement(
            probe_id,
            board.chip.name,
            board.chip.board,
            board.port,
            str(registration.socket),
            board.meter.path if board.meter else "",
            private=private,
        )
        self._board = board
        self._stop = stop
        self._session = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._sessions: set[socket.socket] = set()  # those of debuggers
        self._listener = listen_at(registration.socket, _BACKLOG)
        board.withdraw = registration.withdraw
        # Control does not go through the probe, so the request to unplug is still answered.
        board.unplugged = lambda: _cut(self._sessions)
        self._thread = threading.Thread(target=self._accept, name="server", daemon=True)
        self._thread.start()
        if not board.is_unplugged:
            registration.announce(self.announcement)

    def close(self) -> None:
        """Refuse new connections and cut the open ones."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        _cut(self._connections)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            self._connections.add(connection)
            threading.Thread(
                target=self._serve, args=(connection,), name="connection", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, msgspec.DecodeError, ValueError):
            first = receive(connection, _OPEN_DEADLINE)
            if first is not None:
                if msgspec.json.decode(first, type=Open).kind == "session":
                    self._serve_session(connection)
                else:
                    self._serve_control(connection)
        self._connections.discard(connection)
        self._sessions.discard(connection)

    def _serve_session(self, connection: socket.socket) -> None:
        self._sessions.add(connection)
        if self._board.is_unplugged:
            _reply(connection, Reply(ok=False, error="unplugged"))
        elif self._board.busy or not self._session.acquire(blocking=False):
            _reply(connection, Reply(ok=False, busy=True, error="another session has it open"))
        else:
            try:
                _reply(connection, Reply(ok=True))
                while (batch := _next_message(connection)) is not None:
                    send(connection, self._board.execute(batch), _DEADLINE)
            finally:
                self._session.release()

    def _serve_control(self, connection: socket.socket) -> None:
        _reply(connection, Reply(ok=True))
        while (message := _next_message(connection)) is not None:
            request = msgspec.json.decode(message, type=Request)
            try:
                result = self._answer(request)
            except HarnessError as error:
                _reply(connection, Reply(ok=False, error=str(error)))
            else:
                _reply(connection, Reply(ok=True, result=result))

    def _answer(self, request: Request) -> Any:
        core = self._board.chip.core
        if request.ask == "fault":
            board_faults.apply(self._board, request.text)
            return None
        if request.ask == "stop":
            self._stop()
            return None
        if request.ask == "joules":
            return self._board.meter.joules() if self._board.meter else []
        with core.stopped():
            if request.ask == "edges":
                log = self._board.chip.pins.log
                return [(edge.pin, edge.high, edge.instructions) for edge in log]
            if request.ask == "swo":
                return core.swo.lines()
            return {
                "instructions": core.executor.now(),
                "halted": core.halted,
                "sleeping": core.sleeping,
                "lockup": core.locked_up,
                "failure": str(core.failure or ""),
                "uart": self._board.uart,
                "sent": self._board.line.sent,
                "unheard": dict(self._board.unheard),
            }


def _cut(connections: Iterable[socket.socket]) -> None:
    for connection in list(connections):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _reply(connection: socket.socket, reply: Reply) -> None:
    send(connection, msgspec.json.encode(reply), _DEADLINE)


def _next_message(connection: socket.socket) -> bytes | None:
    """Return the next message of a client, which may be idle as long as it likes."""
    wait_for_message(connection)
    return receive(connection, _DEADLINE)
