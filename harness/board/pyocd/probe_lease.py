"""The right to use a probe alone: on this machine, and at its server if it is a remote one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.board.pyocd.pyocd_errors import translated_errors
from harness.board.pyocd.remote_probe import RemoteProbe
from harness.board.pyocd.server_lock import ServerLock
from harness.errors import InfrastructureError
from harness.support.lease import Lease

_INTERFERED = "another client of the server opened or closed the probe meanwhile"
_ALONE = "run again, and let no other client use this server meanwhile; its log names them"


class ProbeLease:
    """The lease of `probe`; `target` is pyOCD's name of its chip."""

    def __init__(self, probe: Any, target: str, *, wait: float) -> None:
        """Take it, waiting up to `wait` seconds; then `InUseError`."""
        name = probe.unique_id
        self._leases: list[Lease | ServerLock] = [Lease(f"probe {name}", wait=wait)]
        if not isinstance(probe, RemoteProbe):
            return
        try:
            with translated_errors(name, target, "connecting"):
                self._leases.append(ServerLock(probe.address, f"probe {name}", wait=wait))
        except BaseException:  # Ctrl-C, too
            self.release()
            raise

    def release(self) -> None:
        """Release the probe; a second call does nothing."""
        while self._leases:
            self._leases.pop().release()


@contextmanager
def interference_named(probe: Any) -> Iterator[None]:
    """Say so if an operation fails while another client uses the server, too.

    Other clients than the harness, such as `pyocd reset`, reset the chip before they ask for the
    server's lock. A failure after that says nothing about the chip.
    """
    try:
        yield
    except InfrastructureError as error:
        if not is_disturbed(probe):
            raise
        raise InfrastructureError(
            f"{_INTERFERED}, so this failed: {error.what}", where=error.where, remedy=_ALONE
        ) from error


def with_interference(probe: Any, state: str) -> str:
    """Return `state`, why a core does not answer, and whether another client may be the reason."""
    if not state or not is_disturbed(probe):
        return state
    return f"{state}\n{_INTERFERED}, which may be the reason: {_ALONE}"


def is_disturbed(probe: Any) -> bool:
    """Return whether another client of its server has opened `probe` while it is open here."""
    return isinstance(probe, RemoteProbe) and probe.other_clients()
