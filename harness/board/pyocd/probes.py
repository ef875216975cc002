"""Debug probes: selecting one, and opening a session with the chip behind it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.probe.aggregator import DebugProbeAggregator

from harness.board.pyocd.locks import locked_error, ports_are_off
from harness.board.pyocd.packs import provide_chip
from harness.board.pyocd.pyocd_errors import CONNECTING, is_remote, translated_errors
from harness.board.pyocd.remote_probe import RemoteProbe
from harness.errors import InfrastructureError, InputError, UnreachableError
from harness.simulator.chip_names import is_board
from harness.simulator.pyocd_probe import VENDOR, VirtualProbe

_CONNECT = "connect a probe; if `pyocd list` does not show it, a udev rule or a driver is missing"
_FORMS = "give a probe's unique id, or remote:HOST:PORT, with an IPv6 address in brackets"
_VIRTUAL = "virtual:"  # pyOCD's prefix for the kind of a probe
_RESET_DEADLINE = 3.0  # seconds
_MOST_LOCKS = 16  # of a thread on a probe; pyOCD nests a few


def pick_probe(wanted: str, board: str = "") -> Any:
    """Return the only probe whose unique id equals or contains `wanted`; "" matches any probe.

    If "" matches no probe, it matches that of a virtual board which is served under the name
    `board`. Otherwise a virtual board's probe must be named by its whole id, or by `virtual:` and a
    part of it: all boards of this user are found, also those that other sessions run. Raises
    `InfrastructureError`, with a list, if no probe or more than one matches.
    """
    if is_remote(wanted):
        return _remote_probe(wanted)
    try:
        found = DebugProbeAggregator.get_all_connected_probes(unique_id=wanted or None)
    except exceptions.Error as error:
        raise InputError(str(error), where=f"probe {wanted}", remedy=_FORMS) from error
    # One id may be part of another, and pyOCD matches substrings: prefer an exact match.
    probes = [probe for probe in found if _same(probe.unique_id, wanted)]
    probes = probes or (found if _is_virtual(wanted) else _real(found))
    if not probes and not wanted:
        probes = [probe for probe in found if not probe.private and is_on_board(probe, board)]
    if len(probes) == 1:
        return probes[0]
    if probes:
        raise InfrastructureError(
            f"{len(probes)} probes match: {_names(probes)}",
            where=f"probe {wanted}" if wanted else "probe",
            remedy="name one with --probe, or as `probe` in the target file",
        )
    connected = real_probes()
    raise UnreachableError(
        f"there is no such probe; connected: {_names(connected) or 'none'}"
        if wanted
        else "no debug probe is connected",
        where=f"probe {wanted}" if wanted else "",
        remedy=_remedy(connected),
    )


def _remote_probe(wanted: str) -> RemoteProbe:
    """Return the probe; `InputError` without a host, or with a port that does not exist."""
    try:
        return RemoteProbe(wanted.partition(":")[2])
    except ValueError as error:
        raise InputError(
            "is not remote:HOST:PORT with a port from 1 to 65535",
            where=f"probe {wanted}",
            remedy=_FORMS,
        ) from error


def is_on_board(probe: Any, board: str) -> bool:
    """Return whether `probe` is on the board with this name, real or virtual, as it tells."""
    info = probe.associated_board_info
    return info is not None and is_board(info.name, board)


def is_of_virtual_board(probe: Any) -> bool:
    """Return whether `probe` is a virtual board's; an open remote probe tells its vendor."""
    if isinstance(probe, RemoteProbe) and probe.is_open:
        return bool(probe.vendor_name == VENDOR)
    return isinstance(probe, VirtualProbe)


def real_probes() -> list[Any]:
    """Return the connected probes without those of virtual boards."""
    return _real(DebugProbeAggregator.get_all_connected_probes())


