"""The command that starts QEMU with an image."""

from collections.abc import Mapping

from harness.board.qemu_log import OPTIONS
from harness.elf import Elf
from harness.errors import InputError
from harness.target.target_file import Qemu, Target

_WITHOUT_SECURITY = ("cortex-m3", "cortex-m4", "cortex-m4f", "cortex-m7")  # Armv7-M, with a VTOR


def qemu_command(
    executable: str, target: Target, qemu: Qemu, elf: Elf, descriptors: Mapping[str, int]
) -> list[str]:
    """Return the command that runs `elf` on the machine `qemu`, halted until a gdbstub starts it.

    `descriptors` are the sockets of its lines, by QEMU's option. Raises `InputError` for a program
    that the machine cannot start.
    """
    lines = [
        option
        for name, descriptor in descriptors.items()
        for option in (
            *("-chardev", f"socket,id={name},fd={descriptor}"),
            *(f"-{name}", f"chardev:{name}"),
        )
    ]
    return [
        executable,
        *("-M", qemu.machine),
        *("-kernel", str(elf.path)),
        *_vectors(target, elf),
        *("-icount", f"shift={qemu.icount_shift}"),
        *lines,
        *OPTIONS,
        "-S",
        *("-display", "none"),
        *("-monitor", "none"),
    ]


def _vectors(target: Target, elf: Elf) -> list[str]:
    """Return the options that start a program for a bootloader, which QEMU does not have."""
    vectors = elf.vector_table(target.memory.flash)
    if vectors == target.memory.flash.origin:
        return []
    core = target.mcu.core
    if core not in _WITHOUT_SECURITY:
        raise InputError(
            f"the program begins at {vectors:#010x}, and QEMU starts a {core} only where its "
            f"flash begins, at {target.memory.flash.origin:#010x}",
            where=str(elf.path),
            remedy="link it without a bootloader, or run it on another target",
        )
    return ["-global", f"armv7m.init-nsvtor={vectors:#x}"]
