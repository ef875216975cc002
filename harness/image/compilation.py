"""Compiles the firmware with CMake and Ninja, and explains their errors."""

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from harness.errors import InfrastructureError, InputError
from harness.image.firmware_sources import own_port
from harness.image.plain_folder import plain_folders
from harness.image.toolchain import INSTALL_GCC, Toolchain, zig_environment
from harness.support import bundled_files
from harness.support.build_path import cmake_path
from harness.support.details import detail, details_are_shown
from harness.support.owned_process import OwnedProcess
from harness.target.memory_shares import LEAST_STACK
from harness.target.target_file import Port, Target

DEADLINE = 1800.0
"""Seconds; on a busy machine, the whole SDK of an export takes minutes."""

# CMake and compilers read these. They would change an image, but not its build ID.
_NOT_PASSED = (
    *("CFLAGS", "CXXFLAGS", "CPPFLAGS", "ASMFLAGS", "LDFLAGS", "CC", "CXX", "ASM"),
    *("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH"),
    *("GCC_EXEC_PREFIX", "CMAKE_TOOLCHAIN_FILE", "CMAKE_BUILD_TYPE", "CMAKE_PREFIX_PATH"),
)

# GNU ld: "region `FLASH' overflowed by 7 bytes". lld, for each section beyond the end: "section
# '.text' will not fit in region 'FLASH': overflowed by 7 bytes".
_OVERFLOW = re.compile(r"region [`'](?P<region>FLASH|RAM)':? overflowed by (?P<bytes>\d+) bytes")
_NO_NEWLIB = re.compile(
    r"cannot read spec file 'nano\.specs'|fatal error: (?:string\.h|c\w+): No such"
)
_NO_HEADER = re.compile(r"fatal error: '(?P<header>[\w/.]+)' file not found")
# A port.cmake refuses an option: message(FATAL_ERROR " OPTION: what is wrong\n -> what to do").
_OPTION = re.compile(
    r"^CMake Error at .*\n\s*(?P<option>\w+): (?P<what>.+)\n\s*-> (?P<remedy>.+)$", re.MULTILINE
)
_ERROR = re.compile(r"\berror\b|undefined reference", re.IGNORECASE)  # \b excludes file names
_ERROR_LINES = 20
_COUNT = re.compile(r"^\[(\d+)/(\d+)\] ", re.MULTILINE)
_END = 20_000  # bytes of a log; a message of Ninja has the whole command of a failed compiler
_SMALL = ("-Os", "-Oz")
_STACK_UNIT = 8  # a target's stack is a multiple of it
_LOOK = 0.5  # seconds between two looks at Ninja's count
_LEAST_FREE = 1 << 20  # bytes; a build needs a few MiB
_COMMAND = 500  # characters; command lines of compilers are longer, their messages shorter


class CompileError(Exception):
    """The sources do not compile; the message is the build's log."""


def compile_firmware(
    target: Target,
    toolchain: Toolchain,
    staging: Path,
    options: Mapping[str, str],
    count: Callable[[str], None] = lambda _: None,
) -> None:
    """Compile the firmware with the model in `staging`; write build.log there.

    `count` is called all the time, with the number of files that are done: "12 of 80", or with
    nothing before the first.

    Raises `InputError` if the image does not fit the target's memory, the port refuses an option,
    or the build tools do not take a path; `InfrastructureError` if a tool is missing or fails,
    `OSError` if the disk is full.
    """
    cmake_path(toolchain.compiler)
    definitions = {**options, **toolchain.definitions, "MODEL_DIR": str(staging / "model")}
    try:
        log = run_cmake(staging / "cmake", definitions, count, target.port)
    except CompileError as error:
        _check_disk(str(error), staging)
        raise _explained(str(error), target, toolchain) from error
    (staging / "build.log").write_text(log)


def _check_disk(log: str, staging: Path) -> None:
    """Raise `OSError` if the disk is full or `staging` was removed: the tools do not say so."""
    (staging / "model").stat()
    for number in (errno.ENOSPC, errno.EDQUOT):
        if os.strerror(number) in log:
            raise OSError(number, os.strerror(number), str(staging.parent))
    if shutil.disk_usage(staging).free < _LEAST_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(staging.parent))


def run_cmake(
    build: Path,
    definitions: Mapping[str, str],
    count: Callable[[str], None] = lambda _: None,
    port: Port | None = None,
) -> str:
    """Configure the firmware with `definitions` and build it in `build`; return the log.

    `count` is called as by `compile_firmware`. A `port` of the user's own is compiled as a copy,
    which no file outside of its folder can get into; in messages its files have their own paths.

    Raises `CompileError` if that fails, `InfrastructureError` if it takes too long, `InputError`
    if the build tools do not take a path.
    """
    firmware = bundled_files.bundled("firmware")
    for path in (firmware, _tools()[0]):
        cmake_path(path)
    with plain_folders(build, Path(definitions["MODEL_DIR"])) as (place, model):
        # What a killed compiler leaves is removed with the build.
        temporary = place / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        # zig caches objects of these sources there; for its runtime, see zig_environment.
        environment = {"ZIG_LOCAL_CACHE_DIR": str(place / "zig"), "TMPDIR": str(temporary)}
        here = {**definitions, "MODEL_DIR": str(model)}
        if port is None or not port.dir:
            return _run(place, here, environment, count)
        copy = _copied(port, place / "port")
        try:
            return _run(place, here | {"PORT_DIR": str(copy)}, environment, count)
        except CompileError as error:
            raise CompileError(str(error).replace(str(copy), port.dir)) from error


