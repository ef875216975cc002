"""Which room of the harness imports which, and the order of the rooms.

The order comes from the layers contract of import-linter in pyproject.toml, and from nowhere else.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NamedTuple

import grimp

_NOT_IN_A_ROOM = {"__main__"}


class Room(NamedTuple):
    """A room: a package or module directly below the container, its size, and what it imports.

    `layer` counts from 0, the layer that imports no other.
    """

    name: str
    layer: int
    modules: int
    lines: int
    imports: frozenset[str]


def read_layers(pyproject: Path) -> tuple[str, list[list[str]]]:
    """Return the container of the layers contract, and its layers, the lowest first."""
    with pyproject.open("rb") as file:
        tool = tomllib.load(file).get("tool", {}).get("importlinter", {})
    contract = next((c for c in tool.get("contracts", []) if c["type"] == "layers"), None)
    if contract is None:
        raise LookupError(f'{pyproject} has no contract of import-linter with type = "layers"')
    (container,) = contract["containers"]
    return container, [_siblings(layer) for layer in reversed(contract["layers"])]


def _siblings(layer: str) -> list[str]:
    """Return the rooms of a layer, such as `a | b`; parentheses mark optional ones."""
    return [name.strip(" ()") for name in re.split(r"[|:]", layer)]


def read_rooms(container: str, layers: Sequence[Sequence[str]]) -> list[Room]:
    """Return the rooms of the package `container`, in the order of `layers`."""
    graph = grimp.build_graph(container, cache_dir=None)
    root = _source(container)
    members: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for module in sorted(graph.modules - {container}):
        room = module.split(".")[1]
        if room not in members and room not in _NOT_IN_A_ROOM:
            raise LookupError(f"{module} is in no layer of the contract in pyproject.toml")
        members.get(room, []).append(module)
    rooms: list[Room] = []
    for number, layer in enumerate(layers):
        for name in layer:
            below = {room.name for room in rooms}  # the contract forbids other imports
            imports = frozenset(_imported(graph, members[name]) & below)
            lines = sum(_lines(root, module) for module in members[name])
            rooms.append(Room(name, number, len(members[name]), lines, imports))
    return rooms


def _imported(graph: Any, modules: Sequence[str]) -> set[str]:
    found = {m for module in modules for m in graph.find_modules_directly_imported_by(module)}
    return {module.split(".")[1] for module in found if "." in module}


def _source(container: str) -> Path:
    spec = PathFinder.find_spec(container)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"there is no package {container}")
    return Path(next(iter(spec.submodule_search_locations))).parent


def _lines(root: Path, module: str) -> int:
    path = root.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return len(file.read_text().splitlines())


def without_shortcuts(rooms: Sequence[Room]) -> Mapping[str, frozenset[str]]:
    """Return the imports of each room without those that follow from others."""
    reach: dict[str, frozenset[str]] = {}
    kept = {}
    for room in rooms:  # a room's imports come before it
        beyond = frozenset[str]().union(*(reach[name] for name in room.imports))
        reach[room.name] = room.imports | beyond
        kept[room.name] = room.imports - beyond
    return kept
