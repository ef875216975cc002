"""Finds a platform by its name: in Renode's own folder, or at a path."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from harness.board.renode.installation import Installation
from harness.errors import InfrastructureError, InputError
from harness.support.suggestions import as_written, suggest

_FOLDERS = ("platforms/boards", "platforms/cpus")  # in this order
_SCRIPT, _DESCRIPTION = ".resc", ".repl"
_USING = re.compile(r'^\s*using\s+"([^"]+)"', re.MULTILINE)
_CORTEX_M = b"CPU.CortexM"
_INCLUDED = re.compile(r"@(\S+\.(?:repl|resc))")


class Platform(NamedTuple):
    """A platform's file, and the short name that finds it again."""

    name: str
    path: Path
    root: Path
    """Renode's own folder, where its files find each other."""

    @property
    def is_script(self) -> bool:
        """Whether it is a script that creates the machine."""
        return self.path.suffix == _SCRIPT

    def digest(self) -> str:
        """Return a hash of the file and of those that it uses."""
        whole = hashlib.sha256()
        for path in _with_used(self.path, self.root, set()):
            whole.update(path.read_bytes() + b"\0")
        return whole.hexdigest()


def find_platform(source: str, renode: Installation) -> Platform:
    """Return the platform `source`.

    That is a name such as `nucleo_h753zi`, a path in Renode's folder such as
    `platforms/cpus/stm32f4.repl`, or the path of a user's file.
    """
    root = _root(renode)
    if source.endswith((_SCRIPT, _DESCRIPTION)):
        for path in (Path(source).expanduser().absolute(), root / source):
            if path.is_file():
                return Platform(_short_name(path, source, root), path, root)
    known = _names(root)
    name = as_written(source, known)
    if name not in known:
        raise InputError(
            f"Renode has no platform {source!r}",
            where=str(root / "platforms"),
            remedy=suggest(Path(source).stem, _with_cortex_m(known, root))
            + "\n  -> for a platform of your own, give the path of its .repl or .resc",
        )
    return Platform(name, known[name], root)


def others_with(platform: Platform) -> list[str]:
    """Return the names of the platforms in Renode's folder that use `platform` and add to it."""
    return sorted(
        name
        for name, path in _names(platform.root).items()
        if path != platform.path and platform.path in _with_used(path, platform.root, set())
    )


def _root(renode: Installation) -> Path:
    """Return Renode's own folder: the one of its executable, or of an installed package."""
    beside = renode.executable.resolve().parent
    for folder in (beside, *beside.parents, Path("/opt/renode")):
        if (folder / _FOLDERS[1]).is_dir():
            return folder
    raise InfrastructureError(
        f"Renode's platforms are not beside {renode.executable}",
        where=renode.source,
        remedy="name the executable in Renode's own folder with --renode or $RENODE",
    )


def _names(root: Path) -> dict[str, Path]:
    """Return the platforms in Renode's folder by name. A board wins over a chip of its name."""
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        for path in sorted((root / folder).rglob(f"*{_DESCRIPTION}")):
            found.setdefault(path.stem, path)
    return found


def _with_cortex_m(known: Mapping[str, Path], root: Path) -> list[str]:
    """Return the names of the `known` platforms that have a Cortex-M."""
    return [
        name
        for name, path in known.items()
        if any(_CORTEX_M in part.read_bytes() for part in _with_used(path, root, set()))
    ]


def _short_name(path: Path, source: str, root: Path) -> str:
    """Return the file name alone if that finds `path` again, or else `source`."""
    return path.stem if _names(root).get(path.stem) == path else source


def _with_used(path: Path, root: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield `path`, and the files that it uses, and theirs."""
    if path in seen or not path.is_file():
        return
    seen.add(path)
    yield path
    text = path.read_text("utf-8", "replace")
    for used in _USING.findall(text) + _INCLUDED.findall(text):
        for folder in (path.parent, root):
            yield from _with_used((folder / used).absolute(), root, seen)
