"""The picture of the rooms: boxes from top to bottom, and who imports whom.

Each room that others import has a line of its own beside the boxes. The line starts at the rooms
that import and ends with an arrow at the room that is imported.
"""

from collections.abc import Collection, Mapping, Sequence
from html import escape
from textwrap import wrap

from docs.generate.import_graph import Room

_WIDTH = 760
_BOX = 520  # width of a box
_LEFT = 1
_TEXT = 150  # from a box's left edge to its text
_HEIGHT = 50  # of a box
_GAP = 8  # between boxes of one layer
_STEP = 16  # between layers
_LINE = 18  # between lines of text
_STUB = 5  # between the imports of one room
_COLOURS = 6  # classes line0 ... line5 in site.css


def picture(
    rooms: Sequence[Room], imports: Mapping[str, frozenset[str]], purposes: Mapping[str, str]
) -> str:
    """Return an SVG of `rooms` with their `purposes`, and with arrows for `imports`."""
    tops = _tops(rooms)
    height = max(tops.values()) + _HEIGHT + 2
    lines = _import_lines(rooms, imports, tops)
    boxes = [_box(room, tops[room.name], purposes[room.name]) for room in rooms]
    return "\n".join(
        [
            f'<svg class="rooms" viewBox="0 0 {_WIDTH} {height}" role="img" '
            'aria-label="The rooms and their imports" xmlns="http://www.w3.org/2000/svg">',
            *lines,
            *boxes,
            "</svg>",
        ]
    )


def _tops(rooms: Sequence[Room]) -> dict[str, int]:
    """Return the upper edge of each box."""
    tops: dict[str, int] = {}
    y, layer = 2, 0
    for room in rooms:
        if tops:
            y += _HEIGHT + (_GAP if room.layer == layer else _STEP)
        tops[room.name], layer = y, room.layer
    return tops


def _box(room: Room, top: int, purpose: str) -> str:
    size = f"{_counted(room.modules, 'module')}, {_counted(room.lines, 'line')}"
    lines = wrap(purpose.replace("`", ""), 52)
    first = top + _HEIGHT / 2 + 5 - (len(lines) - 1) * _LINE / 2
    text = "".join(
        f'<text class="purpose" x="{_LEFT + _TEXT}" y="{first + number * _LINE:.0f}">'
        f"{escape(line)}</text>"
        for number, line in enumerate(lines)
    )
    return (
        f'<g><rect x="{_LEFT}" y="{top}" width="{_BOX}" height="{_HEIGHT}" rx="6"/>'
        f'<text class="room" x="{_LEFT + 12}" y="{top + 21}">{escape(room.name)}</text>'
        f'<text class="size" x="{_LEFT + 12}" y="{top + 39}">{size}</text>{text}</g>'
    )


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"


def _import_lines(
    rooms: Sequence[Room], imports: Mapping[str, frozenset[str]], tops: Mapping[str, int]
) -> list[str]:
    """Return a vertical line for each room that is imported, with a stub for each importer."""
    spans = {}
    for room in rooms:
        importers = [other.name for other in rooms if room.name in imports[other.name]]
        if importers:
            spans[room.name] = importers
    lanes = _lanes(spans, tops)
    width = (_WIDTH - _BOX - 20) / (max(lanes.values(), default=0) + 1)
    lines = []
    for number, (name, importers) in enumerate(spans.items()):
        x = _LEFT + _BOX + 18 + lanes[name] * width
        edge = _LEFT + _BOX
        end = tops[name] + _HEIGHT * 0.8
        starts = [
            tops[importer] + 8 + _STUB * _position(name, imports[importer], tops)
            for importer in importers
        ]
        path = f"M{x:.0f} {max(starts):.0f}V{end:.0f}H{edge + 2}"
        path += "m6 -4l-6 4l6 4"  # the arrow's head
        path += "".join(f"M{edge} {y:.0f}H{x:.0f}" for y in starts)
        title = escape(f"{name} is imported by {', '.join(importers)}")
        lines.append(
            f'<path class="line{number % _COLOURS}" d="{path}"><title>{title}</title></path>'
        )
    return lines


def _position(name: str, imported: Collection[str], tops: Mapping[str, int]) -> int:
    """Return the place of `name` among the rooms that one room imports, from top to bottom."""
    return sum(tops[other] < tops[name] for other in imported)


def _lanes(spans: Mapping[str, Sequence[str]], tops: Mapping[str, int]) -> dict[str, int]:
    """Give each line a lane: short lines lie near the boxes, and lines of one lane do not meet."""
    taken: list[list[tuple[int, int]]] = []
    lanes = {}
    for name in sorted(spans, key=lambda room: max(tops[i] for i in spans[room]) - tops[room]):
        top, bottom = tops[name], max(tops[importer] for importer in spans[name])
        free = (n for n, lane in enumerate(taken) if all(b < top or bottom < a for a, b in lane))
        lane = next(free, len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((top, bottom))
        lanes[name] = lane
    return lanes
