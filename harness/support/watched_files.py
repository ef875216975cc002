"""Files that are watched for changes: by looking at them a few times a second.

That works on every file system, also those of networks and containers, and whatever an editor
does: it may write in parts, or replace the file by another one.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

LOOK = 0.25
"""Seconds between two looks."""
SETTLED = 0.1
"""Seconds without a change after which a file counts as written."""

_LONGEST = 10.0  # seconds to wait for a file that changes all the time
_SHARE = 10  # a look takes at most this part of the time: of thousands of files, on a slow disk

Stamp = tuple[int, int, int]
"""Time of the last change in ns, size, and the file's number, which differs after a replacement."""
Stamps = Mapping[Path, Stamp | None]


def files_in(place: Path) -> Iterator[Path]:
    """Yield the file `place`, or all files of this folder; hidden ones do not count."""
    if not place.is_dir():
        yield place
        return
    for path in place.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
        if not hidden and not path.name.endswith("~") and path.is_file():
            yield path


class WatchedFiles:
    """Knows what files hold; it reads only those that are new or have changed since."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp | None, str]] = {}

    def digest(self, paths: Iterable[Path]) -> str:
        """Return a digest of the names and contents of `paths`; some of them may not exist."""
        digest = hashlib.sha256()
        for path in sorted(set(paths)):
            digest.update(f"{path}\0{self._contents(path)}\0".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def stamps(self) -> Stamps:
        """Return the stamps of all files that were read, from before they were read."""
        return {path: stamp for path, (stamp, _) in self._known.items()}

    def forget_others(self, paths: Iterable[Path]) -> None:
        """Forget all files but `paths`."""
        kept = set(paths)
        self._known = {path: known for path, known in self._known.items() if path in kept}

    def _contents(self, path: Path) -> str:
        stamp = _stamp(path)
        before, digest = self._known.get(path, (None, ""))
        if stamp is None or stamp != before:
            digest = _digest(path)
            self._known[path] = (stamp, digest)
        return digest


def wait_for_change(list_files: Callable[[], Iterable[Path]], before: Stamps) -> None:
    """Wait until the files that `list_files` yields are not those of `before`, or have changed.

    Then wait until they stay as they are for a moment.
    """
    pause = LOOK
    while True:
        begin = time.monotonic()
        now = _stamps(list_files())
        if now != before:
            break
        pause = max(LOOK, _SHARE * (time.monotonic() - begin))
        time.sleep(pause)
    end = time.monotonic() + _LONGEST
    while time.monotonic() < end:
        time.sleep(SETTLED)
        later = _stamps(list_files())
        if later == now:
            return
        now = later


def _stamps(paths: Iterable[Path]) -> Stamps:
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None  # it does not exist, for now
    return status.st_mtime_ns, status.st_size, status.st_ino


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
