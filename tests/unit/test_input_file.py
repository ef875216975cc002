"""What is read from people: regular files of a limited size, and NumPy's files without trust."""

import io
import os
import pickle
import re
import socket
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.elf import Elf
from harness.errors import InputError
from harness.harness_toml import read_settings
from harness.intake.networks.network_file import read_network
from harness.model.vectors import load_vectors
from harness.results.judge.baseline import read_baseline
from harness.support.array_file import read_npy, read_npz
from harness.support.input_file import MAX_BYTES, read_input
from harness.target.find_target import load_target

REMEDY = "save it again"


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    assert "allow_pickle" not in str(caught.value)
    return str(caught.value)


# Files


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(path.name)
    os.chdir(before)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 << 30)


NO_FILES = {
    "a FIFO": fifo,
    "a socket": unix_socket,
    "a device": endless,
    "10,240 MiB": sparse,
}
READERS: dict[str, Callable[[Path], object]] = {
    "any": read_input,
    "target": load_target,
    "network": read_network,
    "vectors": load_vectors,
    "baseline": read_baseline,
    "inputs": lambda path: read_npy(path, remedy=REMEDY),
    "ELF": lambda path: Elf(path).segments(),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", NO_FILES)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_not_waited_for(what: str, reader: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    NO_FILES[what](path)
    text = refused(lambda: READERS[reader](path))
    assert text.startswith(f"{path}: is not a regular file of at most ")
    assert f": it {'has' if 'MiB' in what else 'is'} {what}" in text


def test_settings_that_are_no_file_are_not_ignored(tmp_path: Path) -> None:
    path = tmp_path / "harness.toml"
    path.symlink_to("nowhere")
    assert "No such file" in refused(lambda: read_settings(tmp_path))
    path.unlink()
    fifo(path)
    assert "it is a FIFO" in refused(lambda: read_settings(tmp_path))


def test_a_file_that_grows_while_it_is_read_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "input"
    path.write_bytes(bytes(100))
    assert read_input(path, 100) == bytes(100)
    before = os.stat_result([*os.stat(path)[:6], 50, *os.stat(path)[7:]])
    monkeypatch.setattr(os, "fstat", lambda _: before)
    assert "it is larger" in refused(lambda: read_input(path, 99))


def test_the_place_to_mend_may_be_another_file(tmp_path: Path) -> None:
    path = tmp_path / "input"
    text = refused(lambda: read_input(path, where="model.toml: model", remedy="put it there"))
    assert text == (
        f"model.toml: model: {path} cannot be read: No such file or directory\n  -> put it there"
    )


def test_a_name_with_a_null_byte_is_no_file() -> None:
    assert "null byte" in refused(lambda: read_input(Path("a\0b")))


# NumPy's files


def npy(header: str, content: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + content


def described(descr: str, shape: str, *, fortran: bool = False) -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


BAD_ARRAYS = {
    "huge": (npy(described("'<f4'", f"({1 << 40}, {1 << 40})")), "is damaged: it declares"),
    "negative": (npy(described("'<f4'", "(-1,)")), "is damaged: it declares"),
    "more than there is": (npy(described("'|i1'", "(9,)"), bytes(8)), "but holds 8"),
    "less than there is": (npy(described("'|i1'", "(7,)"), bytes(8)), "but holds 8"),
    "too many sides": (npy(described("'|i1'", str((1,) * 70)), b"\0"), "is damaged"),
    "no size": (npy(described("'<U0'", "(5,)")), "is damaged"),
    "objects": (npy(described("'|O'", "(1,)"), pickle.dumps([1])), "holds Python objects"),
    "a structure": (npy(described("[('a', '<i4')]", "(1,)"), bytes(4)), "holds values of type"),
    "code": (npy("__import__('os').system('true')"), "its header is not that of an .npy file"),
    "deep": (npy("(" * 5000), "its header is not that of an .npy file"),
    "null bytes": (npy("\0" * 64), "its header is not that of an .npy file"),
    "no quote": (npy("{'descr': '<f4"), "its header is not that of an .npy file"),
    "version": (npy(described("'|i1'", "(1,)"), b"\0", b"\x09\0"), "its header is not"),
    "cut off": (npy(described("'|i1'", "(1,)"))[:20], "its header is not"),
}


@pytest.mark.parametrize("rule", BAD_ARRAYS)
def test_an_array_that_is_none_is_refused(rule: str, tmp_path: Path) -> None:
    data, what = BAD_ARRAYS[rule]
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    assert what in refused(lambda: read_npy(path, remedy=REMEDY))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"1,2,3\n4,5,6\n", "a text file"),
        ("größer\n".encode(), "a text file"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a WAV recording"),
        (pickle.dumps({"x": 1}), "a Python pickle"),
        (b"PK\3\4", "a zip or .npz file"),
        (b"\x1c\0\0\0TFL3", "a .tflite file"),
        (b"", "empty"),
        (bytes(range(256)), "a file of an unknown kind"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(
    content: bytes, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert refused(lambda: read_npy(path, remedy=REMEDY)) == (
        f"{path}: is not an .npy file of plain numbers: it is {kind}\n  -> {REMEDY}"
    )


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (4, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "|i1", "<i8", "<U5", "|b1"])
def test_an_array_is_read_as_numpy_reads_it(
    order: str, shape: tuple[int, ...], dtype: str, tmp_path: Path
) -> None:
    array = np.arange(int(np.prod(shape)) or 1)[: int(np.prod(shape))].reshape(shape)
    path = tmp_path / "x.npy"
    np.save(path, np.asarray(array.astype(dtype), order=order))  # type: ignore[call-overload]
    ours, theirs = read_npy(path, remedy=REMEDY), np.load(path)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert (ours == theirs).all()


def anything(name: str) -> None:
    """Accept every name."""


def archive(path: Path, method: int = zipfile.ZIP_DEFLATED, **arrays: object) -> bytes:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, array in arrays.items():
            held = io.BytesIO()
            np.save(held, np.asarray(array))
            file.writestr(f"{name}.npy", held.getvalue())
    return path.read_bytes()


def test_arrays_are_read_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        archive(path, method, a=np.arange(3), b=np.array("text"))
        arrays = read_npz(path, anything, remedy=REMEDY)
        assert arrays["a"].tolist() == [0, 1, 2]
        assert str(arrays["b"]) == "text"


@pytest.mark.parametrize(
    ("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")]
)
def test_another_compression_is_named(method: int, name: str, tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    archive(path, method, a=np.arange(3))
    assert f"{path}: a: is compressed with {name}" in refused(
        lambda: read_npz(path, anything, remedy=REMEDY)
    )


def changed(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    at = data.index(mark) + offset
    return data[:at] + value + data[at + len(value) :]


# Fields of a member in the zip's directory, and what is wrong with their values.
BAD_MEMBERS = {
    "encrypted": (8, struct.pack("<H", 1), "a: is encrypted"),
    "unknown method": (10, struct.pack("<H", 99), "a: is compressed with method 99"),
    "shorter": (24, struct.pack("<I", 140), "a: is damaged"),
    "longer": (24, struct.pack("<I", 1 << 20), "a: is damaged"),
    "huge": (24, struct.pack("<I", 0xF000_0000), "3,840 MiB after decompression"),
    "elsewhere": (42, struct.pack("<I", 1 << 30), "a: is damaged"),
    "newer zip": (6, struct.pack("<H", 99), "is damaged"),
}


@pytest.mark.parametrize("rule", BAD_MEMBERS)
def test_a_zip_that_lies_is_refused(rule: str, tmp_path: Path) -> None:
    offset, value, what = BAD_MEMBERS[rule]
    path = tmp_path / "v.npz"
    path.write_bytes(changed(archive(path, a=np.arange(3)), b"PK\1\2", offset, value))
    assert what in refused(lambda: read_npz(path, anything, remedy=REMEDY))


def test_an_unknown_name_is_refused_before_anything_is_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vectors.npz"
    archive(path, a=np.arange(3))
    monkeypatch.delattr(zipfile.ZipFile, "open")
    assert "a: is an unknown array" in refused(lambda: load_vectors(path))


def test_what_a_zip_holds_in_all_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in "ab":
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                for _ in range((MAX_BYTES >> 21) + 1):
                    member.write(bytes(1 << 20))
    assert "MiB after decompression" in refused(lambda: read_npz(path, anything, remedy=REMEDY))


def test_a_zip_of_very_many_members_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(20_000):
            file.writestr(f"{number}.npy", b"")
    assert "too many members" in refused(lambda: read_npz(path, anything, remedy=REMEDY))


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    archive(path, a=np.arange(3))
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("a.npy", b"")
    assert "a: is in the file more than once" in refused(
        lambda: read_npz(path, anything, remedy=REMEDY)
    )


def test_a_member_that_is_no_array_is_named(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")
    assert re.search(
        "readme.txt: is not an .npy file", refused(lambda: read_npz(path, anything, remedy=REMEDY))
    )
