"""Locked chips: what the lock is, and what opens it. The harness never opens one: that erases."""

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.coresight.ap import MEM_AP

from harness.errors import InfrastructureError
from harness.target.chip_families import lock_of

_GENERIC = "cortex_m"  # pyOCD's name for any chip: it knows the core alone
_ERASES = "this erases all that is in its flash, so the harness never does it"


def check_lock(session: Session, probe: str, target: str) -> None:
    """Raise `InfrastructureError` if a register of the chip says that debuggers have no access."""
    lock = lock_of(target)
    if lock is None or lock.address is None:
        return
    value = session.target.read32(lock.address)
    if value & lock.mask != lock.open:
        raise InfrastructureError(
            f"the chip is locked: its {lock.name} is on ({lock.address:#010x} reads {value:#x}), "
            "and a debugger can neither read nor program its flash",
            where=f"probe {probe}",
            remedy=unlocking(probe, target),
        )


def locked_error(session: Session, probe: str, target: str) -> InfrastructureError | None:
    """Return the error for a chip to which no session can be opened, if a lock is the reason.

    Its own access port says so, as pyOCD's support for it knows, or all ports to memory are off.
    Those of some chips are off, too, while nRESET is low: the boot ROM turns them on.
    """
    try:
        held = session.options.get("connect_mode") == "under-reset"
        if not session.target.is_locked() and (held or not ports_are_off(session)):
            return None
    except (exceptions.Error, KeyError, AttributeError, OSError):
        return None  # it does not answer at all, or pyOCD does not know how to ask
    return InfrastructureError(
        "the chip is locked: its read-out protection is on, and debuggers have no access",
        where=f"probe {probe}",
        remedy=unlocking(probe, target),
    )


def ports_are_off(session: Session) -> bool:
    """Return whether the chip has access ports to memory, and none of them works."""
    try:
        ports = [port for port in session.target.aps.values() if isinstance(port, MEM_AP)]
        return bool(ports) and not any(port.is_enabled for port in ports)
    except (exceptions.Error, AttributeError, OSError):
        return False  # it does not answer, or pyOCD has not looked for its ports


def unlocking(probe: str, target: str) -> str:
    """Return what unlocks a chip that pyOCD calls `target`."""
    if target.lower() == _GENERIC:
        return "name the chip, --target=chip:NAME: then this message says what unlocks it"
    lock = lock_of(target)
    if lock is None:
        return f"the vendor's tool unlocks it; {_ERASES}"
    return f"{lock.unlock.format(target=target, probe=probe)}; {_ERASES}"


def silence(target: str) -> str:
    """Return why a chip may not answer at all although it is powered and connected."""
    lock = lock_of(target)
    if lock is None or not lock.silent:
        return (
            "Some locked chips do not answer either: only the vendor's tool or boot loader unlocks "
            "them"
        )
    return f"A chip with {lock.name} does not answer either. To unlock it: {lock.unlock}; {_ERASES}"
