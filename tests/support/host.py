"""The firmware's C, compiled for this machine: the real code, without an emulator."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import cmake
import ninja
import pytest

from harness.support import bundled_files

DATA = Path(__file__).parents[1] / "data"
FIRMWARE = bundled_files.bundled("firmware")


def compiler() -> str:
    """Return the host's C compiler; skips where there is none."""
    found = shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler for this machine: cc is not on PATH")
    return found


def build_firmware(directory: Path, model: str, *options: str) -> Path:
    """Build the firmware as a program of this machine, around tests/data/firmware/<model>.

    `options` are CMake's, such as "-DTRACE=ON".
    """
    compiler()
    tool = str(Path(cmake.CMAKE_BIN_DIR) / "cmake")
    configure = [tool, "-G", "Ninja", "-S", str(FIRMWARE), "-B", str(directory)]
    configure += [f"-DCMAKE_MAKE_PROGRAM={Path(ninja.BIN_DIR) / 'ninja'}"]
    configure += ["-DPORT=host", f"-DMODEL_DIR={DATA / 'firmware' / model}", *options]
    for command in (configure, [tool, "--build", str(directory)]):
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    return directory / "firmware.elf"


def frame_library(directory: Path) -> ctypes.CDLL:
    """Compile firmware/link/frame.c into a library and load it."""
    return library(directory / "frame.so", FIRMWARE / "link" / "frame.c")


def library(path: Path, *sources: Path) -> ctypes.CDLL:
    """Compile `sources` into the library `path`, which stops at undefined behaviour; load it."""
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-shared", "-fPIC"]
    flags += ["-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
    subprocess.run(
        [compiler(), *flags, *map(str, sources), "-o", str(path)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return ctypes.CDLL(str(path))
