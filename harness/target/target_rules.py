"""Rules of a target file that the type of a single key cannot express."""

import re
import shlex
import struct
from pathlib import Path

from harness.errors import InputError
from harness.support import bundled_files
from harness.support.file_name import check_name
from harness.support.suggestions import suggest
from harness.target.chip_families import family_of
from harness.target.chip_needs import Write
from harness.target.flash_security import security_fault
from harness.target.target_file import (
    MAX_ICOUNT_SHIFT,
    NS,
    Labgrid,
    Port,
    Pyocd,
    Qemu,
    Renode,
    TargetFile,
    Virtual,
)

_WORD = 4
_WITHOUT_VTOR = "cortex-m0"  # Armv6-M ARM (DDI 0419), B3.2.2: VTOR is optional; Cortex-M0+ has it
_WITH_PROBE = (Pyocd, Virtual)  # boards with a debug probe
_CORE_VECTORS = 16
# The difference of two readings is off by less than one tick up or down. To round it to the right
# instruction, an instruction must take more than two ticks; the rest allows for clocks in whole ns.
_LEAST_TICKS = 2.5
_PORT_OPTION = re.compile(
    r"^[ \t]*(?:set\(\s*(\w+)\b[^)]*\sCACHE\s|option\(\s*(\w+))", re.MULTILINE
)
_INCLUDE = re.compile(r"^include\(\$\{CMAKE_CURRENT_SOURCE_DIR\}/([\w/.-]+)\)", re.MULTILINE)
_PORT_TO_COPY = "template"  # its registers do not exist
# Options of a port.cmake that have keys of their own.
_TARGETS_OWN = {"CORE", "BAUD", "FLASH_ORIGIN", "FLASH_SIZE", "RAM_ORIGIN", "RAM_SIZE"}


def check_rules(path: Path, file: TargetFile) -> None:
    """Raise `InputError` for the first key that violates a rule; `path` is the file."""
    check_rules_of_chip(path, file)
    _check_port(path, file.port)


def check_rules_of_chip(path: Path, file: TargetFile) -> None:
    """Do the same as `check_rules`, but do not look for the port's sources.

    An image that was built elsewhere does not need them.
    """
    flash, ram = file.memory.flash, file.memory.ram
    for key, region in (("flash", flash), ("ram", ram)):
        if region.origin % _WORD or region.size % _WORD:
            raise InputError(
                "origin and size must be multiples of 4", where=f"{path}: memory.{key}"
            )
        if region.end > 1 << 32:
            raise InputError("ends beyond 32 bits", where=f"{path}: memory.{key}.size")
    if flash.origin < ram.end and ram.origin < flash.end:
        raise InputError("overlaps memory.flash", where=f"{path}: memory.ram")
    if file.stack % 8 or file.stack >= ram.size:
        raise InputError(
            f"must be a multiple of 8 and less than memory.ram.size, {ram.size}",
            where=f"{path}: stack",
        )
    _check_power_cycle(path, file)
    _check_load(path, file)
    _check_words(path, file)
    _check_needed_words(path, file)
    _check_writes(path, file)
    _check_counter(path, file)
    if isinstance(file.board, Renode) and not (file.port.over_rtt or file.board.uart):
        raise InputError(
            f"is missing: the port {file.port.name} needs a serial line",
            where=f"{path}: board.uart",
            remedy='name the UART of the platform, or set port.carrier = "rtt" for a port that '
            "can do this, such as generic",
        )


def _check_power_cycle(path: Path, file: TargetFile) -> None:
    board = file.board
    if isinstance(board, Labgrid) and board.power_cycle and not board.place:
        raise InputError(
            "is a command for one board, and the tags may choose another one",
            where=f"{path}: board.power_cycle",
            remedy="name the board as board.place, or give the places a power switch of labgrid",
        )
    try:
        shlex.split(board.power_cycle if isinstance(board, Pyocd) else "")
    except ValueError as error:
        raise InputError(
            f"is not a command: {error}",
            where=f"{path}: board.power_cycle",
            remedy="write a program and its arguments; quotation marks come in pairs",
        ) from error


def _check_load(path: Path, file: TargetFile) -> None:
    """Check that a debug probe can start an image from RAM, if it is loaded there."""
    if file.load == "flash":
        return
    if not isinstance(file.board, _WITH_PROBE):
        raise InputError(
            "`ram` is only allowed on boards of kind pyocd, labgrid and virtual, where a debug "
            "probe writes the image and starts it",
            where=f"{path}: load",
            remedy="remove it: no flash wears out in an emulator",
        )
    if file.mcu.core == _WITHOUT_VTOR:
        raise InputError(
            f"`ram` is not possible on a {_WITHOUT_VTOR}: it has no VTOR, so its interrupts and "
            "faults always take their vectors from address 0",
            where=f"{path}: load",
            remedy="remove it: load the image into flash",
        )


def _check_words(path: Path, file: TargetFile) -> None:
    end = file.memory.flash.origin + _CORE_VECTORS * _WORD
    for index, fixed in enumerate(file.image.words):
        where = f"{path}: image.words[{index}]"
        if fixed.address % _WORD:
            raise InputError("address must be a multiple of 4", where=where)
        last = fixed.address + len(fixed.values) * _WORD
        if fixed.address < end or last > file.memory.flash.end:
            raise InputError(
                f"the words at {fixed.address:#x} must be in memory.flash, behind the vector table "
                "and behind the words before them",
                where=where,
            )
        end = last


