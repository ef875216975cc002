"""What a platform of Renode has: cores and memories, and which of them an image can use."""

import re
from collections.abc import Iterable

import msgspec

from harness.support.memory_map import Memory, Region
from harness.target.memory_shares import halves, largest
from harness.target.target_file import Core

_ENTRY = re.compile(r"[├└]── (?P<name>\w+) \((?P<type>[^()]+)\)")
_RANGE = re.compile(r"<(?P<first>0x[0-9A-Fa-f]+), (?P<last>0x[0-9A-Fa-f]+)>\s*$")
_SLOT = re.compile(r"│?\s*Slot: \d+")  # only cores have one
_MEMORY = "MappedMemory"  # the only kind that Renode executes code from
CORTEX_M = "CortexM"
"""The type of a Cortex-M core in Renode."""

# Armv7-M ARM (DDI 0403E), B3.1: the address map.
_CODE = range(0x2000_0000)
_SRAM = range(0x2000_0000, 0x4000_0000)

# What names of memories say.
_FLASH_LIKE = re.compile(r"flash|mram|prog|nvm|spi", re.IGNORECASE)
_RAM_LIKE = re.compile(r"ram|tcm", re.IGNORECASE)
_ROM_LIKE = re.compile(r"rom|boot", re.IGNORECASE)

# The weakest core first. Renode 1.16.1 goes astray in Helium code: it jumps to where nothing is. So
# cores with Helium execute the instructions of the Cortex-M33, which they have, too.
_CORES: dict[str, Core] = {
    "cortex-m0": "cortex-m0",
    "cortex-m0+": "cortex-m0plus",
    "cortex-m23": "cortex-m23",
    "cortex-m3": "cortex-m3",
    "cortex-m4": "cortex-m4",
    "cortex-m4f": "cortex-m4f",
    "cortex-m33": "cortex-m33",
    "cortex-m7": "cortex-m7",
    "cortex-m55": "cortex-m33",
    "cortex-m85": "cortex-m33",
}


class CortexM(msgspec.Struct, frozen=True):
    """A core: its name in the platform and its `model` in Renode, such as cortex-m0+."""

    name: str
    model: str
    halted: bool
    has_fpu: bool

    @property
    def core(self) -> Core:
        """The core in target files. Renode's cortex-m4 has an FPU, unlike a plain one of ours."""
        core = _CORES[self.model]
        return "cortex-m4f" if core == "cortex-m4" and self.has_fpu else core


class Bank(msgspec.Struct, frozen=True):
    """A memory at one of its addresses."""

    name: str
    origin: int
    size: int


class Tree(msgspec.Struct, frozen=True):
    """What the Monitor's `peripherals` lists: types of the cores by name, and the memories."""

    cores: dict[str, str]
    memories: tuple[Bank, ...]


def parse_tree(text: str) -> Tree:
    """Return the cores and memories in `text`, the answer to `peripherals`.

    An address that only one of several cores sees is left out.
    """
    cores: dict[str, str] = {}
    memories: list[Bank] = []
    name = kind = ""
    for line in text.splitlines():
        if entry := _ENTRY.search(line):
            name, kind = entry["name"], entry["type"]
        elif _SLOT.search(line):
            cores[name] = kind
        elif kind == _MEMORY and (at := _RANGE.search(line)):
            first = int(at["first"], 16)
            memories.append(Bank(name, first, int(at["last"], 16) - first + 1))
    return Tree(cores, tuple(memories))


def main_core(cores: Iterable[CortexM]) -> CortexM | None:
    """Return the core that runs the application: the strongest of those that start at reset.

    If all are halted, a script has started the machine without an image.
    """
    strength = list(_CORES)
    known = [core for core in cores if core.model in _CORES]
    able = [core for core in known if not core.halted] or known
    return max(able, key=lambda core: strength.index(core.model), default=None)


def memory_map(memories: Iterable[Bank]) -> Memory | None:
    """Return the flash and RAM for an image; None without a memory where a RAM must be.

    Armv7-M has code below 0x20000000 and RAM from there on. A platform with a single memory for
    both has its halves taken.
    """
    banks = sorted(memories, key=lambda bank: bank.origin)
    rams = [bank for bank in banks if bank.origin in _SRAM and not _is_flash(bank)]
    named = [bank for bank in banks if bank.origin in _CODE and _is_ram(bank)]
    ram = largest([bank for bank in rams if _is_ram(bank)] or rams or named)
    if ram is None:
        return None
    others = [bank for bank in banks if bank.origin in _CODE and bank.name != ram.name]
    flash = largest(
        [bank for bank in others if _is_flash(bank)]
        or [bank for bank in others if not _is_ram(bank) and not _ROM_LIKE.search(bank.name)]
        or [bank for bank in others if _is_ram(bank)]
    )
    if flash is None:
        # Its lowest address; a window that shows a part of it only does not count.
        code = next(b.origin for b in banks if (b.name, b.size) == (ram.name, ram.size))
        low, high = halves(Region(ram.origin, ram.size))
        return Memory(Region(code, low.size), high)
    return Memory(Region(flash.origin, flash.size), Region(ram.origin, ram.size))


def _is_flash(bank: Bank) -> bool:
    return _FLASH_LIKE.search(bank.name) is not None


def _is_ram(bank: Bank) -> bool:
    return _RAM_LIKE.search(bank.name) is not None and not _is_flash(bank)
