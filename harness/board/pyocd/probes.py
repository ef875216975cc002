"""Debug probes: which one, and a session with the chip behind it."""

from typing import Any

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.probe.aggregator import DebugProbeAggregator
from pyocd.target import TARGET

from harness.board.pyocd.pyocd_errors import explained
from harness.errors import InfrastructureError, InputError
from harness.support.suggestions import suggest
from harness.target.target_file import ChipId

_NONE = "plug a probe in; one that is not listed by `pyocd list` may lack a udev rule or its driver"
_RESET_DEADLINE = 3.0  # seconds


def pick_probe(wanted: str) -> Any:
    """Return the one probe whose unique id is, or contains, `wanted`; any if it is empty.

    Raises `InfrastructureError` if there is none or more than one; it lists them.
    """
    try:
        probes = DebugProbeAggregator.get_all_connected_probes(unique_id=wanted or None)
    except (exceptions.Error, ValueError) as error:  # ValueError: the port of a remote probe
        raise InputError(
            str(error),
            where=f"probe {wanted}",
            remedy="give a probe's unique id, or remote:HOST:PORT",
        ) from error
    # An id may be part of another; pyOCD takes any that contains it.
    probes = [probe for probe in probes if _same(probe.unique_id, wanted)] or probes
    if len(probes) == 1:
        return probes[0]
    if probes:
        raise InfrastructureError(
            f"{len(probes)} probes fit: {_names(probes)}",
            where=f"probe {wanted}" if wanted else "probe",
            remedy="name one with --probe, or as `probe` in the target file",
        )
    connected = DebugProbeAggregator.get_all_connected_probes()
    raise InfrastructureError(
        f"there is no such probe; connected: {_names(connected) or 'none'}"
        if wanted
        else "no debug probe is connected",
        where=f"probe {wanted}" if wanted else "",
        remedy="name one of them with --probe" if connected else _NONE,
    )


def open_session(probe: Any, target: str, frequency: int) -> Session:
    """Connect to `target`, pyOCD's name of a chip, under reset; the core is halted.

    `frequency` of SWD is in Hz. Raises `InputError` for a name that pyOCD does not know
    and `InfrastructureError` if probe or chip do not answer.
    """
    if target not in TARGET:
        raise InputError(
            f"pyOCD has no built-in target {target!r}",
            where="board.target",
            remedy=f"{suggest(target, TARGET)}; `pyocd pack find {target}` looks for a pack",
        )
    options = {
        "target_override": target,
        "connect_mode": "under-reset",
        "frequency": frequency,
        # Without it pyOCD would read, and change to, the folder of a pyocd.yaml.
        "no_config": True,
        "hide_programming_progress": True,
        "resume_on_disconnect": False,
        # On a locked nRF52, unlocking would erase the chip without a question.
        "auto_unlock": False,
        "reset.halt_timeout": _RESET_DEADLINE,
    }
    session = Session(probe, auto_open=False, options=options)
    try:
        with explained(probe.unique_id, target, "connecting"):
            session.open()
    except (KeyError, AssertionError, AttributeError) as error:
        # pyOCD trips like this over a chip of another family.
        _close(session)
        raise InfrastructureError(
            f"pyOCD's support for {target} failed with {error!r}",
            where=f"probe {probe.unique_id}",
            remedy=f"is the chip really a {target}?",
        ) from error
    except InfrastructureError:
        _close(session)  # else the probe stays claimed
        raise
    return session


def check_chip(session: Session, probe: str, target: str, chip: ChipId) -> None:
    """Compare the chip's identification register; pyOCD does not for STM32."""
    with explained(probe, target, "reading the chip's id"):
        found = session.target.read32(chip.address) & chip.mask
    if found != chip.value:
        raise InfrastructureError(
            f"the chip is not a {target}: {chip.address:#010x} reads {found:#x}, "
            f"not {chip.value:#x}",
            where=f"probe {probe}",
            remedy="is this the right board? --probe names another",
        )


def close_session(session: Session) -> None:
    """Disconnect; a probe that is gone by now is no error."""
    session.context_state.suppress_disconnect_error = True
    _close(session)


def _close(session: Session) -> None:
    try:
        session.close()
    except (exceptions.Error, OSError):
        return  # it was to be ended, and it is


def _same(unique_id: str, wanted: str) -> bool:
    return unique_id.lower() == wanted.lower().removeprefix("remote:")


def _names(probes: list[Any]) -> str:
    return ", ".join(f"{probe.unique_id} ({probe.description})" for probe in probes)