def _check_needed_words(path: Path, file: TargetFile) -> None:
    """Check that the image has the words that the chip reads at reset.

    Code in their place can lock a Kinetis for good. A port of the user's own may have them itself.
    """
    board, flash = file.board, file.memory.flash
    if not isinstance(board, Pyocd) or file.load == "ram" or file.port.dir:
        return
    family = family_of(board.target)
    content = {
        fixed.address + offset: byte
        for fixed in file.image.words
        for offset, byte in enumerate(struct.pack(f"<{len(fixed.values)}I", *fixed.values))
    }
    fault = security_fault(file, content.get)
    for fixed in family.image.words if family else ():
        if fixed.address in flash and (fault or fixed.address not in content):
            values = ", ".join(map(hex, fixed.values))
            raise InputError(
                fault
                or f"a {board.target} reads words at {fixed.address:#x} when it starts; code there "
                "can lock the chip",
                where=f"{path}: image.words",
                remedy=f"write image.words = [{{ address = {fixed.address:#x}, values = [{values}] "
                "}]",
            )


def _check_writes(path: Path, file: TargetFile) -> None:
    if file.before_start and not isinstance(file.board, _WITH_PROBE):
        raise InputError(
            "is only allowed on boards of kind pyocd, labgrid and virtual, which have a debug "
            "probe",
            where=f"{path}: before_start",
            remedy="remove it: an emulator starts without it",
        )
    for key, writes in (("before_start", file.before_start), ("image.writes", file.image.writes)):
        for index, write in enumerate(writes):
            _check_write(f"{path}: {key}[{index}]", write)


def _check_write(where: str, write: Write) -> None:
    size = write.width // 8
    if write.address % size:
        raise InputError(
            f"address must be a multiple of {size} for a width of {write.width}", where=where
        )
    if write.value >> write.width:
        raise InputError(f"value has more than {write.width} bits", where=where)


def _check_counter(path: Path, file: TargetFile) -> None:
    counter, board = file.counter, file.board
    where = f"{path}: counter.hz"
    if counter.hz is None:
        return
    if not isinstance(board, Qemu) or counter.ticks != "instructions":
        raise InputError(
            "is only allowed on a board of kind qemu that counts instructions",
            where=where,
            remedy="remove it: on other boards a tick is one unit of counter.ticks",
        )
    ticks = board.instruction_ticks(counter.hz)
    if ticks < _LEAST_TICKS:
        raise InputError(
            f"with board.icount_shift {board.icount_shift} an instruction takes "
            f"{float(ticks):.3g} ticks, but exact counting needs at least {_LEAST_TICKS}",
            where=where,
            remedy=_sufficient_shift(counter.hz),
        )


def _sufficient_shift(hz: int) -> str:
    """Return the remedy for a counter at `hz` that is too slow for its icount_shift."""
    for shift in range(MAX_ICOUNT_SHIFT + 1):
        if hz << shift >= _LEAST_TICKS * NS:
            return f"set board.icount_shift to {shift}"
    return "choose a faster counter"


def _check_port(path: Path, port: Port) -> None:
    if port.name and port.dir:
        raise InputError(
            "is the user's own port, so it excludes port.name",
            where=f"{path}: port.dir",
            remedy="remove one of the two keys",
        )
    if port.dir:
        _check_own_port(f"{path}: port.dir", port)
    else:
        _check_our_port(f"{path}: port.name", port)
    _check_options(f"{path}: port.options", port)


def _check_our_port(where: str, port: Port) -> None:
    files = bundled_files.bundled("firmware/ports").glob("*/port.cmake")
    ports = {file.parent.name for file in files} - {_PORT_TO_COPY}
    if port.name not in ports:
        what = f"there is no port {port.name!r} in the firmware"
        raise InputError(
            what if port.name else "the port is missing",
            where=where,
            remedy=suggest(port.name, ports) + "; port.dir names the folder of one of your own",
        )


def _check_own_port(where: str, port: Port) -> None:
    check_name(port.title, "port's folder", where)
    template = bundled_files.bundled("firmware/ports") / _PORT_TO_COPY
    if not port.folder.is_dir():
        raise InputError(
            f"there is no folder {port.dir}",
            where=where,
            remedy=f"the path is relative to the target file; to begin a port: "
            f"cp -r {template} {port.dir}",
        )
    if not (port.folder / "port.cmake").is_file():
        raise InputError(
            f"there is no port.cmake in {port.dir}",
            where=where,
            remedy=f"copy and edit {template / 'port.cmake'}",
        )
    if not (port.folder / "port.c").is_file() and "PORT_SOURCES" not in _description(port):
        raise InputError(
            f"there is no source in {port.dir}",
            where=where,
            remedy="write port.c, or let port.cmake set PORT_SOURCES to the names of the sources",
        )


def _check_options(where: str, port: Port) -> None:
    names = {first or second for first, second in _PORT_OPTION.findall(_description(port))}
    known = names - _TARGETS_OWN
    for option in port.options:
        if option not in known:
            raise InputError(
                f"port {port.title} has no option {option!r}",
                where=where,
                remedy=suggest(option, known),
            )


def _description(port: Port) -> str:
    """Return the text of port.cmake and of the files of our firmware that it includes."""
    text = (port.folder / "port.cmake").read_text(encoding="utf-8", errors="replace")
    included = (bundled_files.bundled("firmware") / name for name in _INCLUDE.findall(text))
    parts = [file.read_text(encoding="utf-8") for file in included if file.is_file()]
    return "\n".join([text, *parts])
