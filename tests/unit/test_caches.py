"""Caches are believed by their contents; temporary files are gone with their process."""

import errno
import hashlib
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from harness.engines.tflm.static_library import read_archive
from harness.errors import InfrastructureError, InputError
from harness.golden import edge_impulse_golden, oracle
from harness.model.folder import Model, load_model
from harness.support import checked_cache
from harness.support.checked_cache import DIGESTS, is_valid, provide
from harness.support.owned_temporary import sweep, temporary_file, temporary_folder
from harness.support.whole_files import create_folder, replace_files
from tests.support.full_disk import file_size
from tests.support.graphs import Builder

ROOT = Path(__file__).parents[2]
KEY = "all inputs"
CONTENTS = {"a.bin": b"first" * 500, "folder/b.txt": b"second"}


def make(folder: Path) -> None:
    for name, data in CONTENTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)


def contents(entry: Path) -> dict[str, bytes]:
    files = (path for path in entry.rglob("*") if path.is_file() and path.name != DIGESTS)
    return {path.relative_to(entry).as_posix(): path.read_bytes() for path in files}


# Entries


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    entry = tmp_path / "cache" / "entry"
    warnings: list[str] = []
    assert not provide(entry, KEY, make, warnings.append)
    before = (entry / "a.bin").stat()
    assert provide(entry, KEY, make, warnings.append)
    assert (entry / "a.bin").stat() == before
    assert warnings == []
    assert [path.name for path in entry.parent.iterdir()] == ["entry"]


def test_an_entry_that_nobody_used_for_long_is_removed(tmp_path: Path) -> None:
    def make(name: str) -> None:
        provide(tmp_path / name, name, lambda folder: (folder / "text").write_text(name))

    make("used")
    make("unused")
    foreign = tmp_path / "of somebody else"
    foreign.mkdir()
    for folder in tmp_path.iterdir():
        os.utime(folder, (0, time.time() - checked_cache.UNUSED - 10))
    assert is_valid(tmp_path / "used", "used")
    make("new")
    assert {path.name for path in tmp_path.iterdir()} == {"used", "new", "of somebody else"}


