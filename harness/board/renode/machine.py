"""A machine in Renode: its platform, the image in its memory, and the line to its UART."""

import re
import socket
from pathlib import Path

from harness.board.renode.monitor import Monitor, MonitorRefusedError, quoted
from harness.elf import Elf
from harness.errors import InputError
from harness.target import Renode, Target

_PLATFORM_DEADLINE = 120.0  # seconds; a platform may compile C#, or try to download a file
_CONNECT_DEADLINE = 5.0
_PORT_ATTEMPTS = 5
_MACHINE = "dut"
_LINE = "harness_line"
_WORD = 4
_PATTERN = 0x5AFE_C0DE  # that no memory holds by chance
_SYNTAX = re.compile(r"Error E\d+: .*(?:\n.*)*")
_NO_FILE = re.compile(r"Could not find file|File does not exist")


def build(monitor: Monitor, target: Target, board: Renode, elf: Elf, scratch: Path) -> None:
    """Create the machine from the board's platform, a `.repl`, or have its `.resc` do it."""
    try:
        if board.platform.endswith(".resc"):
            monitor.command(f'$name="{_MACHINE}"')
            for variable in ("$bin", "$elf"):  # what scripts call the file that they load
                monitor.command(f"{variable}={quoted(elf.path)}")
            monitor.command(f"include {quoted(board.platform)}", _PLATFORM_DEADLINE)
        else:
            whole = scratch / "platform.repl"
            parts = filter(None, [board.platform, board.overlay])
            whole.write_text("".join(f'using "{part}"\n' for part in parts))
            monitor.command(f'mach create "{_MACHINE}"')
            monitor.command(f"machine LoadPlatformDescription {quoted(whole)}", _PLATFORM_DEADLINE)
    except MonitorRefusedError as error:
        raise _platform_error(error, target, board) from error
    # What makes a line by interrupt fastest: docs/renode.md, "How fast".
    monitor.command("emulation SetGlobalAdvanceImmediately true")
    monitor.command('emulation SetGlobalQuantum "0.001"')


def load(monitor: Monitor, target: Target, board: Renode, elf: Elf) -> None:
    """Load `elf`, and make sure that the platform has all the memory that the target says.

    What lies outside its memories Renode drops with no more than a warning in its log.
    """
    monitor.command(f"sysbus LoadELF {quoted(elf.path)}")
    for segment in elf.segments():
        last = (len(segment.data) - 1) // _WORD * _WORD
        word = int.from_bytes(segment.data[last : last + _WORD].ljust(_WORD, b"\0"), "little")
        address = segment.address + last
        if monitor.number(f"sysbus ReadDoubleWord {address:#x}") != word:
            raise _no_memory(target, board, f"the image's byte at {address:#010x}")
    end = target.memory.ram.end - _WORD
    monitor.command(f"sysbus WriteDoubleWord {end:#x} {_PATTERN:#x}")
    if monitor.number(f"sysbus ReadDoubleWord {end:#x}") != _PATTERN:
        raise _no_memory(target, board, f"RAM at {end:#010x}, where memory.ram ends")


def connect(monitor: Monitor, target: Target, board: Renode) -> socket.socket:
    """Put the UART on a port of the loopback interface; return the socket connected to it."""
    uart = board.uart if board.uart.startswith("sysbus.") else f"sysbus.{board.uart}"
    for attempt in range(_PORT_ATTEMPTS):
        port = _free_port()
        try:
            monitor.command(f'emulation CreateServerSocketTerminal {port} "{_LINE}" false')
            break
        except MonitorRefusedError as error:
            # Somebody was faster.
            if "AddressAlreadyInUse" not in error.what or attempt + 1 == _PORT_ATTEMPTS:
                raise
    try:
        monitor.command(f"connector Connect {uart} {_LINE}")
    except MonitorRefusedError as error:
        known = monitor.command("peripherals")
        uarts = re.findall(r"(\w*(?:uart|usart)\w*) \(", known, re.IGNORECASE)
        raise InputError(
            f"the platform has no UART {board.uart!r}",
            where=f"{target.path}: board.uart",
            remedy=f"it has: {', '.join(dict.fromkeys(uarts)) or 'none'}",
        ) from error
    return socket.create_connection(("127.0.0.1", port), _CONNECT_DEADLINE)


def _free_port() -> int:
    """Return a port that is free now; Renode does not say which one it took by itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _platform_error(error: MonitorRefusedError, target: Target, board: Renode) -> InputError:
    where = f"{target.path}: board.platform"
    if _NO_FILE.search(error.what):
        return InputError(
            f"Renode finds no file {board.platform}",
            where=where,
            remedy="give a path relative to the target file, or one in Renode's own folder, "
            "such as platforms/cpus/stm32f4.repl",
        )
    syntax = _SYNTAX.search(error.what)
    said = syntax[0] if syntax else error.what
    return InputError(f"Renode does not take the platform:\n{said}", where=where)


def _no_memory(target: Target, board: Renode, what: str) -> InputError:
    return InputError(
        f"the platform {Path(board.platform).name} has no memory for {what}",
        where=f"{target.path}: memory",
        remedy="make `memory` in the target file and the memories of the platform agree",
    )
