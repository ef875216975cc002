"""Finds targets by name or path; reads their files with their bases and checks them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from harness.errors import InputError
from harness.support import bundled_files, toml_file
from harness.support.file_name import check_name
from harness.support.suggestions import suggest
from harness.target import chip_target, qemu_target
from harness.target.target_file import Target, TargetFile
from harness.target.target_rules import check_rules

_IDENTITY = {"board": ("kind",), "port": ("name", "dir")}
"""The keys of a table that decide what its other keys mean."""

_OF_CHIP = {"target", "pack", "frequency", "chip_id"}
"""The keys of a board behind a probe that do not say where it is."""

_DERIVATIONS: dict[str, Callable[[str], Target]] = {
    chip_target.KIND: chip_target.derive_chip,
    qemu_target.KIND: qemu_target.derive,
}
"""Functions that derive a target from what other tools know, by the prefix of its name."""

_NONE: Mapping[str, Callable[[str], Target]] = MappingProxyType({})


def load_target(path: Path) -> Target:
    """Read a target file; `InputError` names the file and key.

    A file with a `base`, the name of another target, only contains the differences from it.
    """
    check_name(path.stem, "target", str(path))
    file = toml_file.convert(_with_base(path), TargetFile, path)
    check_rules(path, file)
    return Target(name=path.stem, path=path, **msgspec.structs.asdict(file))


def find_target(
    name: str,
    roots: Sequence[Path],
    derivations: Mapping[str, Callable[[str], Target]] = _NONE,
) -> Target:
    """Return the target called `name` in the folders `roots`, or at the path `name`.

    A name such as `chip:nrf52840` or `auto` has no file: it says what the target is derived from.
    Other rooms bring more `derivations`, such as the one for `renode:`.
    """
    kind, colon, source = name.partition(":")
    derive = {**_DERIVATIONS, **derivations}.get(kind.lower())
    known = list_targets(roots)
    if derive and (colon or name not in known):
        return derive(source)
    if bundled_files.is_path(name):
        return load_target(Path(name))
    if name not in known:
        raise InputError(f"unknown target {name!r}", remedy=suggest(name, known))
    return load_target(known[name])


def list_targets(roots: Sequence[Path]) -> dict[str, Path]:
    """Return the target files in the folders `roots` by name."""
    files = (path for root in roots for path in sorted(root.glob("*.toml")))
    return bundled_files.first_by_name(files, lambda path: path.stem)


def _with_base(path: Path, derived: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the keys of a target file, merged over those of its base."""
    data = toml_file.load(path)
    board = data.get("board")
    for key in ("platform", "overlay", "pack"):
        if isinstance(board, dict) and isinstance(board.get(key), str):
            relative = path.parent / board[key]
            board[key] = str(relative.absolute()) if relative.is_file() else board[key]
    port = data.get("port")
    if isinstance(port, dict) and isinstance(port.get("dir"), str) and port["dir"]:
        port["dir"] = str((path.parent / port["dir"]).resolve())
    name = data.pop("base", None)
    if name is None:
        return data
    known = list_targets((path.parent, bundled_files.bundled("targets")))
    if not isinstance(name, str) or name not in known:
        raise InputError(
            f"unknown target {name!r}", where=f"{path}: base", remedy=suggest(str(name), known)
        )
    if known[name] in (path, *derived):
        raise InputError(f"target {name!r} is its own base", where=f"{path}: base")
    return _merged(_with_base(known[name], (path, *derived)), data)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes`, table by table.

    A table for another kind of board or another port replaces the base's table as a whole.
    """
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and _enters_farm(key, old, value):
            old = {name: old[name] for name in old.keys() & _OF_CHIP} | {"kind": "labgrid"}
        if isinstance(old, dict) and isinstance(value, dict) and _is_same(key, old, value):
            result[key] = _merged(old, value)
        else:
            result[key] = value
    return result


def _enters_farm(table: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether `new` puts the board `old` into a farm: it has the same chip there."""
    return table == "board" and (old.get("kind"), new.get("kind")) == ("pyocd", "labgrid")


def _is_same(table: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether `new` is about the same kind of board, or the same port, as `old`."""
    return all(key not in new or new[key] == old.get(key) for key in _IDENTITY.get(table, ()))
