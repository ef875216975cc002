"""The file with what a coordinator said, so that a report needs no network."""

from pathlib import Path

import msgspec

from harness.errors import InputError
from harness.results.farm.check_files import read_checks
from harness.results.farm.farm_status import FarmStatus, on_desk, with_results
from harness.results.store.store import Store
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.printable_texts import printable_texts
from harness.support.whole_files import replace_files
from harness.workspace import Workspace


def as_json(status: FarmStatus) -> bytes:
    """Return `status` as JSON for people and programs."""
    return msgspec.json.format(msgspec.json.encode(printable_texts(status)), indent=1) + b"\n"


def write_status(status: FarmStatus, path: Path) -> None:
    """Write `status` to the file `path`."""
    replace_files(path.parent, {path.name: as_json(status)})


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
    checks = read_checks(workspace.checks)
    farm = with_results(read_status(workspace.farm), store.newest_of_places(), checks)
    farm = msgspec.structs.replace(farm, places=[*farm.places, *on_desk(checks)])
    return farm if farm.places else None
