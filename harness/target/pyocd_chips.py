"""What pyOCD knows of a chip by its name: the memory map, and the core if it is from a pack."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from harness.errors import InputError
from harness.support.memory_map import Region
from harness.support.suggestions import did_you_mean
from harness.target.target_file import Core

_PACK_CORES: Mapping[str, tuple[Core, Core]] = {  # without and with a floating-point unit
    "Cortex-M0": ("cortex-m0", "cortex-m0"),
    "Cortex-M0+": ("cortex-m0plus", "cortex-m0plus"),
    "Cortex-M3": ("cortex-m3", "cortex-m3"),
    "Cortex-M4": ("cortex-m4", "cortex-m4f"),
    "Cortex-M7": ("cortex-m4", "cortex-m7"),
    "Cortex-M23": ("cortex-m23", "cortex-m23"),
    "Cortex-M33": ("cortex-m33-nofp", "cortex-m33"),
    "Cortex-M55": ("cortex-m33-nofp", "cortex-m55"),
    "Cortex-M85": ("cortex-m33-nofp", "cortex-m85"),
}
_ALIKE, _NEARLY_THE_SAME = 0.5, 0.8  # of two names, as difflib compares them
_NO_FPU = ("", "0", "NO_FPU")  # Dfpu in the Open-CMSIS-Pack specification


@dataclass(frozen=True)
class Chip:
    """A chip that pyOCD knows. `flash` is where it boots from; the largest RAM is the first.

    Memories that touch each other are one. pyOCD's own targets do not state their core.
    """

    name: str
    flash: Region | None
    rams: tuple[Region, ...]
    core: Core | None


def find_chip(name: str) -> Chip:
    """Return the chip that pyOCD calls `name`; upper and lower case do not matter.

    Raises `InputError` if neither pyOCD nor an installed pack knows it.
    """
    chip, kind = _class_of(name)
    memory_map = _memory_map(kind)
    device = getattr(kind, "_pack_device", None)
    return Chip(
        name=chip,
        flash=_boot_flash(memory_map),
        rams=_rams(memory_map),
        core=None if device is None else _pack_core(device, chip),
    )


def memory_of(name: str) -> Sequence[Any]:
    """Return the regions of pyOCD's memory map of the chip `name`; raises as `find_chip` does."""
    return list(_memory_map(_class_of(name)[1]))


def names_like(patterns: Sequence[str]) -> list[str]:
    """Return the names of the chips that pyOCD has built in, in the order of `patterns`."""
    from pyocd.target.builtin import BUILTIN_TARGETS  # noqa: PLC0415 - pyOCD

    return matching(sorted(BUILTIN_TARGETS), patterns)


def pack_names_like(patterns: Sequence[str]) -> list[str]:
    """Return the names of the chips in installed packs, in the order of `patterns`."""
    from pyocd.target.pack.pack_target import ManagedPacks  # noqa: PLC0415 - pyOCD

    devices = ManagedPacks.get_installed_targets()
    return matching(sorted(device.part_number.lower() for device in devices), patterns)


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the `names` that a pattern matches, in the order of `patterns`."""
    found = (name for pattern in patterns for name in names if fnmatchcase(name, pattern))
    return list(dict.fromkeys(found))


def _class_of(name: str) -> tuple[str, Any]:
    """Return pyOCD's name of the chip `name`, and its class."""
    from pyocd.target import TARGET, normalise_target_type_name  # noqa: PLC0415 - pyOCD
    from pyocd.target.pack.pack_target import ManagedPacks  # noqa: PLC0415 - pyOCD

    chip = normalise_target_type_name(name)
    if chip not in TARGET:
        ManagedPacks.populate_target(chip)
    if chip not in TARGET:
        raise _unknown(name, chip)
    return chip, TARGET[chip]


def _unknown(name: str, chip: str) -> InputError:
    """Return the error for a name that pyOCD does not know, with names that are near."""
    from pyocd.board.board_ids import BOARD_ID_TO_INFO  # noqa: PLC0415 - pyOCD

    known = _names()
    boards = {_letters(board.name): board.target for board in BOARD_ID_TO_INFO.values()}
    on_board = boards.get(_letters(name), "")
    same = {known[each] for each in known if _same_start(each, on_board or chip)}
    found = _nearest_first(same, chip) or near_names(chip, set(known.values()))
    if on_board:
        better = "".join(f"chip:{each}, built in, or " for each in found[:1] if each != on_board)
        near = f"this is a board; its chip is {better}chip:{on_board}"
    elif found:
        near = did_you_mean(found)
    else:
        near = "`pyocd list --targets` lists the chips that it knows"
    wanted = on_board or chip
    return InputError(
        f"pyOCD has no chip {name!r}",
        where=f"chip:{name}",
        remedy=f"{near}\n  -> if its CMSIS pack is not installed: `pyocd pack find {wanted}`, then "
        f"`pyocd pack install {wanted}`",
    )


