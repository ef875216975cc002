"""The lock of `pyocd server`: one session at a time uses its probe, from whatever host.

pyOCD's own clients take this lock for each access alone. A session of the harness holds it from
before it opens the probe, so the others wait. A second connection holds it, with "unlock" as the
last request, whose line has no end yet. The server reads on until the line or the connection ends.
It therefore unlocks when the session ends, and also when its process is killed.
"""

from harness.board.pyocd.server_connection import Request, ServerConnection, error_of
from harness.errors import InUseError

_VERSION = 1  # of pyOCD's protocol
_MOMENT = 2.0  # seconds for which another client may hold the lock for one access


class ServerLock:
    """The right to use the probe behind the server at `address`, its host and port."""

    def __init__(self, address: tuple[str, int], where: str, *, wait: float) -> None:
        """Take the lock, waiting up to `wait` seconds; then `InUseError`.

        `where` names the probe. Raises `OSError` or pyOCD's errors if the server does not answer,
        or refuses.
        """
        self._connection = ServerConnection(*address)
        try:
            self._connection.connect()
            self._ask(self._connection.request("hello", _VERSION))
            self._take(where, max(wait, _MOMENT))
        except BaseException:  # Ctrl-C, too: the request to lock may still be granted
            self.release()
            raise

    def release(self) -> None:
        """Unlock; a second call does nothing."""
        self._connection.close()

    def _take(self, where: str, seconds: float) -> None:
        locked = self._connection.request("lock")
        self._connection.leave("unlock")
        try:
            self._ask(locked, seconds)
        except TimeoutError as error:
            raise InUseError(
                "is in use by another client of its server",
                where=where,
                remedy="wait until it ends, or set a waiting time with --lock-timeout=SECONDS. "
                "The log of `pyocd server` names its clients. If the other one's computer was "
                "switched off, restart the server",
            ) from error

    def _ask(self, request: Request, seconds: float | None = None) -> None:
        self._connection.wait(request, seconds)
        error = error_of(request)
        if error is not None:
            raise error
