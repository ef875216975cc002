"""Folders of small JSON files, one for each thing that is known of a board."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.errors import InputError
from harness.results.store.open_results import warn_skipped
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.printable_texts import printable_texts
from harness.support.whole_files import replace_files

T = TypeVar("T", bound=msgspec.Struct)


def write_struct(struct: msgspec.Struct, path: Path) -> None:
    """Write `struct` to the file `path`, for people and programs."""
    data = msgspec.json.format(msgspec.json.encode(printable_texts(struct)), indent=1)
    replace_files(path.parent, {path.name: data + b"\n"})


def read_structs(folder: Path, kind: type[T], what: str) -> list[T]:
    """Return the structs in `folder`; a file that is not `what` is named, and skipped."""
    skipped: list[InputError] = []
    found = list(_read(folder, kind, what, skipped))
    warn_skipped(skipped)
    return found


def _read(folder: Path, kind: type[T], what: str, skipped: list[InputError]) -> Iterator[T]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield msgspec.json.decode(read_input(path, MAX_TEXT), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            skipped.append(InputError(f"is not {what}: {error}", where=str(path)))
        except InputError as error:
            skipped.append(error)
