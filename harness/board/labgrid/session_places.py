"""What the processes of one session tell each other about the places of a farm.

With pytest-xdist, each worker acquires a place of its own. A worker without one waits for those of
the others, and none of them takes a place that failed another.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from harness.support.whole_files import write_files

_HOLDER, _LEFT_OUT = ".holder", ".left-out"


@dataclass
class SessionPlaces:
    """The places that a session leaves out, and the names under which its processes hold places.

    The processes share `folder`; without it, the session has one process.
    """

    folder: Path | None = None
    _left_out: dict[str, str] = field(default_factory=dict)

    def join(self, name: str) -> None:
        """Add `name`, under which this process acquires places."""
        if self.folder:
            write_files(self.folder, {f"{os.getpid()}{_HOLDER}": name.encode()})

    def holders(self) -> set[str]:
        """Return the names of the session's processes."""
        return set(self._read(_HOLDER).values())

    def leave_out(self, place: str, why: str) -> None:
        """Leave out `place` until `take_back` or the end of the session."""
        if self.folder:
            write_files(self.folder, {_file(place): why.encode()})
        else:
            self._left_out[place] = why

    def take_back(self, place: str) -> None:
        """Use `place` again."""
        if self.folder:
            (self.folder / _file(place)).unlink(missing_ok=True)
        self._left_out.pop(place, None)

    def left_out(self) -> Mapping[str, str]:
        """Return why places are left out, by their names."""
        return self._read(_LEFT_OUT) if self.folder else self._left_out

    def _read(self, suffix: str) -> dict[str, str]:
        found = {}
        for path in sorted(self.folder.glob(f"*{suffix}")) if self.folder else ():
            with suppress(FileNotFoundError):  # taken back meanwhile
                found[unquote(path.name.removesuffix(suffix))] = path.read_text()
        return found


def _file(place: str) -> str:
    return f"{quote(place, safe='')}{_LEFT_OUT}"
