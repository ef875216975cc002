"""Finds the archive of the code at an address in the linker map.

It covers the user's libraries, which are often built without DWARF.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.support.input_file import read_input

# The lines of GNU ld and of lld for an input section that is a member of an archive.
_GNU = re.compile(
    r"^ (?P<section>\S+)\s+0x(?P<begin>[0-9a-f]+)\s+0x(?P<size>[0-9a-f]+)"
    r" (?P<archive>[^\n]+\.a)\((?P<member>[^()\n]+)\)$",
    re.MULTILINE,
)
_LLD = re.compile(
    r"^ *(?P<begin>[0-9a-f]+) +[0-9a-f]+ +(?P<size>[0-9a-f]+) +\d+ +"
    r"(?P<archive>\S[^\n]*\.a)\((?P<member>[^()\n]+)\):\((?P<section>[^()\n]+)\)$",
    re.MULTILINE,
)
_GNU_BEGIN = "Linker script and memory map"  # sections above this line were discarded
_NOT_LOADED = (".debug", ".comment", ".ARM.attributes", ".note", ".stab")
# Libraries of the toolchains: GNU's, and zig's for clang.
_LIBC = {
    *("libc", "libg", "libm", "libgcc", "libnosys", "librdimon", "libstdc++", "libsupc++"),
    "libcompiler_rt",
}


def archives(path: Path) -> Callable[[int], str]:
    """Return a function that returns the archive and member at an address: "libx.a/y.o".

    Its result is empty for code outside of archives and in a toolchain's archives, and if there
    is no map at `path`.
    """
    members = []
    for match in _matches(path):
        name = Path(match["archive"]).name
        begin, size = int(match["begin"], 16), int(match["size"], 16)
        is_libc = name.removesuffix(".a").removesuffix("_nano") in _LIBC
        if size and not is_libc and not match["section"].startswith(_NOT_LOADED):
            members.append((begin, begin + size, f"{name}/{Path(match['member']).name}"))
    members.sort()
    begins = [begin for begin, *_ in members]

    def archive_of(address: int) -> str:
        index = bisect_right(begins, address) - 1
        return members[index][2] if index >= 0 and address < members[index][1] else ""

    return archive_of


def archive_lines(path: Path) -> str:
    """Return a map with the lines that `archives` reads of the map at `path`.

    It is the same wherever the image was built: it has no folders.
    """
    lines = sorted(
        match[0].replace(match["archive"], Path(match["archive"]).name) for match in _matches(path)
    )
    return "".join(f"{line}\n" for line in lines)


def _matches(path: Path) -> Iterator[re.Match[str]]:
    text = read_input(path).decode("utf-8", errors="replace") if path.is_file() else ""
    text = text.partition(_GNU_BEGIN)[2] or text
    yield from (*_GNU.finditer(text), *_LLD.finditer(text))