def _names() -> dict[str, str]:
    """Return the names of all chips that pyOCD knows, by themselves and by longer part numbers."""
    from pyocd.target import TARGET  # noqa: PLC0415 - pyOCD
    from pyocd.target.pack.pack_target import ManagedPacks  # noqa: PLC0415 - pyOCD

    packs = [device.part_number.lower() for device in ManagedPacks.get_installed_targets()]
    # pyOCD's k64f is in the module target_MK64FN1M0xxx12. Some modules have several chips.
    count = Counter(kind.__module__ for kind in TARGET.values())
    modules = {
        kind.__module__.rpartition("target_")[2].lower(): name
        for name, kind in TARGET.items()
        if count[kind.__module__] == 1
    }
    return {**modules, **{name: name for name in (*TARGET, *packs)}}


def near_names(chip: str, known: Collection[str]) -> list[str]:
    """Return at most three of the `known` names that are like `chip`, as `_nearest_first` does.

    They begin like it, because the beginning is the family, or differ in little.
    """
    alike = get_close_matches(chip, known, n=len(known) or 1, cutoff=_ALIKE)
    begin = [name for name in alike if name.startswith(chip[: (len(chip) + 1) // 2])]
    near = {*begin, *get_close_matches(chip, known, n=3, cutoff=_NEARLY_THE_SAME)}
    return _nearest_first(near, chip)[:3]


def _nearest_first(names: Collection[str], chip: str) -> list[str]:
    """Return `names`: those that pyOCD has built in first, and of those the nearest to `chip`."""
    from pyocd.target.builtin import BUILTIN_TARGETS  # noqa: PLC0415 - pyOCD

    def rank(name: str) -> tuple[bool, float]:
        return name not in BUILTIN_TARGETS, -SequenceMatcher(None, name, chip).ratio()

    # The last of two that are equally near is often the larger one: stm32f429xi.
    return sorted(sorted(names, reverse=True), key=rank)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _same_start(known: str, chip: str) -> bool:
    """Return whether one name is the start of the other; `x` in pyOCD's is any letter."""
    pairs = zip(known, chip, strict=False)
    return all(a == b or (a == "x" and i > 0) for i, (a, b) in enumerate(pairs))


def _memory_map(kind: Any) -> Any:
    """Return the memory map of pyOCD's class `kind`; some classes only make it in an object."""
    from pyocd.core.session import Session  # noqa: PLC0415 - pyOCD
    from pyocd.probe.debug_probe import DebugProbe  # noqa: PLC0415 - pyOCD

    class NoProbe(DebugProbe):  # type: ignore[misc]
        unique_id = ""
        vendor_name = ""
        product_name = ""
        supported_wire_protocols = ()
        capabilities = frozenset[Any]()

    options = {"target_override": "cortex_m", "no_config": True}
    return kind(Session(NoProbe(), auto_open=False, options=options)).memory_map


def _boot_flash(memory_map: Any) -> Region | None:
    """Return the flash that the chip boots from, with what follows it without a gap."""
    usable = [r for r in memory_map if r.is_flash and r.is_default and not r.alias]
    boots = [region for region in usable if region.is_boot_memory] or usable
    spans = _merged(usable)
    return next((span for span in spans if boots and boots[0].start in span), None)


def _rams(memory_map: Any) -> tuple[Region, ...]:
    """Return the RAM in the chip without gaps, the largest first."""
    inside = [r for r in memory_map if r.is_ram and r.is_default and not r.alias]
    spans = _merged([region for region in inside if not region.is_external])
    return tuple(sorted(spans, key=lambda span: -span.size))


def _merged(regions: Sequence[Any]) -> list[Region]:
    merged: list[Region] = []
    for region in sorted(regions, key=lambda region: region.start):
        if merged and merged[-1].end == region.start:
            merged[-1] = Region(merged[-1].origin, merged[-1].size + region.length)
        else:
            merged.append(Region(region.start, region.length))
    return merged


def _pack_core(device: Any, chip: str) -> Core:
    """Return the core that the pack states; pyOCD reads it but has no method that returns it."""
    processor = next(iter(device._info.processors), None)
    attributes = {} if processor is None else processor.attrib
    stated = attributes.get("Dcore", "")
    if stated not in _PACK_CORES:
        raise InputError(
            f"its CMSIS pack states the core {stated or 'not at all'!r}, for which there is no "
            "compiler here",
            where=f"chip:{chip}",
            remedy=f"known: {', '.join(_PACK_CORES)}",
        )
    plain, with_floats = _PACK_CORES[stated]
    return plain if attributes.get("Dfpu", "") in _NO_FPU else with_floats
