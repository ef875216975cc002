"""Tries a toolchain: compiles and links a small program, as images are."""

import tempfile
from pathlib import Path

from harness.elf import Elf
from harness.errors import InfrastructureError, InputError
from harness.image.plain_folder import plain_temporary
from harness.image.toolchain import INSTALL_CLANG, INSTALL_GCC, Toolchain, zig_environment
from harness.support.tool_output import output_of

_DEADLINE = 120.0  # seconds; the first time, zig compiles its runtime library
# Memory functions come from the C library, or from the runtime library of clang.
_PROGRAM = """
#include <stdint.h>
static volatile uint8_t from[100], to[100];
void *memcpy(void *, const void *, __SIZE_TYPE__);
int main(void) { memcpy((void *)to, (const void *)from, sizeof(to)); return to[0]; }
"""
# Of firmware/cores.cmake and firmware/toolchains, for a Cortex-M4F.
_COMMANDS = {
    "gcc": (
        *("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        *("-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--entry=main"),
    ),
    "clang": (
        *("cc", "--target=thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp"),
        *("-ffreestanding", "-fno-sanitize=all", "-Wl,--entry=main"),
    ),
}
_REMEDIES = {"gcc": INSTALL_GCC, "clang": INSTALL_CLANG}


def try_toolchain(toolchain: Toolchain) -> None:
    """Raise `InfrastructureError` unless `toolchain` compiles and links a program for Cortex-M."""
    with tempfile.TemporaryDirectory(prefix="harness-", dir=plain_temporary()) as name:
        folder = Path(name)
        (folder / "trial.c").write_text(_PROGRAM)
        command = [str(toolchain.compiler), *_COMMANDS[toolchain.name]]
        command += ["-O2", "trial.c", "-o", "trial.elf"]
        remedy = _REMEDIES[toolchain.name]
        output_of(command, remedy, _DEADLINE, environment=zig_environment(), folder=folder)
        try:
            Elf(folder / "trial.elf").segments()
        except InputError as error:
            raise InfrastructureError(
                f"it writes no program: {error.what}", where=command[0], remedy=remedy
            ) from error
