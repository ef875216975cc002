"""Runs by what people call them: a file, an id, a commit, a branch, a folder of baselines."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness.errors import InputError
from harness.results.judge.baseline import read_baseline
from harness.results.record import Record, parse_record
from harness.results.store.open_results import open_store
from harness.support.suggestions import suggest
from harness.workspace import Workspace

if TYPE_CHECKING:
    pass

LAST = "last"
_NAMED = 10  # runs, in the message about one that is not known
_COMMIT = re.compile(r"[0-9a-f]{4,64}")


def find_runs(name: str, url: str, workspace: Workspace) -> list[Record]:
    """Return the runs that `name` stands for: one, or the newest of each combination.

    It is a file of a record or baseline, a folder of them, `last`, or in the store at `url`
    (empty: the local index) a run's id, a branch, or the begin of a commit. Raises `InputError`
    if it is none, or a file is not what it should be.
    """
    path = Path(name)
    if path.is_dir():
        records = [_read(file) for file in sorted(path.glob("*.json"))]
        if not records:
            raise InputError("there is no record or baseline in it", where=name)
        return records
    if path.is_file():
        return [_read(path)]
    return _stored(name, url, workspace)


def _read(path: Path) -> Record:
    """Read a record, or a baseline's."""
    try:
        data = path.read_bytes()
        keys = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"is neither record nor baseline: {error}", where=str(path)) from error
    return read_baseline(path).record if "because" in keys else parse_record(data, str(path))


def _stored(name: str, url: str, workspace: Workspace) -> list[Record]:
    with open_store(url, workspace) as store:
        entries = store.find()
        if not entries:
            raise InputError(f"{name!r} is no file, and there are no runs yet")
        if name == LAST:
            return [store.record(entries[0].id)]
        found = [entry for entry in entries if name in {entry.id, entry.branch}]
        if not found and _COMMIT.fullmatch(name):
            found = [entry for entry in entries if entry.commit.startswith(name)]
            commits = {entry.commit for entry in found}
            if len(commits) > 1:
                raise InputError(
                    f"{name!r} is the begin of {len(commits)} commits", remedy="give more digits"
                )
        if not found:
            branches = {entry.branch for entry in entries if entry.branch}
            known = {LAST, *branches, *(entry.id for entry in entries[:_NAMED])}
            raise InputError(
                f"{name!r} is no file, and no run, branch or commit of a run",
                remedy=suggest(name, known),
            )
        # The last that is put under a key stays: the newest.
        newest = {entry.combination: entry.id for entry in reversed(found)}
        return [store.record(id_) for id_ in newest.values()]
