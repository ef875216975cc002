"""Lines of text in a terminal: they end at blanks, never within a name or a number."""

import re
from collections.abc import Iterable, Iterator

from rich.cells import chop_cells
from rich.console import Console
from rich.text import Text

from harness.support.shown import shown

INDENT = "  "
GAP = "  "
"""Between two columns, and between two names."""

_NO_NAME = 200  # columns; only longer words, which nobody searches for, are broken

# A line may end at a blank, but not between a number and its sign or unit.
_UNIT = r"(?:%|[kM]|[mµnp]?[sJWAV]|[kM]?Hz|bytes?|B)(?!\w)"
_BLANKS = re.compile(rf"(?<=\S)(?<![±~≈≥≠])(?!(?<=\d) {_UNIT}) +(?=\S)")


def clean(content: str | Text) -> Text:
    """Return `content` as text that a terminal may show."""
    if isinstance(content, str):
        return Text(shown(content))
    plain = shown(content.plain)
    return content if plain == content.plain else Text(plain, content.style)


def keeping(text: str, *names: str, style: str = "") -> Text:
    """Return `text` as a line that does not end within `names`, which may have blanks."""
    line = Text(shown(text), style)
    line.highlight_words([name for name in map(shown, names) if " " in name], "none")
    return line


def print_line(console: Console, text: str | Text, style: str = "") -> None:
    """Print `text` without highlighting and markup; a long line goes on below, indented."""
    line = Text(shown(text), style) if isinstance(text, str) else text
    print_lines(console, wrapped(line, console.width))


def print_lines(console: Console, lines: Iterable[Text]) -> None:
    """Print `lines` as they are, however long they are."""
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def wrapped(text: Text, width: int) -> list[Text]:
    """Return `text` in lines of at most `width` columns; a word that is longer has its own line.

    A line that goes on is indented more than its beginning.
    """
    lines: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        if line.cell_len <= width:
            lines.append(line)
        else:
            lines += packed(_words(line), width, before=" " * _blanks_before(line), gap=" ")
    return lines


def _words(line: Text) -> Iterator[Text]:
    """Yield the parts of `line` that stay on one line: words, and parts with their own style."""
    start = _blanks_before(line)
    for blank in _BLANKS.finditer(line.plain):
        if any(span.start < blank.start() and blank.end() < span.end for span in line.spans):
            continue
        yield line[start : blank.start()]
        start = blank.end()
    yield line[start:]


def _blanks_before(line: Text) -> int:
    return len(line.plain) - len(line.plain.lstrip(" "))


def packed(parts: Iterable[Text], width: int, before: str = "", gap: str = GAP) -> list[Text]:
    """Return `parts` in lines of at most `width` columns; a longer part has its own line.

    The lines start with `before`; all but the first are indented more, if there is room.
    """
    lines: list[Text] = []
    for piece in (piece for part in parts for piece in _pieces(part, width)):
        if lines and lines[-1].cell_len + len(gap) + piece.cell_len <= width:
            lines[-1].append(gap)
        else:
            indent = before + INDENT * bool(lines)
            lines.append(Text(indent if len(indent) + piece.cell_len <= width else ""))
        lines[-1].append_text(piece)
    return lines


def _pieces(part: Text, width: int) -> list[Text]:
    if part.cell_len > width:
        part = part[_blanks_before(part) :]
    if part.cell_len <= max(width, _NO_NAME):
        return [part]
    return [Text(piece, part.style) for piece in chop_cells(part.plain, max(width, 2))]


def longest_word(lines: Iterable[Text]) -> int:
    """Return the width of the longest part that stays on one line."""
    return max((word.cell_len for line in lines for word in _words(line)), default=0)
