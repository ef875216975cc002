"""A script of Renode that brings its own firmware, and the harness another one.

Renode's own scripts set `$bin` or `$elf` to the address of a program, unless it is set already:
`$bin?=@https://...`. Renode downloads the program even if the line has no effect, and without a
network it ends the script there.
"""

import re
from pathlib import Path

FIRMWARE = ("$bin", "$elf")
"""The variables that the harness sets; Renode's scripts use either."""

_HAS_NO_EFFECT = re.compile(
    rb"^[ \t]*\$(?:bin|elf)[ \t]*\?=[ \t]*@https?://\S+[ \t]*$", re.MULTILINE
)
_OWN_FOLDER = b"$ORIGIN"  # in a script: the folder that it is in


def without_downloads(script: Path, scratch: Path) -> Path:
    """Return `script`, or a copy in `scratch` without the lines that only download firmware."""
    if not script.is_file():  # in Renode's own folder, by a relative path
        return script
    text = script.read_bytes()
    lines = _HAS_NO_EFFECT.sub(b"", text)
    if lines == text or _OWN_FOLDER in text:
        return script
    copy = scratch / "script.resc"
    copy.write_bytes(lines)
    return copy
