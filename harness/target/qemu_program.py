"""The installed qemu-system-arm: its version and its machines."""

import shutil
from functools import cache

from harness.errors import InfrastructureError
from harness.support.tool_output import first_line, output_of

QEMU = "qemu-system-arm"
"""The program."""

_INSTALL = "install QEMU: apt install qemu-system-arm, brew install qemu, or see qemu.org/download"
_TITLE = "QEMU emulator version"


def find_qemu() -> str:
    """Return the path of qemu-system-arm; `InfrastructureError` if it is not installed."""
    path = shutil.which(QEMU)
    if path is None:
        raise InfrastructureError(f"{QEMU} is not on PATH", remedy=_INSTALL)
    return path


@cache
def qemu_version(executable: str) -> str:
    """Return the first line of `qemu-system-arm --version`."""
    line = first_line([executable, "--version"], _INSTALL)
    if not line.startswith(_TITLE):
        raise InfrastructureError(
            f"is not QEMU: --version prints {line[:80]!r}", where=executable, remedy=_INSTALL
        )
    return line


def machines(executable: str) -> dict[str, str]:
    """Return the machines that QEMU has: their descriptions by name."""
    lines = output_of([executable, "-M", "help"], _INSTALL).splitlines()[1:]  # the first is a title
    pairs = (line.partition(" ") for line in lines)
    return {name: description.strip() for name, _, description in pairs if name}


def check_machine(machine: str) -> None:
    """Raise `InfrastructureError` unless the installed QEMU has the machine called `machine`."""
    executable = find_qemu()
    if machine not in machines(executable):
        raise InfrastructureError(
            f"has no machine {machine}",
            where=executable,
            remedy=f"install a newer QEMU; {QEMU} -M help lists the machines",
        )
