"""Translates pyOCD's exceptions into errors that say what happened and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyocd.core import exceptions

from harness.board.pyocd.locks import silence, unlocking
from harness.errors import HangError, InfrastructureError, UnreachableError

_WIRING = "check the target's power and the SWD wiring: SWDIO, SWCLK, GND, nRESET"
_PERMISSIONS = (
    "is another program using it? On Linux a udev rule must allow it: "
    "see pyocd.io/docs/installing, 'udev rules'"
)
CONNECTING = "connecting"
"""The activity of opening a session. If it fails, another program may use the probe."""
STALLED = "unplug the probe and plug it in again, or restart its server or virtual board"
_VERSION = "does the server run this version of pyOCD, and is the chip the right one?"
_CONFUSED = (AssertionError, AttributeError, LookupError, TypeError, ValueError)
_SERVER = (
    "does `pyocd server` run on that machine and port, without another client? Start it again if "
    "its probe was unplugged or has failed: it does not open it anew"
)


@contextmanager
def translated_errors(  # noqa: C901 - a table, a row for each exception
    probe: str, target: str, activity: str
) -> Iterator[None]:
    """Turn pyOCD's exceptions during `activity` into `InfrastructureError`.

    It is a `HangError` if probe or chip do not answer. While connecting, another program may use
    the probe, and its power must stay on: then a probe that refuses does not count as one that
    hangs.
    """

    def translate(
        what: str, remedy: str, kind: type[InfrastructureError] = InfrastructureError
    ) -> InfrastructureError:
        return kind(f"{activity}: {what}", where=f"probe {probe}", remedy=remedy)

    protection = _protection(probe, target)
    connecting = activity == CONNECTING
    silent = UnreachableError if connecting else HangError
    lost = InfrastructureError if connecting else HangError

    try:
        yield
    except exceptions.ProbeDisconnected as error:
        what = f"the probe was unplugged ({error})"
        raise translate(what, "plug it in again", silent) from error
    except exceptions.ProbeError as error:
        raise translate(str(error), _access(probe), lost) from error
    except exceptions.FlashEraseFailure as error:
        raise translate(f"flash cannot be erased: {error}", protection) from error
    except exceptions.FlashProgramFailure as error:
        raise translate(
            f"flash cannot be programmed: {error}", _protection(probe, target)
        ) from error
    except exceptions.FlashFailure as error:
        raise translate(
            f"the flash algorithm failed: {error}", _protection(probe, target)
        ) from error
    except exceptions.TransferFaultError as error:
        raise translate(
            f"memory cannot be accessed: {error}",
            "is the address in the chip's memory map, and is read-out protection off? If it is on, "
            f"{unlocking(probe, target)}",
        ) from error
    except exceptions.TransferError as error:
        what = f"the target stopped answering: {error}"
        raise translate(what, _wiring(target), silent) from error
    except exceptions.TargetSupportError as error:
        raise translate(
            str(error),
            f"`pyocd list --targets` lists the built-in targets; a CMSIS pack adds others: "
            f"`pyocd pack install {target}`",
        ) from error
    except exceptions.Error as error:
        raise translate(str(error), _wiring(target), silent) from error
    except _CONFUSED as error:
        if not is_remote(probe):
            raise  # `open_session` explains those of a wrong target
        raise translate(f"the server's answer makes no sense: {error!r}", _VERSION) from error
    except OSError as error:  # a busy ST-Link raises usb.core.USBError, which pyOCD lets through
        late = isinstance(error, TimeoutError)
        kind = silent if late and not is_remote(probe) else lost
        raise translate(str(error), STALLED if late else _access(probe), kind) from error


def is_remote(probe: str) -> bool:
    """Return whether a probe's ID is one behind `pyocd server`."""
    return probe.lower().startswith("remote:")


def _wiring(target: str) -> str:
    return f"{_WIRING}. {silence(target)}"


def _access(probe: str) -> str:
    return _SERVER if is_remote(probe) else _PERMISSIONS


def _protection(probe: str, target: str) -> str:
    return (
        "is the sector write-protected, or the chip locked? Check the option bytes. If it is "
        f"locked, {unlocking(probe, target)}"
    )
