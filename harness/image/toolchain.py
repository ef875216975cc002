"""The compilers for images and their flags: finds them, or says how to install them."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path

from harness.errors import InfrastructureError, InputError
from harness.support.suggestions import suggest
from harness.support.tool_output import first_line

_GCC = "arm-none-eabi-gcc"
_NEWLIB = ("nano.specs", "libc_nano.a")
INSTALL_GCC = (
    "install the GNU Arm toolchain: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi "
    "libstdc++-arm-none-eabi-newlib, "
    "brew install --cask gcc-arm-embedded, or Arm's own download, and put it on PATH"
)
DEFAULT_OPT = "-O2"
# Not -Ofast: it reorders float operations, which can change the output bytes.
OPTS = ("-O0", "-Og", "-O1", "-O2", "-O3", "-Os", "-Oz")
INSTALL_CLANG = "install clang for --toolchain=clang: pip install 'tinyml-harness[clang]'"


@dataclass(frozen=True)
class Toolchain:
    """A compiler: name, executable, first line of its `--version`, and one flag of `OPTS`.

    For clang the executable is `zig`; `zig cc` is clang.
    """

    name: str
    compiler: Path
    version: str
    opt: str = DEFAULT_OPT

    @property
    def definitions(self) -> Mapping[str, str]:
        """The definitions of firmware/CMakeLists.txt for this toolchain and its path."""
        if self.name == "clang":
            return {"TOOLCHAIN": "clang", "ZIG": str(self.compiler)}
        return {"TOOLCHAIN": "gcc", "GCC_PREFIX": str(self.compiler).removesuffix("gcc")}


@cache
def find_gcc() -> Toolchain:
    """Return the GNU Arm toolchain on PATH.

    Raises `InfrastructureError` if there is none, if it does not run, or has no newlib.
    """
    other = INSTALL_CLANG if _zig() is None else "build with --toolchain=clang, which is installed"
    remedy = f"{INSTALL_GCC}\n  -> or {other}"
    gcc = shutil.which(_GCC)
    if gcc is None:
        raise InfrastructureError(f"{_GCC} is not on PATH", remedy=remedy)
    version = first_line([gcc, "--version"], remedy)
    for file in _NEWLIB:
        # GCC prints the path of a file of its libraries, or the name alone if there is none.
        if first_line([gcc, f"-print-file-name={file}"], remedy) == file:
            raise InfrastructureError(
                f"the C library newlib is missing: there is no {file}", where=gcc, remedy=remedy
            )
    return Toolchain("gcc", Path(gcc), version)


@cache
def find_clang() -> Toolchain:
    """Return the clang of the ziglang package; `InfrastructureError` if it is missing."""
    zig = _zig()
    if zig is None:
        raise InfrastructureError("the package ziglang is not installed", remedy=INSTALL_CLANG)
    line = first_line([str(zig), "cc", "--version"], INSTALL_CLANG)
    return Toolchain("clang", zig, f"{line} (ziglang {package_version('ziglang')})")


# In the order of preference.
TOOLCHAINS: Mapping[str, Callable[[], Toolchain]] = {"gcc": find_gcc, "clang": find_clang}


def find_toolchain(name: str, opt: str = DEFAULT_OPT) -> Toolchain:
    """Return the toolchain called `name`, with the optimization flag `opt`.

    Raises `InputError` with similar names if there is no such name or flag,
    `InfrastructureError` if the toolchain is not installed or does not run.
    """
    check_name(name)
    check_opt(opt)
    return replace(TOOLCHAINS[name](), opt=opt)


def check_name(name: str) -> None:
    """Raise `InputError` if `name` is not a toolchain, installed or not."""
    if name not in TOOLCHAINS:
        raise InputError(f"unknown toolchain {name!r}", remedy=suggest(name, TOOLCHAINS))


def check_opt(opt: str) -> None:
    """Raise `InputError` if `opt` is not a supported optimization flag."""
    if opt not in OPTS:
        raise InputError(f"unknown optimization flag {opt!r}", remedy=f"one of {', '.join(OPTS)}")


def default_toolchain() -> str:
    """Return the name of the default toolchain: the first that is installed and runs.

    If there is none, it is gcc; its error says how to install one.
    """
    try:
        find_gcc()
    except InfrastructureError:
        return "gcc" if _zig() is None else "clang"
    return "gcc"


def _zig() -> Path | None:
    """Return the executable in the ziglang package, without importing (and so running) it."""
    spec = find_spec("ziglang")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "zig"
