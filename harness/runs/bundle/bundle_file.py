"""The file of a bundle: a zip without compression, whose bytes depend on its contents alone.

Nothing in it is compressed, so nothing in it can be larger than the file itself.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from harness.errors import InputError
from harness.runs.bundle.manifest import MANIFEST, SCHEMA, Manifest
from harness.support import toml_file
from harness.support.file_kind import kind_of
from harness.support.input_file import MAX_BYTES, MAX_TEXT, read_input
from harness.support.zip_members import ENCRYPTED, check_end, content_of, explained_damage

REMEDY = "build it again with harness build --bundle, and copy all of it"

_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)  # no "..", nothing absolute
_LONGEST_NAME = 400


def described(manifest: Manifest) -> bytes:
    """Return the content of `MANIFEST`."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def pack(manifest: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return the bytes of the bundle with the content of `MANIFEST`, and `files` by name."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((MANIFEST, manifest), *sorted(files.items())):
            archive.writestr(zipfile.ZipInfo(name), data)  # dated 1980, wherever it is made
    return target.getvalue()


def read_manifest(data: bytes, path: Path) -> Manifest:
    """Return the manifest in the bytes `data` of the bundle `path`.

    Raises `InputError` if `data` is not a bundle, is damaged, or is one of a newer harness.
    """
    with _opened(data, path) as archive:
        members = _members(archive, path, len(data))
        if MANIFEST not in members:
            _refuse(f"is not a bundle: it has no {MANIFEST}", path)
        if members[MANIFEST].file_size > MAX_TEXT:
            _refuse(f"is damaged: {MANIFEST} has {members[MANIFEST].file_size:,} bytes", path)
        manifest = _parsed(_content(archive, members[MANIFEST], path), path)
    for name in sorted({*manifest.files, *members} - {MANIFEST}):
        if name not in members:
            _refuse("is missing in the bundle", path, name)
        if name not in manifest.files:
            _refuse(f"is not one of the files that {MANIFEST} lists", path, name)
    return manifest


def unpack(data: bytes, manifest: Manifest, path: Path, folder: Path) -> None:
    """Write the files of the bundle `path`, whose bytes are `data`, into `folder`.

    Raises `InputError` if one of them is not what `manifest` describes.
    """
    with _opened(data, path) as archive:
        for name, member in _members(archive, path, len(data)).items():
            content = _content(archive, member, path)
            if name != MANIFEST:
                _check_digest(content, manifest, path, name)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of the bundle `path`; `InputError` if it cannot be read or is too large."""
    return read_input(path, MAX_BYTES, remedy="give a file that harness build --bundle wrote")


def _opened(data: bytes, path: Path) -> zipfile.ZipFile:
    if not data.startswith(b"PK"):
        _refuse(f"is not a bundle: it is {kind_of(data[:4096])}", path)
    file = io.BytesIO(data)
    check_end(file, str(path), "files", REMEDY)
    with explained_damage("is damaged: its list of files cannot be read", str(path), REMEDY):
        return zipfile.ZipFile(file)


def _members(archive: zipfile.ZipFile, path: Path, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name: each is there once, and can be read and written safely."""
    members: dict[str, zipfile.ZipInfo] = {}
    left = size
    for member in archive.infolist():
        name = member.filename
        left -= member.file_size
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            _refuse(f"has a file with the name {name[:80]!r}, which no bundle has", path)
        if name in members:
            _refuse("is in the bundle more than once", path, name)
        if member.flag_bits & ENCRYPTED:
            _refuse("is encrypted", path, name)
        stored = member.compress_type == zipfile.ZIP_STORED
        if not stored or member.file_size != member.compress_size:
            _refuse("is compressed, but nothing in a bundle is", path, name)
        if left < 0:
            _refuse("is damaged: its files are larger than the bundle", path)
        members[name] = member
    return members


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> bytes:
    where = f"{path}: {member.filename}"
    with explained_damage("is damaged: it cannot be unpacked", where, REMEDY):
        return content_of(archive, member)


def _check_digest(content: bytes, manifest: Manifest, path: Path, name: str) -> None:
    entry = manifest.files[name]
    if entry.size != len(content):
        _refuse(f"has {len(content):,} bytes instead of {entry.size:,}", path, name)
    if entry.sha256 != hashlib.sha256(content).hexdigest():
        _refuse(f"is damaged: it does not have the SHA-256 that {MANIFEST} states", path, name)


def _parsed(data: bytes, path: Path) -> Manifest:
    where = path / MANIFEST
    try:
        content: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"is not valid JSON: {error}", where=str(where), remedy=REMEDY) from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        version = str(content.get("harness", "unknown"))[:80]
        raise InputError(
            f"has schema {schema}, of harness {version!a}; this harness reads up to {SCHEMA}",
            where=str(where),
            remedy="install that version of the harness here",
        )
    with not_by_hand():
        return toml_file.convert(content, Manifest, where)


@contextmanager
def not_by_hand() -> Iterator[None]:
    """Give an `InputError` about a key the remedy for a file that nobody writes by hand."""
    try:
        yield
    except InputError as error:
        raise InputError(error.what, where=error.where, remedy=REMEDY) from error


def _refuse(what: str, path: Path, name: str = "") -> NoReturn:
    raise InputError(what, where=f"{path}: {name}" if name else str(path), remedy=REMEDY)
