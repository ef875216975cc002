"""Which archive the code at an address is from, as the linker's map tells.

Libraries that a user brings are often built without DWARF, which would say so.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

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
_GNU_BEGIN = "Linker script and memory map"  # what is above was discarded
_NOT_LOADED = (".debug", ".comment", ".ARM.attributes", ".note", ".stab")
# Of a toolchain: GNU's, and zig's for clang.
_LIBC = {
    *("libc", "libg", "libm", "libgcc", "libnosys", "librdimon", "libstdc++", "libsupc++"),
    "libcompiler_rt",
}


def archives(path: Path) -> Callable[[int], str]:
    """Return a function that tells the archive and its member at an address: "libx.a/y.o".

    It is empty for what is from no archive or from a toolchain's, and without the map at `path`.
    """
    text = path.read_text(errors="replace") if path.is_file() else ""
    text = text.partition(_GNU_BEGIN)[2] or text
    found = []
    for match in (*_GNU.finditer(text), *_LLD.finditer(text)):
        name = Path(match["archive"]).name
        begin, size = int(match["begin"], 16), int(match["size"], 16)
        ours = name.removesuffix(".a").removesuffix("_nano") not in _LIBC
        if size and ours and not match["section"].startswith(_NOT_LOADED):
            found.append((begin, begin + size, f"{name}/{Path(match['member']).name}"))
    found.sort()
    begins = [begin for begin, *_ in found]

    def archive_of(address: int) -> str:
        place = bisect_right(begins, address) - 1
        return found[place][2] if place >= 0 and address < found[place][1] else ""

    return archive_of
