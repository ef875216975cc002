"""Where code and data go on a machine of QEMU, from what `info mtree -f` prints of its memory.

QEMU prints a "flat view" for each address space: lines such as

    0000000020000000-000000002001ffff (prio 0, ram): STM32F205.sram

Memory behind a TrustZone memory protection controller, as on Arm's SSE-200, is only `i/o` to the
core; what lies behind the controller has a flat view of its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.support.memory_map import Region
from harness.target.memory_shares import halves, largest

_LINE = re.compile(r"^\s+([0-9a-f]{8,16})-([0-9a-f]{8,16}) \(prio -?\d+, ([^)]+)\): (.+)$")
_SPACE = re.compile(r'^\s*AS "([^"]+)"')
_OFFSET = re.compile(r" (@[0-9a-f]+|KVM)\b.*$")
_CORE_SPACES = ("cpu-secure-memory-0", "cpu-memory-0", "cpu-memory")  # the best first
_CONTROLLED, _BEHIND = "tz-mpc-upstream", "tz-mpc-downstream"
_KINDS = {"ram": "ram", "rom": "rom", "romd": "rom", "nv-ram": "ram", "nv-rom": "rom"}

# Armv7-M ARM, B3.1: in the default memory map only these addresses are Normal memory. Elsewhere an
# unaligned access faults on a chip.
_NORMAL = (Region(0, 0x4000_0000), Region(0x6000_0000, 0x4000_0000))
_WORD = 4


@dataclass(frozen=True)
class Area:
    """A piece of memory. Two areas of one `name` may be the same memory."""

    region: Region
    kind: str
    """`ram` or `rom`, or what else QEMU prints."""
    name: str


def code_and_data(text: str, vectors: int) -> tuple[Region, Region]:
    """Return the regions of code and of data on a machine that starts from `vectors`.

    Code is in the memory with the vector table, and data in the largest other RAM. If there is no
    other, they share one. `text` is what `info mtree -f` prints. Raises `ValueError` that says
    what is missing.
    """
    areas = list(_of_core(text))
    if not areas:
        raise ValueError("`info mtree -f` shows no memory of the first core")
    code = next((area for area in areas if vectors in area.region), None)
    if code is None:
        raise ValueError(f"there is no memory at {vectors:#010x}, where the core starts")
    flash = Region(vectors, _whole_words(code.region.end - vectors))
    data = largest(a.region for a in areas if a.kind == "ram" and a.name != code.name)
    if data:
        return flash, data
    if code.kind != "ram":
        raise ValueError("there is no RAM")
    return halves(flash)


def _of_core(text: str) -> Iterator[Area]:
    """Yield the areas of Normal memory that the first core has, without pieces under a word."""
    views = [_view(lines) for lines in re.split(r"^FlatView .*$", text, flags=re.MULTILINE)]
    behind = [area for spaces, areas in views if _BEHIND in spaces for area in areas]
    for name in _CORE_SPACES:
        for spaces, areas in views:
            if name in spaces:
                found = (_seen(area, behind) for area in areas)
                yield from (
                    part for area in found if area.kind in ("ram", "rom") for part in _normal(area)
                )
                return


def _view(text: str) -> tuple[set[str], list[Area]]:
    """Return the names of the address spaces with one flat view, and its areas."""
    spaces, areas = set(), []
    for line in text.splitlines():
        if space := _SPACE.match(line):
            spaces.add(space[1])
        elif found := _LINE.match(line):
            begin, end = int(found[1], 16), int(found[2], 16)
            if end < 1 << 32 and end - begin < (1 << 32) - 1:
                kind = _KINDS.get(found[3], found[3])
                name = _OFFSET.sub("", found[4])
                areas.append(Area(Region(begin, end - begin + 1), kind, name))
    return spaces, areas


def _seen(area: Area, behind: Sequence[Area]) -> Area:
    """Return `area` as what it is behind its controller.

    QEMU does not print which controller has which memory, but their sizes are equal. If memories
    of different kinds have this size, the area stays unknown.
    """
    if area.name != _CONTROLLED:
        return area
    same = [other for other in behind if other.region.size == area.region.size]
    kinds = {other.kind for other in same}
    names = "/".join(sorted({other.name for other in same}))
    return Area(area.region, kinds.pop(), names) if len(kinds) == 1 else area


def _normal(area: Area) -> Iterator[Area]:
    """Yield the parts of `area` that are Normal memory, in whole words."""
    for normal in _NORMAL:
        begin = max(area.region.origin, normal.origin)
        size = _whole_words(min(area.region.end, normal.end) - begin)
        if size > 0:
            yield Area(Region(begin, size), area.kind, area.name)


def _whole_words(size: int) -> int:
    return size // _WORD * _WORD
