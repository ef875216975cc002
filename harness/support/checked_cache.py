"""Entries of caches: folders that are believed by the digests of their contents.

An entry is a folder of files that were made from a key, such as the hash of all inputs. The file
`digests.json` in it holds the key, and the SHA-256 of each other file. An entry that does not
match is not used, but made again. An entry that nobody has used for 60 days is removed when another
one is kept beside it, so a cache does not grow for ever.
"""

import errno
import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from harness.errors import InfrastructureError
from harness.support.lease import Lease
from harness.support.owned_temporary import remove, temporary_folder, unused_path

DIGESTS = "digests.json"
_VERSION = 1
_ATTEMPTS = 10
UNUSED = 60 * 86400.0
"""Seconds after which what nobody used is removed."""
_LONGEST = 300.0  # seconds to wait for what another process makes


class _Digests(msgspec.Struct, frozen=True):
    version: int
    key: str
    files: dict[str, str]
    """SHA-256 by path within the entry."""


def warn_on_stderr(text: str) -> None:
    """Print `text` as a warning of the harness."""
    print(f"harness: {text}", file=sys.stderr)


def is_valid(entry: Path, key: str, warn: Callable[[str], None] = warn_on_stderr) -> bool:
    """Return whether `entry` exists and holds exactly what was made for `key`.

    `warn` is called with a line about an entry that exists and is not valid.
    """
    if not os.path.lexists(entry):
        return False
    why = _fault(entry, key)
    if why:
        warn(f"{entry}: {why}; it is made again")
    else:
        with suppress(OSError):  # it belongs to another user, or the disk is read-only
            os.utime(entry)
    return not why


def provide(
    entry: Path,
    key: str,
    make: Callable[[Path], object],
    warn: Callable[[str], None] = warn_on_stderr,
) -> bool:
    """Return whether `entry` is valid for `key`; if not, let `make` fill a new folder for it."""
    if is_valid(entry, key, warn):
        return True
    entry.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(entry.parent) as staging:
        make(staging)
        keep(staging, entry, key)
    return False


def make_once(
    entry: Path,
    key: str,
    make: Callable[[], object],
    wait: Callable[[], object],
    warn: Callable[[str], None] = warn_on_stderr,
) -> bool:
    """Return whether `entry` is valid for `key`; if not, let `make` make it, which takes long.

    If another process is just making it, call `wait`, and use its result.
    """
    if is_valid(entry, key, warn):
        return True
    lease = None
    with suppress(InfrastructureError):
        lease = Lease(f"cache {entry.resolve()}", wait=0)
    waits = lease is None
    if waits:
        wait()
        with suppress(InfrastructureError):  # it takes too long: make another one
            lease = Lease(f"cache {entry.resolve()}", wait=_LONGEST)
    try:
        if waits and is_valid(entry, key, warn):
            return True
        make()
    finally:
        if lease is not None:
            lease.release()
    return False


def keep(staging: Path, entry: Path, key: str) -> None:
    """Make the folder `staging` the entry for `key`, in one step.

    If another process has made the same entry meanwhile, that one stays.
    """
    seal(staging, key)
    _remove_unused(entry.parent)
    for _ in range(_ATTEMPTS):
        try:
            staging.rename(entry)
        except OSError:
            if not os.path.lexists(entry):
                raise
        else:
            return
        if not _fault(entry, key):
            return
        with suppress(FileNotFoundError):  # another process has just done it
            discard(entry)
    raise OSError(errno.EBUSY, "other processes write it again and again", str(entry))


def seal(entry: Path, key: str) -> None:
    """Write the digests of all files in the folder `entry`."""
    files = (path for path in sorted(entry.rglob("*")) if path.is_file())
    digests = {
        path.relative_to(entry).as_posix(): _digest(path) for path in files if path.name != DIGESTS
    }
    data = msgspec.json.encode(_Digests(_VERSION, key, digests))
    (entry / DIGESTS).write_bytes(msgspec.json.format(data, indent=1))


def discard(entry: Path) -> None:
    """Remove `entry`, whatever it is: for other processes in one step."""
    trash = unused_path(entry.parent)
    entry.rename(trash)
    remove(trash)


def _remove_unused(folder: Path) -> None:
    """Remove the entries in `folder` that were last used long ago; nothing else is touched."""
    oldest = time.time() - UNUSED
    for digests in folder.glob(f"*/{DIGESTS}"):
        with suppress(OSError):  # another process removes it, or it belongs to another user
            if digests.parent.stat().st_mtime < oldest:
                discard(digests.parent)


def _fault(entry: Path, key: str) -> str:
    """Return why `entry` is not valid for `key`; empty if it is."""
    if not stat.S_ISDIR(_mode(entry)):
        return "is not a folder"
    if not os.path.lexists(entry / DIGESTS):
        return f"has no {DIGESTS}, because it is incomplete or from an earlier version"
    try:
        digests = msgspec.json.decode(_read(entry / DIGESTS), type=_Digests)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"{DIGESTS} cannot be read"
    if digests.version != _VERSION or digests.key != key or not digests.files:
        return "was made by another version or from other inputs"
    changed = (name for name in digests.files if _digest(entry / name) != digests.files[name])
    return next((f"{name!r} is damaged, missing or was changed" for name in changed), "")


def _digest(path: Path) -> str:
    """Return the SHA-256 of the file; empty if it cannot be read."""
    try:
        return hashlib.sha256(_read(path)).hexdigest()
    except (OSError, ValueError):  # ValueError: a name with a NUL, from damaged digests
        return ""


def _read(path: Path) -> bytes:
    if not stat.S_ISREG(_mode(path)):
        raise FileNotFoundError(path)  # a FIFO would block, a link may lead anywhere
    return path.read_bytes()


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0
