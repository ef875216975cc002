"""Builds the conformance programs: one ELF with all cases, and one that locks up."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
COMPILER = "arm-none-eabi-gcc"
_MARK = b"skipped:".ljust(12, b"\0")
_SIZE = 64  # bytes
_RESUMPTION, _RESUMES = 0x2001_BFF0, 0x5AFE_C0DE
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


def without(elf: Path, skipped: Iterable[int]) -> Path:
    """Return a copy of `elf` that does not run these cases, counted from 0.

    A bit of `skipped` in framework.c stands for each.
    """
    bits = sum(1 << number for number in set(skipped))
    data = bytearray(elf.read_bytes())
    at = data.index(_MARK) + len(_MARK)
    data[at : at + _SIZE] = bits.to_bytes(_SIZE, "little")
    copy = elf.with_name(f"{elf.stem}-some.elf")
    copy.write_bytes(data)
    return copy


def resumption(case: int) -> dict[int, int]:
    """Return the words by address that make the device go on with this case after a reset.

    memory.ld has the address of `resumption`, framework.c the mark.
    """
    return {_RESUMPTION: _RESUMES, _RESUMPTION + 4: case}


def _compile(sources: list[str], elf: Path) -> None:
    command = [COMPILER, *_FLAGS, *sources, "-lc", "-lgcc", "-o", str(elf)]
    subprocess.run(command, cwd=PROGRAMS, check=True)
