"""A machine in Renode: its platform, the image in its memory, and the connection to its UART."""

import os
import re
from pathlib import Path

from harness.board.renode.counter_hooks import report_readings
from harness.board.renode.monitor import Monitor, MonitorRefusedError, quoted
from harness.board.renode.script import FIRMWARE, without_downloads
from harness.elf import Elf
from harness.errors import InputError
from harness.support.suggestions import suggest
from harness.target.target_file import Renode, Target

_PLATFORM_DEADLINE = 120.0  # seconds; a platform may compile C#, or try to download a file
_MACHINE = "dut"
_IMAGE = "$harness_image"
_NO_MACHINE = "monitor"  # the prompt when no machine is selected
_TERMINAL = "harness_line"
_WORD = 4
_PATTERN = 0x5AFE_C0DE  # unlikely to be in memory by chance
_UART = re.compile(r"(\w+) \(\w*UART\w*\)", re.IGNORECASE)  # in a line of `peripherals`
_CORE = re.compile(r"(\w+) \((?:CortexM|ARMv\w+)\)")
_NO_DOWNLOAD = re.compile(r"Failed to download (\S+),")
_IS_SVD = ".svd"  # a description of registers; a platform does without it
_DESCRIPTION = re.compile(r"Error E\d+: .*(?:\n.*)*")  # several lines, with the location
_NO_LIBRARY = re.compile(r"Cannot find library \S+translate-\S+")  # of a kind of core
_ERROR_IN_SCRIPT = re.compile(r"There was an error executing .*(?:\n.*)*")  # behind its output
_LINE_OF_SCRIPT = re.compile(r"^Parsing line '", re.MULTILINE)  # Renode stops the script there
_NO_SYMBOL = "Could not find any address for symbol"
_DECLARED_TWICE = re.compile(r"was already declared")
_NO_FILE = re.compile(
    r"Could not find file.*|File does not exist.*|Error E36: Using '.*' does not exist"
)


def build(monitor: Monitor, target: Target, board: Renode, elf: Elf, scratch: Path) -> None:
    """Create the machine for `elf`, and check that it has the target's core."""
    create(monitor, board, elf.path, scratch, str(target.path))
    _check_core(monitor, target, board)
    # The fastest settings for an interrupt-driven UART: docs/renode.md, "How fast".
    monitor.command("emulation SetGlobalAdvanceImmediately true")
    monitor.command('emulation SetGlobalQuantum "0.001"')


def create(monitor: Monitor, board: Renode, firmware: Path, scratch: Path, where: str) -> None:
    """Create the machine from the board's platform: a `.repl`, or a `.resc` that creates it.

    Errors name a key of the file `where`.
    """
    if board.platform.endswith(".resc"):
        monitor.command(f'$name="{_MACHINE}"')
        for variable in FIRMWARE:
            monitor.command(f"{variable}={quoted(firmware)}")
        line = f"include {quoted(without_downloads(Path(board.platform), scratch))}"
    else:
        monitor.command(f'mach create "{_MACHINE}"')
        whole = scratch / "platform.repl"
        parts = filter(None, [board.platform, board.overlay])
        whole.write_text("".join(f"using {_in_platform(part)}\n" for part in parts))
        line = f"machine LoadPlatformDescription {quoted(whole)}"
    try:
        answer = monitor.command(line, _PLATFORM_DEADLINE)
    except MonitorRefusedError as error:
        raise _platform_error(error, where, board) from error
    missing = [url for url in _NO_DOWNLOAD.findall(answer) if _IS_SVD not in url]
    if missing:
        raise InputError(
            f"the script stops at the download of {missing[0]}, which fails",
            where=f"{where}: board.platform",
            remedy="use a copy of the script without this line: the harness sets $bin and $elf",
        )
    if not has_machine(monitor):
        raise InputError("the script creates no machine", where=f"{where}: board.platform")


def has_machine(monitor: Monitor) -> bool:
    """Whether a machine is selected in the Monitor."""
    return monitor.machine != _NO_MACHINE


def _check_core(monitor: Monitor, target: Target, board: Renode) -> None:
    try:
        monitor.command(f"sysbus.{board.cpu} PC")
    except MonitorRefusedError as error:
        known = re.findall(_CORE, monitor.command("peripherals"))
        raise InputError(
            f"the platform has no core {board.cpu!r}",
            where=f"{target.path}: board.cpu",
            remedy=suggest(board.cpu, known),
        ) from error


