"""Locked chips: what the lock is, and what opens it. The harness never opens one: that erases."""

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.coresight.ap import MEM_AP

from harness.errors import InfrastructureError
from harness.target.chip_families import lock_of

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
            remedy=f"{lock.unlock}; {_ERASES}",
        )


def locked_error(session: Session, probe: str, target: str) -> InfrastructureError | None:
    """Return the error for a chip to which no session can be opened, if a lock is the reason.

    Its own access port says so, as pyOCD's support for it knows, or all ports to memory are off.
    """
    try:
        says_so = session.target.is_locked()
        ports = [port for port in session.target.aps.values() if isinstance(port, MEM_AP)]
        if not says_so and (not ports or any(port.is_enabled for port in ports)):
            return None
    except (exceptions.Error, KeyError, AttributeError, OSError):
        return None  # it does not answer at all, or pyOCD does not know how to ask
    return InfrastructureError(
        "the chip is locked: its read-out protection is on, and debuggers have no access",
        where=f"probe {probe}",
        remedy=f"`pyocd erase --mass -t {target} -u {probe}` unlocks it; {_ERASES}"
        if says_so
        else "name the chip, --target=chip:NAME: then this message has the command that unlocks it",
    )


def silence(target: str) -> str:
    """Return why a chip may not answer at all although it is powered and connected."""
    lock = lock_of(target)
    if lock is None or lock.address is not None:
        return (
            "Some locked chips do not answer either: only the vendor's tool or boot loader unlocks "
            "them"
        )
    return f"A chip with {lock.name} does not answer either. To unlock it: {lock.unlock}; {_ERASES}"