def _copied(port: Port, copy: Path) -> Path:
    for name, path in own_port(port).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy / name)
    return copy


def _run(
    build: Path,
    definitions: Mapping[str, str],
    environment: Mapping[str, str],
    count: Callable[[str], None],
) -> str:
    """Do the same with paths that the build tools take."""
    cmake, ninja = _tools()
    tool = str(cmake / "cmake")
    configure = [
        tool,
        "-G",
        "Ninja",
        "-S",
        str(bundled_files.bundled("firmware")),
        "-B",
        str(build),
    ]
    verbose = details_are_shown()
    configure += [f"-DCMAKE_MAKE_PROGRAM={ninja / 'ninja'}"]
    configure += [f"-D{key}={value}" for key, value in definitions.items()]
    kept = {key: value for key, value in zig_environment().items() if key not in _NOT_PASSED}
    with tempfile.TemporaryFile() as log:
        for command in (configure, [tool, "--build", str(build), *["--verbose"] * verbose]):
            code = _run_tool(command, log, kept | dict(environment), count)
            if code != 0:
                raise CompileError(_text(log))
        if verbose:
            detail(_text(log).rstrip())
        return _text(log)


def _tools() -> tuple[Path, Path]:
    """Return the folders of the programs CMake and Ninja."""
    # cmake reads the list of its thousands of files, and most runs compile nothing.
    import cmake  # noqa: PLC0415
    import ninja  # noqa: PLC0415

    return Path(cmake.CMAKE_BIN_DIR), Path(ninja.BIN_DIR)


def _run_tool(
    command: list[str],
    log: IO[bytes],
    environment: Mapping[str, str],
    count: Callable[[str], None],
) -> int | None:
    """Run `command` and return its exit code; compilers do not outlive a killed harness."""
    process = OwnedProcess(command, log, environment=environment)
    deadline = time.monotonic() + DEADLINE
    try:
        while not process.wait(_LOOK):
            count(files_done(_end(log)))
            if time.monotonic() > deadline:
                raise InfrastructureError(
                    f"the build took longer than {DEADLINE:g} s", where=command[0]
                )
    finally:
        process.stop()
    return process.poll()


def files_done(log: str) -> str:
    """Return Ninja's last count of files in `log`, as "12 of 80"; empty if there is none."""
    counts = _COUNT.findall(log)
    return "{} of {}".format(*counts[-1]) if counts else ""


def _end(log: IO[bytes]) -> str:
    """Return the end of a log that a process still writes; its position does not change."""
    size = os.fstat(log.fileno()).st_size
    end = os.pread(log.fileno(), _END, max(size - _END, 0))
    return end.decode("utf-8", "replace")


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode("utf-8", "replace")


def excerpt(log: str) -> str:
    """Return the lines of `log` around the first error, without command lines."""
    lines = [line for line in log.splitlines() if len(line) < _COMMAND]
    errors = [index for index, line in enumerate(lines) if _ERROR.search(line)]
    first = max(errors[0] - 2, 0) if errors else -_ERROR_LINES
    return "\n".join(lines[first:][:_ERROR_LINES])


def _too_large(overflows: Mapping[str, int], target: Target, toolchain: Toolchain) -> InputError:
    """Return the error for an image with `overflows`, the bytes that each memory lacks."""
    sizes = {"FLASH": target.memory.flash.size, "RAM": target.memory.ram.size}
    excess = " and ".join(
        f"{count:,} bytes larger than the {sizes[region]:,} bytes of {region.lower()}"
        for region, count in overflows.items()
    )
    remedy = "choose a smaller model or a target with more memory"
    if toolchain.opt not in _SMALL and ("FLASH" in overflows or target.load == "ram"):
        remedy += ", or build with --opt=-Os"
    stack = (target.stack - overflows.get("RAM", target.stack)) // _STACK_UNIT * _STACK_UNIT
    if stack >= LEAST_STACK:
        remedy += f", or reserve less stack: stack = {stack} in a target file, now {target.stack}"
    return InputError(
        f"the model is too large: the image is {excess}",
        where=f"{target.path}: memory.{next(iter(overflows)).lower()}",
        remedy=remedy,
    )


def _explained(log: str, target: Target, toolchain: Toolchain) -> InputError | InfrastructureError:
    overflows: dict[str, int] = {}
    for overflow in _OVERFLOW.finditer(log):
        region = overflow["region"]
        overflows[region] = max(overflows.get(region, 0), int(overflow["bytes"]))
    if overflows:
        if target.load == "ram":
            overflows = {"RAM": max(overflows.values())}  # FLASH is another name for it
        return _too_large(overflows, target, toolchain)
    if refused := _OPTION.search(log):
        key = "baud" if refused["option"] == "BAUD" else f"options.{refused['option']}"
        return InputError(
            refused["what"], where=f"{target.path}: port.{key}", remedy=refused["remedy"]
        )
    if _NO_NEWLIB.search(log):
        return InfrastructureError(
            "the C library newlib, or its C++ library, is missing", remedy=INSTALL_GCC
        )
    missing = _NO_HEADER.search(log)
    if missing and toolchain.name == "clang":
        return InfrastructureError(
            f"the sources include <{missing['header']}>, but clang has no C library",
            where=target.name,
            remedy="build with --toolchain=gcc",
        )
    if target.port.dir and target.port.dir in excerpt(log):
        return InputError(
            f"the port does not compile:\n{excerpt(log)}", where=f"{target.path}: port.dir"
        )
    return InfrastructureError(f"the image does not compile:\n{excerpt(log)}", where=target.name)
