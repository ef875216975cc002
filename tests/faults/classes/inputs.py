"""Faults of input files: damaged at random, of another kind, endless, or no files at all."""

import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.faults.case import Case
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.support.mutations import PARSERS, Parser, TooLongError, built, try_mutation

_MUTATIONS = 200  # of each kind of file, in each trial
_SPARSE = 10 << 30  # bytes
_BOMB = 1 << 30  # bytes after decompression
_USAGE = 2


@fault(seeds=20)
def files_are_damaged(case: Case) -> None:
    parsers = {**PARSERS, **built(case.temporary)}
    case.tally.tried = _MUTATIONS * len(parsers)
    for name, parser in parsers.items():
        _damage(case, name, parser)


def _damage(case: Case, name: str, parser: Parser) -> None:
    original = parser.original()
    folder = case.root / "damaged" / name.replace(" ", "-")
    for _ in range(_MUTATIONS):
        seed = f"{name}/{case.random.random()}"
        try:
            try_mutation(parser, original, folder, seed)
        except TooLongError:
            case.found(Kind.HANG, seed)
        except Exception as error:
            case.found(Kind.UNCLEAR_ERROR, f"{seed}: {error!r}")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        before = Path.cwd()
        os.chdir(path.parent)  # the path of a socket has at most 108 characters
        try:
            unix.bind(path.name)
        finally:
            os.chdir(before)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(_SPARSE)


_NO_FILES: tuple[Callable[[Path], None], ...] = (_fifo, _socket, _endless, _sparse, Path.mkdir)


@fault()
def no_file_is_where_one_belongs(case: Case) -> None:
    model = case.root / "models" / "mine"
    uses = {
        model / "model.toml": ("run", "--model=./models/mine"),
        model / "model.tflite": ("models", "show", "./models/mine/model.tflite"),
        model / "x.npy": ("models", "add", "n.tflite", "--inputs", str(model / "x.npy"), *_LABELS),
        case.root / "targets" / "mine.toml": ("run", "--target=mine"),
        case.root / "harness.toml": ("list", "engines"),
        case.root / "firmware.elf": ("run", "--elf=firmware.elf", "--model=anomaly"),
        case.root / "record.json": ("compare", "record.json", "record.json"),
    }
    case.tally.tried = len(uses) * len(_NO_FILES)
    (case.root / "n.tflite").write_bytes(PARSERS["network"].original())
    for path, command in uses.items():
        for make in _NO_FILES:
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
            case.harness(*command, ends=(_USAGE,))
            path.rmdir() if path.is_dir() else path.unlink()


_LABELS = ("--labels", "y.npy")


@fault()
def an_archive_is_a_bomb(case: Case) -> None:
    path = case.root / "models" / "mine" / "vectors.npz"
    path.parent.mkdir(parents=True)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("inputs.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(
            member, {"descr": "|i1", "fortran_order": False, "shape": (_BOMB // 640, 640)}
        )
        for _ in range(_BOMB // (1 << 20)):
            member.write(bytes(1 << 20))
    bundled = Path(__file__).parents[3] / "models" / "anomaly"
    for name in ("model.toml", "model.tflite"):
        (path.parent / name).write_bytes((bundled / name).read_bytes())
    case.harness("run", "--model=./models/mine", ends=(_USAGE,))