def load(monitor: Monitor, target: Target, board: Renode, elf: Elf) -> None:
    """Load `elf`, and check that the platform has all the memory that the target describes.

    Renode drops bytes outside the platform's memory with only a warning in its log.
    """
    monitor.command(f"{_IMAGE}={quoted(elf.path)}")
    load = f"sysbus LoadELF {_IMAGE}"
    # A reset clears the core's vector table address, and loading the ELF sets it again.
    monitor.command(f'macro reset "{load}"')
    try:
        monitor.command(load)
    except MonitorRefusedError as error:
        if "unpaused machine" not in error.what:
            raise
        raise InputError(
            "the script starts the machine, but the harness starts it after loading the image",
            where=f"{target.path}: board.platform",
            remedy="remove `start` from the script",
        ) from error
    for segment in elf.segments():
        last = (len(segment.data) - 1) // _WORD * _WORD
        word = int.from_bytes(segment.data[last : last + _WORD].ljust(_WORD, b"\0"), "little")
        address = segment.address + last
        if monitor.number(f"sysbus ReadDoubleWord {address:#x}") != word:
            raise _no_memory(target, board, f"the image at {address:#010x}")
    end = target.memory.ram.end - _WORD
    monitor.command(f"sysbus WriteDoubleWord {end:#x} {_PATTERN:#x}")
    if monitor.number(f"sysbus ReadDoubleWord {end:#x}") != _PATTERN:
        raise _no_memory(target, board, f"RAM at {end:#010x}, where memory.ram ends")


def report(monitor: Monitor, board: Renode, elf: Elf, peripherals: str) -> None:
    """Have Renode write to its log what `RenodeLog` reads, whatever a script has turned off."""
    for source in ("", " sysbus", f" sysbus.{board.cpu}"):
        monitor.command(f"logLevel 1{source}")
    monitor.command("sysbus UnhandledAccessBehaviour Report")
    report_readings(monitor, board, elf, peripherals)


def connect(monitor: Monitor, target: Target, board: Renode, scratch: Path) -> int:
    """Connect the UART to a pseudo-terminal; return the descriptor of the host's end.

    A socket is not an option: Renode listens on every network interface of the host.
    """
    link = scratch / "line"
    monitor.command(f'emulation CreateUartPtyTerminal "{_TERMINAL}" {quoted(link)}')
    uart = board.uart if board.uart.startswith("sysbus.") else f"sysbus.{board.uart}"
    try:
        monitor.command(f"connector Connect {uart} {_TERMINAL}")
    except MonitorRefusedError as error:
        known = re.findall(_UART, monitor.command("peripherals"))
        raise InputError(
            f"the platform has no UART {board.uart!r}",
            where=f"{target.path}: board.uart",
            remedy=suggest(board.uart, known) if known else "",
        ) from error
    return os.open(link, os.O_RDWR | os.O_NOCTTY)


def _in_platform(path: str) -> str:
    """Return `path` as a string of a platform description."""
    if not path.isprintable():
        raise InputError(
            "Renode cannot take a path with a control character",
            where=repr(path),
            remedy="rename the folder or the file",
        )
    return '"' + path.replace("\\", r"\\").replace('"', r"\"") + '"'


def _platform_error(error: MonitorRefusedError, where: str, board: Renode) -> InputError:
    """Return the error with the target file's key that causes it, and a remedy."""
    missing = _NO_FILE.search(error.what)
    if missing:
        key = "overlay" if board.overlay and board.overlay in missing[0] else "platform"
        return InputError(
            f"Renode does not find {board.overlay if key == 'overlay' else board.platform}",
            where=f"{where}: board.{key}",
            remedy="give a path relative to the target file, or one in Renode's own folder, "
            "such as platforms/cpus/stm32f4.repl",
        )
    description = _DESCRIPTION.search(error.what) or _ERROR_IN_SCRIPT.search(error.what)
    message = description[0] if description else error.what
    remedy = ""
    if _NO_LIBRARY.search(message):
        remedy = "this Renode is not complete: install one of Renode's own packages"
    elif _LINE_OF_SCRIPT.search(error.what) and _NO_SYMBOL in error.what:
        remedy = (
            "the script is for its own firmware: use a copy without this line, or run the platform "
            "that it loads"
        )
    elif board.overlay and _DECLARED_TWICE.search(message) and board.overlay in message:
        remedy = (
            "the platform already has it. Copy the overlay, remove the type from this entry, as in "
            '"dwt:", so that it changes the platform\'s, and name the copy in board.overlay'
        )
    return InputError(
        f"Renode does not accept the platform:\n{message}",
        where=f"{where}: board.platform",
        remedy=remedy,
    )


def _no_memory(target: Target, board: Renode, what: str) -> InputError:
    return InputError(
        f"the platform {Path(board.platform).name} has no memory for {what}",
        where=f"{target.path}: memory",
        remedy="make `memory` in the target file match the platform's memories",
    )
