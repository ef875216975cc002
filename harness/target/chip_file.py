"""The text of a target file for a chip, with comments on what to check and what to add."""

import json
import textwrap

from harness.support.memory_map import Region
from harness.target.chip_families import family_of
from harness.target.chip_needs import ChipId, Write
from harness.target.target_file import Pyocd, Target

_HEAD = """\
# {name}, as pyOCD describes it: memory and flash algorithm.
{sources}
#
# The port `generic` needs no register of the chip: its link goes through the debug probe (RTT), and
# the chip keeps the clock that it has after reset. docs/boards.md shows how to use a serial port.
description = "{name}, described by pyOCD"
stack = {stack} # bytes of RAM
"""

_CLOCK = """
# Fill these in for time and energy. The harness measures the clock of a board and compares it.
# [clock]
# hz = 16_000_000 # of the core after reset
# source = "reference manual, reset and clock control"
#
# [power]
# volts = 3.3
# ua_per_mhz = 100 # while the core computes
# source = "data sheet, supply current, typical in run mode"
"""


def chip_file(target: Target) -> str:
    """Return the text of the file for `target`, which `derive_chip` derived."""
    board = target.board
    if not isinstance(board, Pyocd):
        raise TypeError(f"{target.name} is not derived from a chip")
    family = family_of(board.target)
    sources = [f"Core and start: {family.source if family else 'its CMSIS pack'}."]
    if family and family.unsure:
        sources.append(f"Not known: {family.unsure}.")
    parts = [
        _HEAD.format(
            name=target.mcu.name,
            sources="\n".join(map(_comment, sources)),
            stack=target.stack,
        )
    ]
    if target.load == "ram":
        parts.append('load = "ram" # the chip starts no plain image from flash\n')
    if target.before_start:
        parts.append(f"before_start = {_writes(target.before_start)} # by the debug probe\n")
    parts.append(_image(target))
    parts.append(f'\n[mcu]\nname = "{target.mcu.name}"\ncore = "{target.mcu.core}"\n')
    parts += [_region("flash", target.memory.flash), _region("ram", target.memory.ram)]
    options = ", ".join(f"{key} = {value}" for key, value in target.port.options.items())
    parts.append('\n[port]\nname = "generic"\n')
    if options:
        parts.append(f"options = {{ {options} }} # small buffers, for a small RAM\n")
    parts.append('\n[counter]\nticks = "cycles"\n')
    parts.append(f'\n[board]\nkind = "pyocd"\ntarget = "{board.target}" # in pyOCD\n')
    if board.pack:
        parts.append(f"pack = {_string(board.pack)} # relative to this file, or absolute\n")
    if board.chip_id:
        parts.append(_chip_id(board.chip_id))
    parts.append('# probe = "..." # the unique ID of the debug probe, if there are several\n')
    return "".join([*parts, _CLOCK])


def _string(text: str) -> str:
    """Return `text` as TOML has it: like JSON, but without surrogates, and DEL is escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _chip_id(chip: ChipId) -> str:
    parts = [
        f"address = {chip.address:#010x}",
        f"mask = {chip.mask:#x}",
        f"value = {_value(chip)}",
    ]
    if chip.flash_size is not None:
        parts += [f"flash_size = {chip.flash_size:#010x}", f"flash_kib = {chip.flash_kib}"]
    if chip.flash_codes:
        parts.append(f"flash_codes = {list(chip.flash_codes)}")
    return f"chip_id = {{ {', '.join(parts)} }}\n"


def _value(chip: ChipId) -> str:
    values = [f"{value:#x}" for value in chip.values]
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"


def _comment(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="# ", subsequent_indent="# ")


def _image(target: Target) -> str:
    image = target.image
    lines = []
    if image.vector_checksum:
        lines.append("vector_checksum = true # the boot ROM checks it")
    if image.words:
        listed = ", ".join(
            f"{{ address = {fixed.address:#x}, values = [{', '.join(map(hex, fixed.values))}] }}"
            for fixed in image.words
        )
        lines.append(f"words = [{listed}] # the chip reads them at reset")
    if image.writes:
        lines.append(f"writes = {_writes(image.writes)} # the first thing that the image does")
    return "\n[image]\n" + "\n".join(lines) + "\n" if lines else ""


def _writes(writes: tuple[Write, ...]) -> str:
    listed = (
        f"{{ address = {write.address:#010x}, value = {write.value:#x}, width = {write.width} }}"
        for write in writes
    )
    return f"[{', '.join(listed)}]"


def _region(name: str, region: Region) -> str:
    return f"\n[memory.{name}]\norigin = {region.origin:#010x}\nsize = {region.size:#x}\n"