def test_an_entry_of_other_inputs_is_not_believed(tmp_path: Path) -> None:
    entry = tmp_path / "entry"
    provide(entry, KEY, make)
    warnings: list[str] = []
    assert not is_valid(entry, f"{KEY} and more", warnings.append)
    assert warnings == [
        f"{entry}: was made by another version or from other inputs; it is made again"
    ]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_damaged_is_made_again(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    entry = tmp_path / "entry"
    provide(entry, KEY, make)
    file = dice.choice([entry / "a.bin", entry / "folder" / "b.txt", entry / DIGESTS])
    data = bytearray(file.read_bytes())
    match dice.randrange(6):
        case 0:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        case 1:
            del data[dice.randrange(len(data)) :]
        case 2:
            data[:] = bytes(len(data))
        case 3:
            data += b"more"
        case 4:
            data[:] = dice.randbytes(len(data))
        case 5:
            data.clear()
    changed = bytes(data) != file.read_bytes()
    file.write_bytes(data)
    warnings: list[str] = []
    valid = provide(entry, KEY, make, warnings.append)
    assert contents(entry) == CONTENTS
    assert changed
    # White space at the end of the digests changes nothing.
    assert valid == (not warnings)
    assert provide(entry, KEY, make)


def test_processes_that_make_the_same_entry_agree(tmp_path: Path) -> None:
    entry = tmp_path / "entry"
    entry.mkdir()
    (entry / DIGESTS).write_text("damaged")
    code = (
        "import sys; from pathlib import Path; from tests.unit.test_caches import *\n"
        "entry = Path(sys.argv[1])\n"
        "for _ in range(30):\n"
        "    provide(entry, KEY, make, lambda _: None)\n"
        "    assert contents(entry) == CONTENTS\n"
        "    if sys.argv[2] == '0': (entry / 'a.bin').unlink(missing_ok=True)\n"
    )
    command = [sys.executable, "-c", code, str(entry)]
    makers = [subprocess.Popen([*command, "1"], cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    for maker in makers:
        assert maker.communicate(timeout=60)[1] == b""
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_what_takes_long_is_made_by_one_of_several(tmp_path: Path) -> None:
    entry, made, waits = tmp_path / "entry", [], threading.Event()

    def make_slowly() -> None:
        made.append(entry)
        assert waits.wait(60)
        with temporary_folder(tmp_path) as staging:
            make(staging)
            checked_cache.keep(staging, entry, KEY)

    def once() -> bool:
        return checked_cache.make_once(entry, KEY, make_slowly, waits.set)

    with ThreadPoolExecutor() as pool:
        cached = sorted(future.result() for future in [pool.submit(once) for _ in range(2)])
    assert cached == [False, True]
    assert made == [entry]


def test_an_entry_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    entry = tmp_path / "entry"

    def make_slowly(folder: Path) -> None:
        make(folder)
        provide(entry, KEY, make)  # another process is faster
        (entry / "mark").touch()

    provide(entry, KEY, make_slowly)
    assert (entry / "mark").exists()


# Temporary files


def test_a_temporary_disappears_with_its_owner(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from harness.support.owned_temporary import temporary_file, temporary_folder\n"
        "with temporary_file(Path(sys.argv[1])) as (_, file):\n"
        "    with temporary_folder(Path(sys.argv[1])) as folder:\n"
        "        (folder / 'inner').mkdir()\n"
        "        print(flush=True)\n"
        "        sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 2
        sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 2  # the owner still runs
        owner.kill()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_removes_only_what_is_ours(tmp_path: Path) -> None:
    (tmp_path / ".build-abc123").mkdir()
    (tmp_path / ".abc123.harness.partial").mkdir()
    (tmp_path / ".download.partial").touch()
    (tmp_path / "report.harness.partial").touch()
    os.mkfifo(tmp_path / ".fifo.harness.partial")
    (tmp_path / ".link.harness.partial").symlink_to(tmp_path / ".download.partial")
    sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left >= {".download.partial", "report.harness.partial", ".build-abc123"}
    assert ".abc123.harness.partial" not in left
    sweep(tmp_path, ".build-*")
    assert not (tmp_path / ".build-abc123").exists()


def test_a_sweep_that_is_faster_than_the_lock_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = os.open
    removed: list[str] = []

    def opened(path: str, *arguments: int, **options: int) -> int:
        descriptor = lock(path, *arguments, **options)
        if not removed:
            removed.append(path)
            Path(path).rmdir()
        return descriptor

    monkeypatch.setattr(os, "open", opened)
    with temporary_folder(tmp_path) as folder:
        assert folder.is_dir()
        assert str(folder) != str(removed[0])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_no_wrong_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.csv").write_text("before")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InfrastructureError, match=os.strerror(number)) as caught:
        replace_files(tmp_path, {"a.csv": b"after"})
    assert caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "before"


def test_a_place_that_cannot_be_written_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written: File exists"):
        replace_files(tmp_path / "file", {"a": b""})
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        replace_files(tmp_path, {"a" * 300: b""})
    with pytest.raises(InputError, match="already exists"):
        create_folder(tmp_path / "file", {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("limit", [0, 1, 100, 1000])
def test_a_disk_that_is_full_in_the_middle_leaves_what_was(tmp_path: Path, limit: int) -> None:
    replace_files(tmp_path, {"a": b"old", "b": b"old"})
    with file_size(limit), pytest.raises(InfrastructureError, match="File too large"):
        replace_files(tmp_path, {"a": b"new", "b": b"new" * 1000})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"old",
        "b": b"old",
    }
    with file_size(limit), pytest.raises(InfrastructureError, match="File too large"):
        create_folder(tmp_path / "new", {"a": b"new" * 1000})
    with file_size(limit), pytest.raises(OSError, match="File too large"):
        provide(tmp_path / "entry", KEY, make)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


# Golden outputs


@pytest.fixture
def model(tmp_path: Path) -> Model:
    folder = tmp_path / "models" / "small"
    b = Builder()
    source = b.activation((1, 3), 0.1, 0)
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "data" / "models" / "valid.toml", folder / "model.toml")
    (folder / "model.tflite").write_bytes(b.build([source], [b.dense(source, 2)]))
    inputs = np.arange(12, dtype=np.int8).reshape(4, 3)
    np.savez(folder / "vectors.npz", inputs=inputs, labels=np.zeros(4, int))
    return load_model(folder)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let golden be ones, without TFLM; return the list of computations."""
    calls: list[str] = []

    def compute(inputs: object, starts: object) -> list[np.ndarray]:
        calls.append("computed")
        return [np.ones((4, 2), np.int8)]

    monkeypatch.setattr(oracle, "_oracle", lambda *_: ("an oracle 1.0", compute))
    return calls


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-30] ^= 1
    file.write_bytes(data)


def zeros(file: Path) -> None:
    with file.open("wb") as opened:
        np.savez(opened, np.zeros((4, 2), np.int8))


def junk(file: Path) -> None:
    file.write_bytes(b"PK\3\4 junk")


def folder_in_place(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [flip, zeros, junk, Path.unlink, folder_in_place])
def test_damaged_golden_is_computed_again(
    model: Model, tmp_path: Path, computed: list[str], damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "golden"
    warnings: list[str] = []

    def golden() -> np.ndarray:
        (outputs,), source = oracle.of_model(
            model, model.vectors, folder, lambda _: None, warnings.append
        )
        assert source == "an oracle 1.0"
        return outputs

    golden()
    golden()
    assert computed == ["computed"]
    (entry,) = folder.iterdir()
    damage(entry / "outputs.npz")
    assert (golden() == 1).all()
    assert computed == ["computed"] * 2
    assert warnings == [
        f"{entry}: 'outputs.npz' is damaged, missing or was changed; it is made again"
    ]
    assert (golden() == 1).all()
    assert computed == ["computed"] * 2


def test_golden_that_cannot_be_kept_is_explained(
    model: Model, tmp_path: Path, computed: list[str]
) -> None:
    (tmp_path / "golden").touch()
    with pytest.raises(InfrastructureError, match="golden outputs cannot be kept"):
        oracle.of_model(model, model.vectors, tmp_path / "golden", lambda _: None)


def test_a_damaged_host_program_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Export:
        graph = None
        digest = "0" * 64
        continuous = False

    class Engine:
        def generate(self, graph: object, folder: Path, *, core: str) -> object:
            class Generated:
                sources = ()

            return Generated()

    def build(staging: Path, *_: object) -> None:
        (staging / "build").mkdir()
        (staging / "build" / "firmware.elf").write_bytes(b"the program")

    monkeypatch.setattr(edge_impulse_golden, "EdgeImpulse", Engine)
    monkeypatch.setattr(edge_impulse_golden, "version", lambda: "a compiler")
    monkeypatch.setattr(edge_impulse_golden, "_build", build)
    program = edge_impulse_golden._program(Export(), tmp_path)  # type: ignore[arg-type]
    program.write_bytes(b"the progran")
    again = edge_impulse_golden._program(Export(), tmp_path)  # type: ignore[arg-type]
    assert again == program
    assert program.read_bytes() == b"the program"
    assert list(tmp_path.iterdir()) == [program.parent]


# Libraries


def test_a_library_that_is_built_again_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lib.a"
    path.write_bytes(b"first")
    monkeypatch.setattr(
        "harness.engines.tflm.static_library._parsed",
        lambda _, data: hashlib.sha256(data).hexdigest(),
    )
    first = read_archive(path)
    status = path.stat()
    path.write_bytes(b"later")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read_archive(path) != first
    path.unlink()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_archive(path)


def test_a_temporary_file_stays_if_it_was_renamed(tmp_path: Path) -> None:
    with temporary_file(tmp_path) as (path, file):
        file.write(b"data")
        path.rename(tmp_path / "final")
    assert (tmp_path / "final").read_bytes() == b"data"
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "final").stat().st_mode & 0o777 == 0o666 & ~umask


def test_an_entry_that_others_rewrite_for_ever_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = tmp_path / "entry"
    entry.mkdir()
    (entry / "junk").touch()
    monkeypatch.setattr(checked_cache, "discard", lambda _: time.sleep(0))
    with pytest.raises(OSError, match="again and again"):
        provide(entry, KEY, make, lambda _: None)
