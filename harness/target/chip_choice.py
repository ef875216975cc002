"""Chooses pyOCD's chip for a board whose id register stands for a whole line of chips."""

from collections.abc import Sequence

from harness.errors import InputError
from harness.support.memory_map import Region
from harness.target.chip_families import Line, family_of
from harness.target.pyocd_chips import find_chip, matching, names_like, pack_names_like

ASSUMED = "its memory is assumed, because no register tells the size of its flash"

_SHOWN = 8
_NAME_IT = "name the chip: --target=chip:NAME, with the name that is printed on it"


def choose(line: Line, kib: int | None, where: str, given: Sequence[str] = ()) -> tuple[str, str]:
    """Return pyOCD's name of a chip of `line` with `kib` KiB of flash, and what differs, or "".

    If the user has `given` chips of a pack, only they are candidates. A chip that pyOCD has built
    in with less flash serves, too: within a line, more flash never comes with less RAM, except at
    the sizes that `line.named` has. Raises `InputError` with the candidates if several maps are
    possible, or none.
    """
    if given:
        return _given(line, kib, where, matching(given, line.chips)), ""
    maps = {name: _map(name) for name in names_like(line.chips)}
    size = None if kib is None else kib << 10
    fitting = maps
    if size is not None:
        fitting = {name: each for name, each in maps.items() if each[0].size <= size}
        largest = max((flash.size for flash, _ in fitting.values()), default=0)
        fitting = {name: each for name, each in fitting.items() if each[0].size == largest}
    if not fitting:
        raise _needs_pack(line, kib, list(maps), where)
    if len(set(fitting.values())) > 1 or kib in line.named or (line.named and kib is None):
        raise InputError(
            f"the chip is of the line {_described(line, kib)}, and these have different memories: "
            f"{_listed(list(fitting))}{' and others' if line.named else ''}",
            where=where,
            remedy=_NAME_IT,
        )
    name, (flash, _) = next(iter(fitting.items()))
    if size is None:
        return name, ASSUMED
    return name, "" if size == flash.size else f"{flash.size >> 10} of {kib} KiB of flash are used"


def check_flash(name: str, kib: int | None, where: str) -> None:
    """Raise `InputError` if the chip `name` has more flash than the `kib` KiB that are there."""
    flash = _map(name)[0].size >> 10
    if kib is not None and flash > kib:
        raise InputError(
            f"the chip has {kib:,} KiB of flash, and {name} of the given CMSIS pack {flash:,} KiB",
            where=where,
            remedy="give the pack of this chip",
        )


def _given(line: Line, kib: int | None, where: str, names: list[str]) -> str:
    """Return the only chip of `names`, which are those of `line` in the pack of the user."""
    if len(names) == 1:
        return names[0]
    has = f"has {_listed(names)}" if names else "has no such chip"
    raise InputError(
        f"the chip is of the line {_described(line, kib)}, and the given CMSIS pack {has}",
        where=where,
        remedy=_NAME_IT if names else "leave --pack out, or give the pack of this chip",
    )


def _map(name: str) -> tuple[Region, tuple[Region, ...]]:
    """Return the flash and the RAM of the chip: where pyOCD's map is wrong, its family says so."""
    chip, family = find_chip(name), family_of(name)
    flash, ram = (family.flash, family.ram) if family else (None, None)
    return flash or chip.flash or Region(0, 1), (ram,) if ram else chip.rams


def _needs_pack(line: Line, kib: int | None, larger: list[str], where: str) -> InputError:
    """Return the error for a line without a built-in chip, or with `larger` ones only."""
    installed = pack_names_like(line.chips)
    start = line.chips[0].partition("*")[0].partition("?")[0].partition("[")[0]
    remedy = (
        f"{_NAME_IT}; installed packs have {_listed(installed)}"
        if installed
        else f"`pyocd pack find {start}` shows the names of these chips, and `pyocd pack install "
        f"NAME` installs their pack; then {_NAME_IT}"
    )
    builtin = f"only {_listed(larger)} with more flash" if larger else "no such chip"
    return InputError(
        f"the chip is of the line {_described(line, kib)}, and pyOCD has built in {builtin}",
        where=where,
        remedy=remedy,
    )


def _described(line: Line, kib: int | None) -> str:
    return line.name if kib is None else f"{line.name} with {kib:,} KiB of flash"


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