def open_session(
    probe: Any,
    target: str,
    frequency: int,
    *,
    pack: str = "",
    warn: Callable[[str], None] = lambda _: None,
) -> Session:
    """Connect to `target`, pyOCD's name for a chip, under reset; the core is halted.

    `frequency` is the SWD clock in Hz, `pack` the path of a CMSIS pack with the chip, or empty.
    If it does not answer while the probe holds nRESET low, the connection is made without a reset
    and `warn` is called. Raises `InputError` for a chip that pyOCD does not know, and
    `InfrastructureError` if the probe or the chip does not answer, or the chip is locked.
    """
    provide_chip(target, pack)
    with translated_errors(probe.unique_id, target, CONNECTING):
        try:
            return _open(probe, target, frequency, "under-reset")
        except (exceptions.ProbeError, exceptions.TargetSupportError):
            raise
        except exceptions.Error:  # the chip, in one of many ways
            session = _open(probe, target, frequency, "halt")
    warn(
        f"probe {probe.unique_id}: the chip does not answer while nRESET is low, so the connection "
        "was made without a reset"
    )
    return session


class _WithoutRegisterNames:
    """A delegate of pyOCD's session: the chip's SVD file is not read, since nobody needs it.

    It takes a thread a quarter of the CPU time of a short run.
    """

    def will_init_target(self, target: Any, init_sequence: Any) -> None:
        """Be called by pyOCD before it connects."""
        del target
        init_sequence.remove_task("load_svd")


def _open(probe: Any, target: str, frequency: int, connect_mode: str) -> Session:
    options = {
        "target_override": target,
        "connect_mode": connect_mode,
        "frequency": frequency,
        # Otherwise pyOCD reads a pyocd.yaml and changes to its folder.
        "no_config": True,
        "hide_programming_progress": True,
        "resume_on_disconnect": False,
        # Unlocking a locked chip erases it without asking.
        "auto_unlock": False,
        "reset.halt_timeout": _RESET_DEADLINE,
    }
    session = Session(probe, auto_open=False, options=options)
    if session.delegate is None:  # otherwise it is the user's pyocd_user.py
        session.delegate = _WithoutRegisterNames()
    try:
        session.open()
    except (KeyError, AssertionError, AttributeError) as error:
        locked = locked_error(session, probe.unique_id, target)
        off = locked is None and ports_are_off(session)
        _release(session)
        if locked is not None:
            raise locked from error
        if off:  # nRESET may be the reason
            raise exceptions.TargetError("no access port to memory works") from error
        if is_remote(probe.unique_id):
            raise  # the server may be the reason
        # pyOCD raises these for a chip of another family.
        raise InfrastructureError(
            f"the chip does not behave as a {target}: pyOCD's support for it failed "
            f"({type(error).__name__} {error})",
            where=f"probe {probe.unique_id}",
            remedy=f"is it another chip than {target}? --target=auto reads which one it is",
        ) from error
    except (exceptions.ProbeError, OSError, ValueError, TypeError):
        _close(session)  # otherwise the probe stays claimed
        raise
    except exceptions.Error as error:
        locked = locked_error(session, probe.unique_id, target)
        _release(session)
        if locked is not None:
            raise locked from error
        raise
    return session


def close_session(session: Session) -> None:
    """Disconnect; a probe that was unplugged is not an error."""
    session.context_state.suppress_disconnect_error = True
    _close(session)


def _close(session: Session) -> None:
    try:
        session.close()
    except (exceptions.Error, OSError):
        return  # the connection is already gone


def _release(session: Session) -> None:
    """Close a session that pyOCD has not opened completely.

    It leaves nRESET low, and the probe locked for this thread.
    """
    with suppress(exceptions.Error, OSError):
        session.probe.assert_reset(False)
    _close(session)
    with suppress(RuntimeError, exceptions.Error, OSError):  # it is not locked any more
        for _ in range(_MOST_LOCKS):
            session.probe.unlock()


def _real(probes: list[Any]) -> list[Any]:
    return [probe for probe in probes if not isinstance(probe, VirtualProbe)]


def _is_virtual(wanted: str) -> bool:
    return wanted.lower().startswith(_VIRTUAL)


def _remedy(connected: list[Any]) -> str:
    if connected:
        return "name one of them with --probe"
    virtual = [p for p in DebugProbeAggregator.get_all_connected_probes() if p not in connected]
    if virtual:
        return f"{_CONNECT}. Virtual boards run; name one with --probe: {_names(virtual)}"
    return _CONNECT


def _same(unique_id: str, wanted: str) -> bool:
    return unique_id.lower() == wanted.lower().removeprefix(_VIRTUAL)


def _names(probes: list[Any]) -> str:
    return ", ".join(f"{probe.unique_id} ({probe.description})" for probe in probes)
