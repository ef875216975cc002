"""Builds the conformance programs: one ELF with all cases, and one that locks up."""

import subprocess
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
COMPILER = "arm-none-eabi-gcc"
_SHARED = ("framework.c",)
_ALONE = ("lockup.c",)
_FLAGS = (
    *("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-std=c11", "-O1", "-g"),
    *("-Wall", "-Wextra", "-Wshadow", "-Werror", "-ffreestanding"),
    "-fno-toplevel-reorder",  # cases run in the order of their file
    *("-nostdlib", "-nostartfiles", "-T", "memory.ld"),
)


def build_cases(elf: Path) -> None:
    """Compile all programs but those that run alone to `elf`."""
    programs = sorted(path.name for path in PROGRAMS.glob("*.c"))
    _compile([name for name in programs if name not in _ALONE], elf)


def build_lockup(elf: Path) -> None:
    """Compile the program after which nothing runs."""
    _compile([*_SHARED, *_ALONE], elf)


def beginning_with(elf: Path, case: int) -> Path:
    """Return a copy of `elf` that begins with this case, counted from 0.

    A word behind the vector table says which: `first_case` in framework.c.
    """
    copy = elf.with_name(f"{elf.stem}-{case}.elf")
    data = bytearray(elf.read_bytes())
    at = data.index(_MARK) + len(_MARK)
    data[at : at + 4] = case.to_bytes(4, "little")
    copy.write_bytes(data)
    return copy


_MARK = b"first_case:\0"


def _compile(sources: list[str], elf: Path) -> None:
    command = [COMPILER, *_FLAGS, *sources, "-lc", "-lgcc", "-o", str(elf)]
    subprocess.run(command, cwd=PROGRAMS, check=True)
