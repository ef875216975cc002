"""Unix sockets, whose paths the system limits to about 100 bytes."""

import socket
from pathlib import Path

from harness.errors import InfrastructureError


def listen_at(path: Path, backlog: int = 1) -> socket.socket:
    """Return a socket that listens at `path`; `InfrastructureError` if it cannot."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise InfrastructureError(
            f"a socket cannot be opened here: {error.strerror or error}",
            where=str(path),
            remedy="set TMPDIR to a folder with a short path, such as /tmp",
        ) from error
    return listener
