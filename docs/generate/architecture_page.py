"""The architecture page: docs/architecture.md with the picture of the rooms put in."""

import re
from pathlib import Path

from docs.generate.import_graph import read_layers, read_rooms, without_shortcuts
from docs.generate.markdown import block
from docs.generate.rooms_picture import picture

PLACE = "<!-- The picture of the rooms. `make docs` draws it. -->"
_ROW = re.compile(r"^\| `(?P<room>\w+)` \| (?P<purpose>[^|]+) \|$", re.MULTILINE)


def page(text: str, pyproject: Path) -> str:
    """Return the page `text` with the picture in it.

    Raises `LookupError` if the page's table does not have the rooms of the contract in its order.
    """
    container, layers = read_layers(pyproject)
    purposes = {match["room"]: match["purpose"].strip() for match in _ROW.finditer(text)}
    expected = [room for layer in layers for room in layer]
    if list(purposes) != expected:
        raise LookupError(
            f"docs/architecture.md: the table has the rooms {', '.join(purposes)}; "
            f"the contract in {pyproject} has {', '.join(expected)}"
        )
    rooms = read_rooms(container, layers)
    svg = picture(rooms, without_shortcuts(rooms), purposes)
    return text.replace(PLACE, block(f'<div class="rooms-figure">\n{svg}\n</div>', "{raw} html"))
