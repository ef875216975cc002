"""What the parts of an object need: its sections, one for each function and variable.

The linker removes the sections that nothing reaches (--gc-sections), and then does not ask for
the names that only those use. So they are not looked for, and not compiled. An SDK with the EON
compiler has most of TFLM's interpreter in such sections.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.engines.edge_impulse_sdk.sdk_objects import run

_CALLED = "nn_"  # the names that the firmware calls begin so: firmware/nn/nn.h
_STARTED = (".init_array", ".preinit_array", ".ctors")  # what the start-up code calls
# Lines of objdump: the symbol table, then the relocations of each section.
_SYMBOL = re.compile(r"[0-9a-f]+ (?P<flags>.{7}) (?P<section>\S+)\t[0-9a-f]+ .*?(?P<name>\S+)")
_SECTION = re.compile(r"RELOCATION RECORDS FOR \[(?P<section>.+)\]:")
_RELOCATION = re.compile(r"[0-9a-f]{8,} \S+ +(?P<name>\S+?)(?:[+-]0x[0-9a-f]+)?")
_UNDEFINED = "*UND*"


@dataclass
class Parts:
    """The parts of an object.

    `sections` has the section of each name that the object defines, and `public` the names that
    other objects may use. `needs` has the names that each section uses; those in `optional` may
    be missing.
    """

    sections: dict[str, str] = field(default_factory=dict)
    public: set[str] = field(default_factory=set)
    optional: set[str] = field(default_factory=set)
    needs: dict[str, set[str]] = field(default_factory=dict)


def read_parts(objdump: str, path: Path) -> Parts:
    """Return the parts of the object `path`, as `objdump` lists them."""
    parts = Parts()
    needs: set[str] = set()
    for line in run([objdump, "-t", "-r", "-w", str(path)]).stdout.splitlines():
        if symbol := _SYMBOL.fullmatch(line):
            name, flags = symbol["name"], symbol["flags"]
            if symbol["section"] != _UNDEFINED:
                parts.sections[name] = symbol["section"]
                if flags[0] != "l":
                    parts.public.add(name)
            elif "w" in flags:
                parts.optional.add(name)
        elif section := _SECTION.fullmatch(line):
            needs = parts.needs.setdefault(section["section"], set())
        elif relocation := _RELOCATION.fullmatch(line):
            needs.add(relocation["name"])
    return parts


def missing_names(objects: Sequence[Parts]) -> set[str]:
    """Return the names that an image of `objects` needs, and that none of them defines."""
    homes: dict[str, int] = {}
    for index, parts in enumerate(objects):
        for name in parts.public:
            homes.setdefault(name, index)
    reached = {
        (homes[name], objects[homes[name]].sections[name])
        for name in homes
        if name.startswith(_CALLED)
    }
    reached |= {
        (index, section)
        for index, parts in enumerate(objects)
        for section in parts.needs
        if section.startswith(_STARTED)
    }
    missing: set[str] = set()
    todo = list(reached)
    while todo:
        index, section = todo.pop()
        parts = objects[index]
        for name in parts.needs.get(section, ()):
            home = index if name in parts.sections else homes.get(name)
            if home is None:
                missing |= {name} - parts.optional
                continue
            place = (home, objects[home].sections[name])
            if place not in reached:
                reached.add(place)
                todo.append(place)
    return missing
