"""The compiler that makes images."""

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.errors import InfrastructureError

_GCC = "arm-none-eabi-gcc"
_DEADLINE = 30.0  # seconds for a compiler to say its version
INSTALL_GCC = (
    "install the GNU Arm toolchain: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi, "
    "brew install --cask gcc-arm-embedded, or Arm's own download, and put it on PATH"
)


@dataclass(frozen=True)
class Toolchain:
    """A compiler: its name, the executable, and the first line of its `--version`."""

    name: str
    compiler: Path
    version: str

    @property
    def prefix(self) -> str:
        """Path and name of the tools up to `gcc`, as firmware/toolchains/gcc.cmake takes it."""
        return str(self.compiler)[: -len("gcc")]


@cache
def find_gcc() -> Toolchain:
    """Return the GNU Arm toolchain on PATH; `InfrastructureError` says how to get one."""
    found = shutil.which(_GCC)
    if found is None:
        raise InfrastructureError(f"{_GCC} is not on PATH", remedy=INSTALL_GCC)
    try:
        output = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=_DEADLINE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrastructureError(
            f"does not run: {error}", where=found, remedy=INSTALL_GCC
        ) from error
    return Toolchain("gcc", Path(found), output.splitlines()[0].strip())
