"""Derives a target from the name of a chip: `chip:nrf52840`."""

from pathlib import Path

import msgspec

from harness.errors import InputError
from harness.support.memory_map import Memory, Region
from harness.target.chip_families import Family, family_of, id_of
from harness.target.chip_needs import ChipId
from harness.target.data_bus import on_one_bus
from harness.target.memory_shares import buffer_options, halves, stack_size
from harness.target.pyocd_chips import find_chip
from harness.target.target_file import Counter, Mcu, Port, Pyocd, Target
from harness.target.target_rules import check_rules

KIND = "chip"


def derive_chip(name: str) -> Target:
    """Return the target for the chip that pyOCD calls `name`, with the generic port.

    Raises `InputError` if pyOCD does not know the chip, or too little is known of it.
    """
    if not name:
        raise InputError(
            "names no chip",
            where="--target=chip:",
            remedy="give pyOCD's name, such as chip:nrf52840; `pyocd list --targets` shows all",
        )
    chip = find_chip(name)
    family = family_of(chip.name)
    core = chip.core or (family.core if family else None)
    if core is None:
        raise InputError(
            "pyOCD does not state this chip's core, and no file in targets/chips does",
            where=f"chip:{chip.name}",
            remedy="write a target file with the core from the chip's datasheet",
        )
    family = family or Family(chips=(chip.name,), source="its CMSIS pack")
    flash, ram = family.flash or chip.flash, family.ram or next(iter(chip.rams), None)
    ram = on_one_bus(ram, core) if ram else None
    if flash is None or ram is None:
        raise InputError(
            f"pyOCD's map of this chip has no {'flash' if flash is None else 'RAM'}",
            where=f"chip:{chip.name}",
            remedy="name the chip more exactly, or write a target file with its memory",
        )
    for_data = halves(ram)[1].size if family.load == "ram" else ram.size
    target = Target(
        name=f"chip:{chip.name}",
        path=Path(f"chip:{chip.name}"),
        description=f"{chip.name.upper()}, as pyOCD describes it",
        mcu=Mcu(name=chip.name.upper(), core=core),
        memory=Memory(flash, ram),
        port=Port(name="generic", options=buffer_options(for_data)),
        counter=Counter(ticks="cycles"),
        board=Pyocd(target=chip.name, chip_id=_chip_id(chip.name, flash)),
        stack=stack_size(for_data),
        load=family.load,
        image=family.image,
        before_start=family.before_start,
        doubt=family.unsure,
    )
    check_rules(target.path, target)
    return target


def _chip_id(chip: str, flash: Region) -> ChipId | None:
    """Return what identifies `chip`, and the size of its flash if a register tells it."""
    known = id_of(chip)
    if known is None or known.flash_size is None:
        return known
    return msgspec.structs.replace(known, flash_kib=flash.size >> 10)
