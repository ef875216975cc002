"""Text from outside, made fit for a terminal, a file or a page.

Devices, files, tools and other people choose the names and messages that the harness shows. Such
a text must not move the cursor, change a colour, hide a part of itself, reverse its direction or
start a line of its own. Characters that can do so are shown as codes: ⟨001B⟩ is an escape.
"""

import re

_LONGEST = 2000  # characters of a text
_END = 15  # characters kept at the end of a shortened text; names often differ there
# Letters and marks that leave no ink, although Unicode counts them as printable.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*[mK]")  # what compilers and devices send to colour a line


def printable(text: str, longest: int = _LONGEST) -> str:
    """Return `text` in one line, with codes for characters that are not printable.

    The middle of a long text is cut out.
    """
    if len(text) > longest:
        text = f"{text[: longest - _END - 1]}…{text[-_END:]}"
    if text.isprintable() and text.isascii():
        return text
    return "".join(c if _is_visible(c) else f"⟨{ord(c):04X}⟩" for c in text)


def printable_lines(text: str) -> str:
    """Return `text` in its lines, each of them printable; colours are removed."""
    if text.isascii() and text.isprintable():
        return text
    lines = _COLOUR.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(printable(line.expandtabs(), len(line) * 8 + 8) for line in lines)


def _is_visible(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    return character.isprintable() and not _INVISIBLE.match(character) and character < "\U000e0000"
