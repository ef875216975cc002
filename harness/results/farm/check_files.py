"""The files of health checks: the newest one of each board."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from harness.errors import InputError
from harness.results.store.open_results import warn_skipped
from harness.runs.check.check_result import BoardCheck
from harness.support.file_name import check_name
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.printable_texts import printable_texts
from harness.support.whole_files import replace_files


def write_check(check: BoardCheck, folder: Path) -> Path:
    """Write `check` to its file in `folder`, instead of the last one of the same board."""
    kind = "place" if check.place else "target"
    check_name(check.name, kind, check.name)
    name = f"{kind}-{quote(check.name, safe='')}.json"
    data = msgspec.json.format(msgspec.json.encode(printable_texts(check)), indent=1)
    replace_files(folder, {name: data + b"\n"})
    return folder / name


def read_checks(folder: Path) -> list[BoardCheck]:
    """Return the checks in `folder`; other files are named on standard error, and skipped."""
    skipped: list[InputError] = []
    checks = list(_read(folder, skipped))
    warn_skipped(skipped)
    return checks


def _read(folder: Path, skipped: list[InputError]) -> Iterator[BoardCheck]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield msgspec.json.decode(read_input(path, MAX_TEXT), type=BoardCheck)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            skipped.append(InputError(f"is not a check of a board: {error}", where=str(path)))
        except InputError as error:
            skipped.append(error)
