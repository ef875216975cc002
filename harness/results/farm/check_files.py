"""The files of health checks: the newest one of each board."""

from pathlib import Path
from urllib.parse import quote

from harness.results.farm.struct_files import read_structs, write_struct
from harness.runs.check.check_result import BoardCheck
from harness.support.file_name import check_name


def write_check(check: BoardCheck, folder: Path) -> Path:
    """Write `check` to its file in `folder`, instead of the last one of the same board."""
    kind = "place" if check.place else "target"
    check_name(check.name, kind, check.name)
    path = folder / f"{kind}-{quote(check.name, safe='')}.json"
    write_struct(check, path)
    return path


def read_checks(folder: Path) -> list[BoardCheck]:
    """Return the checks in `folder`; other files are named on standard error, and skipped."""
    return read_structs(folder, BoardCheck, "a check of a board")
