"""The file with what a coordinator said, so that a report needs no network."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from harness.errors import InputError
from harness.results.combination import Combination
from harness.results.farm.check_files import read_checks
from harness.results.farm.failed_runs import FailedRun, read_failures
from harness.results.farm.farm_status import FarmStatus, on_desk, with_results
from harness.results.farm.struct_files import write_struct
from harness.results.store.store import Entry, Store
from harness.support.input_file import MAX_TEXT, read_input
from harness.workspace import Workspace

_FORGOTTEN = timedelta(days=30)  # nobody waits any more for a failed run to be repeated


def write_status(status: FarmStatus, path: Path) -> None:
    """Write `status` to the file `path`."""
    write_struct(status, path)


def read_status(path: Path) -> FarmStatus | None:
    """Return the status in the file `path`; None if there is none.

    Raises `InputError` if the file is damaged.
    """
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(read_input(path, MAX_TEXT), type=FarmStatus)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"is not the status of a farm: {error}",
            where=str(path),
            remedy="remove it; harness farm status writes it anew",
        ) from error


def known_farm(store: Store, workspace: Workspace) -> FarmStatus | None:
    """Return what is known of boards without a network; None if that is nothing.

    Those on the desk come after the places.

    Raises the errors of `read_status`.
    """
    farm = with_known(read_status(workspace.farm), workspace, store)
    desk = on_desk(read_checks(workspace.checks))
    farm = msgspec.structs.replace(farm, places=[*farm.places, *desk])
    return farm if farm.places or farm.not_repeated else None


def with_known(status: FarmStatus | None, workspace: Workspace, *stores: Store) -> FarmStatus:
    """Return `status` with what the files of `workspace` and the Records of `stores` tell."""
    failures = read_failures(workspace.failures)
    since = max(datetime.now(UTC) - _FORGOTTEN, failures[0].time) if failures else None
    newer = [run for store in stores for run in (store.find(since=since) if since else ())]
    runs = [run for store in stores for run in store.newest_of_places()]
    farm = with_results(status, runs, read_checks(workspace.checks), failures)
    return msgspec.structs.replace(farm, not_repeated=not_repeated(failures, newer))


def not_repeated(failures: Sequence[FailedRun], newer: Iterable[Entry]) -> list[FailedRun]:
    """Return the newest failure of each combination that ran at no other place, nor again since.

    `failures` are sorted by their time; `newer` has at least the runs that are newer than the
    oldest of them. Failures of a month ago are forgotten.
    """
    finished: dict[Combination, datetime] = {}
    for run in newer:
        key = run.combination.base
        finished[key] = max(_started(run), finished.get(key, _started(run)))
    limit = datetime.now(UTC) - _FORGOTTEN
    newest = {failed.combination.base: failed for failed in failures}
    return [
        failed
        for key, failed in newest.items()
        if not failed.moved_to and failed.time > max(limit, finished.get(key, limit))
    ]


def _started(run: Entry) -> datetime:
    return run.started if run.started.tzinfo else run.started.replace(tzinfo=UTC)
