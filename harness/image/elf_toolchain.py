"""The compiler that made an ELF, from what is in it."""

import re
from collections import Counter
from pathlib import Path

from harness.elf import Elf
from harness.image.memory_use import part_of
from harness.image.toolchain import Toolchain

_UNKNOWN = "unknown"
_ASSEMBLER = b"GNU AS"
_COMPILERS = {"clang": "clang", "GCC": "gcc", "GNU": "gcc"}
_OPT = re.compile(r"(?<!\S)-O(?:[0-3gsz]|fast)?(?!\S)")


def toolchain_of(elf: Elf) -> Toolchain:
    """Return the compiler of most of `elf`, from its DWARF and .comment; otherwise "unknown".

    Only GCC's DWARF contains the optimization flag.
    """
    producers: Counter[str] = Counter()
    with elf.opened() as file:
        section = file.get_section_by_name(".comment")
        comment = section.data().decode("utf-8", "replace").split("\0")[0] if section else ""
        for unit in file.get_dwarf_info().iter_CUs() if file.has_dwarf_info() else ():
            attributes = unit.get_top_DIE().attributes
            producer = attributes.get("DW_AT_producer")
            if producer is None or producer.value.startswith(_ASSEMBLER):
                continue
            source = attributes.get("DW_AT_name")
            if source is None or part_of(source.value.decode("utf-8", "replace")) != "libc":
                producers[producer.value.decode("utf-8", "replace")] += 1
    flags: Counter[str] = Counter()
    for producer, units in producers.items():
        options = _OPT.findall(producer)
        flags[options[-1] if options else _UNKNOWN] += units  # the last one counts
    main = next((name for name, _ in producers.most_common(1)), comment or _UNKNOWN)
    name = next((name for word, name in _COMPILERS.items() if word in main), _UNKNOWN)
    opt = next((flag for flag, _ in flags.most_common(1)), _UNKNOWN)
    return Toolchain(name, Path(), comment or main.split(" -")[0], opt)
