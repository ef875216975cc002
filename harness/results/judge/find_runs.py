"""Finds runs by a file, a folder, an id, a branch, a commit or a revision of git."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness.errors import InputError
from harness.results.combination import Combination
from harness.results.judge.baseline import read_baseline
from harness.results.judge.newest_run import newest_run
from harness.results.record import Record
from harness.results.record_file import MAX_RECORD, parse_record
from harness.results.store.open_results import MAKE_RUNS, open_store
from harness.support.git_commit import ancestors, commit_named
from harness.support.input_file import read_input
from harness.support.plural import count_of
from harness.support.suggestions import did_you_mean, similar
from harness.workspace import Workspace

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import Entry

LAST = "last"
_SUGGESTED = 10  # runs that the message about an unknown run may suggest
_SHORT = 10  # digits of a commit in a message
_COMMIT = re.compile(r"[0-9a-f]{4,64}")


def find_runs(name: str, url: str, workspace: Workspace) -> list[Record]:
    """Return the runs that `name` stands for: one, or the newest of each combination.

    `name` is the file of a record or baseline, or a folder of such files. Otherwise it is `last`,
    a run's id, a branch, the first characters of a commit hash, or a revision that git knows in the
    workspace, such as `HEAD` or a tag, in the store at `url` (empty: the local index). A run that
    failed stands for its session. Raises `InputError` if it is none of these, or a file is invalid.
    """
    path = Path(name)
    if path.is_dir():
        records = [_read(file) for file in sorted(path.glob("*.json"))]
        if not records:
            raise InputError("contains no record and no baseline", where=str(path))
        return records
    if path.exists():
        return [_read(path)]
    return _find_in_store(name, url, workspace)


def _read(path: Path) -> Record:
    """Return the record in the file of a record or baseline."""
    data = read_input(path, MAX_RECORD)
    try:
        keys = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"is neither a record nor a baseline: {error}", where=str(path)) from error
    return read_baseline(path).record if "because" in keys else parse_record(data, str(path))


def _find_in_store(name: str, url: str, workspace: Workspace) -> list[Record]:
    with open_store(url, workspace) as store:
        entries = store.find()
        if not entries:
            raise InputError(f"{name!r} is not a file, and there are no runs yet", remedy=MAKE_RUNS)
        if name == LAST:
            last = entries[0].combination
            alike = [entry for entry in reversed(entries) if entry.combination == last]
            return [newest_run(store, alike)]
        matching = _matching(name, entries, workspace)
        if any(entry.id == name for entry in matching):
            return [store.record(name)]
        histories: dict[Combination, list[Entry]] = {}
        for entry in reversed(matching):  # oldest first
            histories.setdefault(entry.combination, []).append(entry)
        return [newest_run(store, history) for history in histories.values()]


def _matching(name: str, entries: "Sequence[Entry]", workspace: Workspace) -> "list[Entry]":
    """Return the runs with the id, of the branch, of the commit or of the revision `name`."""
    if matching := [entry for entry in entries if name in {entry.id, entry.branch}]:
        return matching
    if _COMMIT.fullmatch(name):
        matching = [entry for entry in entries if entry.commit.startswith(name)]
        commits = {entry.commit for entry in matching}
        if len(commits) > 1:
            raise InputError(
                f"{count_of(len(commits), 'commit')} begin with {name!r}",
                remedy="give more digits",
            )
        if matching:
            return matching
    commit = commit_named(workspace.root, name)
    if not commit:
        known = {LAST, *(entry.branch for entry in entries if entry.branch)}
        runs = [entry.id for entry in entries[:_SUGGESTED]]
        near = similar(name, [*known, *runs])
        raise InputError(
            f"{name!r} is not a file, run, branch or commit",
            remedy=did_you_mean(near) if near else f"known: {', '.join(sorted(known))}",
        )
    matching = [entry for entry in entries if entry.commit == commit]
    if not matching:
        raise InputError(
            f"no run has the commit {commit[:_SHORT]}, which is {name!r} in git",
            remedy=_earlier(commit, {entry.commit for entry in entries}, workspace),
        )
    return matching


def _earlier(commit: str, with_runs: Collection[str], workspace: Workspace) -> str:
    """Return a remedy that names the nearest earlier commit with runs."""
    earlier = next((each for each in ancestors(workspace.root, commit) if each in with_runs), "")
    if not earlier:
        return MAKE_RUNS
    return f"the nearest commit before it with a run is {earlier[:_SHORT]}"
