"""Lists folders of pictures or recordings: one folder for each class, or files without classes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.support.plural import count_of

FileKind = Literal["picture", "recording"]
_KINDS: dict[str, FileKind] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp"), "picture"),
    ".wav": "recording",
}
_MOST_FILES = 1 << 20
_SHOWN = 3
_REMEDY = "give a folder with one folder of PNG, JPEG or WAV files for each class"


@dataclass(frozen=True)
class FolderContent:
    """The files of a folder, in the order of the vectors, all of one `kind`.

    `labels`, int64 [N], counts `classes`, the sorted names of the folders. Without such folders,
    there are no labels. `ignored` has the names of other files that lie there.
    """

    path: Path
    kind: FileKind
    files: tuple[Path, ...]
    labels: npt.NDArray[np.int64] | None
    classes: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def note(self) -> str:
        """A note about ignored files; empty if there are none."""
        if not self.ignored:
            return ""
        names = ", ".join(self.ignored[:_SHOWN]) + ", ..." * (len(self.ignored) > _SHOWN)
        return f"ignored: {len(self.ignored)} of the files in {self.path.resolve().name}: {names}"


def kind_of_name(path: Path) -> FileKind | None:
    """Return whether a file with this name is a picture or a recording, or None."""
    return _KINDS.get(path.suffix.lower())


def list_folder(path: Path) -> FolderContent:
    """List the files in the folder `path`; hidden files and folders are left out.

    Raises `InputError` if there are no pictures or recordings, or both, or if files lie beside the
    folders of classes or deeper than they should.
    """
    folders, files = _entries(path)
    own = [file for file in files if kind_of_name(file)]
    if not folders:
        ignored = [file.name for file in files if not kind_of_name(file)]
        return FolderContent(
            path, _common_kind(path, own, ignored), tuple(own), None, (), tuple(ignored)
        )
    if own:
        raise InputError(
            f"has {count_of(len(folders), 'folder')}, but also files without a class: "
            f"{own[0].name}",
            where=str(path),
            remedy="move each file into the folder of its class",
        )
    ignored = [file.name for file in files]
    by_class = {}
    for folder in folders:
        inner, inside = _entries(folder)
        if inner:
            raise InputError(
                f"holds the folder {inner[0].name}, but should hold the files of a class",
                where=str(folder),
                remedy=f"give the folder that holds the classes, for example --inputs {folder}",
            )
        by_class[folder.name] = [file for file in inside if kind_of_name(file)]
        ignored += [f"{folder.name}/{file.name}" for file in inside if not kind_of_name(file)]
    all_files = tuple(file for group in by_class.values() for file in group)
    kind = _common_kind(path, all_files, ignored)
    labels = np.repeat(np.arange(len(by_class)), [len(group) for group in by_class.values()])
    return FolderContent(path, kind, all_files, labels, tuple(by_class), tuple(ignored))


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in `folder`, sorted by name, without hidden ones."""
    try:
        names = sorted(
            name for name in os.listdir(folder) if not name.startswith((".", "__MACOSX"))
        )
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(folder), remedy=_REMEDY
        ) from error
    if len(names) > _MOST_FILES:
        raise InputError(
            f"holds more than {_MOST_FILES:,} files", where=str(folder), remedy=_REMEDY
        )
    paths = [folder / name for name in names]
    folders = [path for path in paths if path.is_dir()]
    return folders, [path for path in paths if not path.is_dir()]


def _common_kind(path: Path, files: Sequence[Path], ignored: Sequence[str]) -> FileKind:
    """Return the one kind that all `files` in the folder `path` are of; it also has `ignored`."""
    kinds = {kind: file for file in files if (kind := kind_of_name(file))}
    if not kinds:
        others = f", but other files: {', '.join(ignored[:_SHOWN])}" if ignored else ""
        raise InputError(
            f"holds no PNG, JPEG, BMP or WAV files{others}", where=str(path), remedy=_REMEDY
        )
    if len(kinds) > 1:
        names = " and ".join(str(file.relative_to(path)) for file in kinds.values())
        raise InputError(
            f"holds pictures and recordings: {names}",
            where=str(path),
            remedy="give a folder with files of one kind",
        )
    return next(iter(kinds))
