"""Damaged inputs: files of every kind that the harness reads, changed at random.

Whatever a file holds, its parser returns, or raises a `HarnessError`, in a moment.
"""

import io
import json
import random
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType

import msgspec
import numpy as np
from PIL import Image

from harness.elf import Elf
from harness.engines.registry import find_engine
from harness.engines.tflm.static_library import read_archive
from harness.errors import HarnessError
from harness.harness_toml import read_settings
from harness.image.elf_toolchain import toolchain_of
from harness.image.linker_map import archives
from harness.image.memory_use import memory_use
from harness.image.prebuilt import prebuilt_image
from harness.intake.add_model import DataRequest, read_data
from harness.intake.inputs.sample_blocks import InputOptions
from harness.intake.mlperf_folder import read_folder
from harness.intake.networks.network_file import Network
from harness.intake.readers.csv_file import open_table, read_numbers
from harness.intake.readers.picture_file import read_picture
from harness.intake.readers.wav_file import read_wav
from harness.measure.cycles.calibrate import read_reference
from harness.model.edge_impulse_export import read_export
from harness.model.edge_impulse_features import load_features
from harness.model.folder import load_model
from harness.model.tflite_file import parse
from harness.model.vectors import load_vectors
from harness.results.judge.baseline import Baseline, read_baseline
from harness.results.judge.budgets import KnownNames, read_budgets
from harness.results.record_file import parse_record
from harness.runs.bundle.bundle_file import pack
from harness.support.whole_files import npz
from harness.target.find_target import load_target
from harness.training.convert import load_float
from tests.support.bundles import bundle_with, files_of, use_bundle
from tests.support.graphs import Builder, from_rng, random_graph
from tests.support.models import ROOT
from tests.support.repository import DESCRIPTION
from tests.support.wav import wav_bytes
from tests.support.year import year

SECONDS = 10.0
"""Time of this process that a parser may take; on a busy machine it is not wall time."""

DATA = ROOT / "tests" / "data"
_EXPORT = DATA / "export"

_PROGRAM = """
extern int stack[];
int counter = 3, zeroed;
const unsigned char link_build_id[16];
__attribute__((noreturn)) void reset(void) { for (;;) { counter += zeroed; } }
__attribute__((section(".vectors"), used)) void *const vectors[] = {(void *)0x20001000, reset};
"""
_LAYOUT = """
ENTRY(reset)
SECTIONS {
    .text 0x08000000 : { KEEP(*(.vectors)) *(.text* .rodata*) }
    .data 0x20000000 : AT(ADDR(.text) + SIZEOF(.text)) { *(.data*) }
    .bss : { *(.bss*) }
}
"""
_ARM_ATTRIBUTES = b"aeabi"


@dataclass(frozen=True)
class Parser:
    """A file that the harness reads: `read` reads it at the path `name` in a folder.

    `original` returns a valid content. The files of `beside`, by name, are in the same folder.
    """

    name: str
    original: Callable[[], bytes]
    read: Callable[[Path], object]
    beside: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)


class TooLongError(BaseException):
    """A parser takes too long; no parser catches it."""


@contextmanager
def limited() -> Iterator[None]:
    """Raise `TooLongError` after `SECONDS` of this process's own time."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def try_mutation(parser: Parser, original: bytes, folder: Path, seed: str) -> None:
    """Have `parser` read a damaged `original`; any exception but a `HarnessError` is a defect."""
    for name, content in parser.beside.items():
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content())
    path = folder / parser.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mutated(original, random.Random(seed)))
    with limited(), suppress(HarnessError), np.errstate(all="ignore"):
        parser.read(path)


# Mutations

_WORDS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)
# What breaks readers of text: numbers that are none, deep nesting, other scripts, no text at all.
_TEXTS = (
    *(b"nan", b"inf", b"-1", b"1e400", b"9" * 5000, b"1_000", b"0x", b"true", b"null", b"\xd9\xa3"),
    *(b"[" * 3000, b"{" * 3000, b'"', b"'''", b"\\", b"\0", b"\r", b"\xff\xfe", b"\xef\xbb\xbf"),
    *(b"\xed\xa0\x80", b"\xe2\x80\xae", b"\x1b[2J", b"\\u0000", b"\\ud800", b"%", b",,,", b"\n\n"),
)
# What stands at the start of the structures of zip, .npy and ELF files.
_MARKS = (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"\x93NUMPY", b"\x7fELF", _ARM_ATTRIBUTES, b"TFL3")
_NEAR = 80  # bytes
_OTHERS = (
    b"",
    b"a,b\n1,2\n",
    b"\x80\x04\x95\x0f\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
    b"\x89PNG\r\n\x1a\n" + bytes(64),
    b"RIFF\x24\0\0\0WAVEfmt " + bytes(64),
    b"\x7fELF",
    b"PK\5\6" + bytes(18),
    b"\x93NUMPY\1\0v\0" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(118),
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with one to four changes, or a file of another kind."""
    if rng.random() < 0.02:
        return rng.choice(_OTHERS)
    changed = bytearray(data)
    marks = [at for mark in _MARKS for at in _places(data, mark)]
    tables = _elf_tables(data)
    for _ in range(rng.randint(1, 4)):
        if not changed:
            break
        kind = rng.random()
        if kind < 0.4 and (marks or tables):
            at = rng.choice(tables or marks) if kind < 0.2 else rng.choice(marks or tables)
            at += rng.randrange(_NEAR)
        else:
            at = rng.randrange(len(changed))
        _change(changed, min(at, len(changed) - 1), rng)
    return bytes(changed)


def _change(data: bytearray, at: int, rng: random.Random) -> None:
    kind = rng.randrange(8)
    if kind == 0:
        data[at] = rng.randrange(256)
    elif kind == 1:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 2:
        word = rng.choice((*_WORDS, len(data), rng.randrange(300)))
        data[at & ~3 : (at & ~3) + 4] = word.to_bytes(4, "little")
    elif kind == 3:
        data[at & ~1 : (at & ~1) + 2] = (rng.choice(_WORDS) & 0xFFFF).to_bytes(2, "little")
    elif kind == 4:
        del data[at : at + rng.choice((1, 2, 16, len(data)))]
    elif kind == 5:
        data[at:at] = rng.choice(_TEXTS)
    elif kind == 6:
        data[at:at] = data[at : at + rng.randrange(1, 200)]
    else:
        data[at : at + 8] = rng.randbytes(8)


def _places(data: bytes, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


def _elf_tables(data: bytes) -> list[int]:
    """Return the offsets of an ELF's program headers and section headers."""
    if not data.startswith(b"\x7fELF"):
        return []
    programs, sections = struct.unpack_from("<II", data, 28)
    count = struct.unpack_from("<H", data, 48)[0]
    return [programs, *(sections + 40 * index for index in range(count))]


# Contents and readers


def _network() -> bytes:
    return random_graph(from_rng(np.random.default_rng(3)))


def _generate(path: Path) -> None:
    graph = parse(path.read_bytes(), where=str(path))
    find_engine("cmsis-nn").generate(graph, path.parent / "generated", core="cortex-m4f")


def _small() -> bytes:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    return b.build([source], [b.dense(source, 4)])


def _added() -> Network:
    data = _small()
    return Network(data, parse(data, where="net.tflite"), Path("net.tflite"))


def _vectors() -> bytes:
    return npz(
        {
            "inputs": np.arange(32, dtype=np.int8).reshape(8, 4),
            "labels": np.arange(8) % 4,
            "golden": np.zeros((8, 4), np.int8),
            "golden_source": np.array("tflite-micro 1"),
        }
    )


def _npy() -> bytes:
    content = np.arange(32, dtype="<f4").reshape(8, 4)
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (8, 4), }".ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + content.tobytes()


def _labels() -> bytes:
    head = b"{'descr': '<i8', 'fortran_order': False, 'shape': (8,), }".ljust(117) + b"\n"
    content = (np.arange(8) % 4).astype("<i8").tobytes()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + content


def _read_inputs(path: Path) -> None:
    _add(str(path), str(path.parent / "y.npy"))


def _read_names(path: Path) -> None:
    _add(str(path.parent / "x.npy"), str(path))


def _add(inputs: str, labels: str) -> None:
    options = InputOptions(labels=labels)
    read_data(_added(), DataRequest((inputs,), labels=labels, options=options))


def _table() -> bytes:
    return b"ax,ay,az,at,label\n" + b"1.5,-2,3e1,4,0\n2,1,7,5,1\n" * 4


def _picture(form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 7), (20, 40, 60)).save(file, form)
    return file.getvalue()


def _float() -> bytes:
    return npz({"calibration": np.zeros((2, 4), np.float32), "weights_000": np.ones(3, np.float32)})


def _record() -> bytes:
    return (DATA / "records").glob("*.json").__next__().read_bytes()


def _baseline() -> bytes:
    return msgspec.json.encode(Baseline("for a test", "2026-01-01", next(year(1))))


def _budgets() -> bytes:
    return b'new = "report"\n[[budget]]\nmetric = "flash"\nworse = "512 byte"\nmodel = "digits"\n'


def _read_budgets(path: Path) -> None:
    read_budgets(path, KnownNames({"flash", "accuracy"}, {"digits"}, {"qemu-stm32"}))


def _read_elf(path: Path) -> None:
    elf = Elf(path)
    target = load_target(ROOT / "targets" / "virtual-stm32.toml")
    for use in (
        lambda: elf.sizes(target.memory),
        lambda: elf.locate(0x0800_0010),
        lambda: memory_use(elf),
        lambda: toolchain_of(elf),
        lambda: elf.symbols("reset", "counter"),
        lambda: prebuilt_image(target, path, path.parent / "images"),
    ):
        with suppress(HarnessError):
            use()


def read_map(path: Path) -> str:
    """Read a linker map, and look up an address."""
    return archives(path)(0x0800_0100)


_MAP = b"""
Linker script and memory map
 .text.f  0x0000000008000100  0x20 /opt/lib/libx.a(y.o)
 .text.g  0x0000000008000120  0x10 /opt/lib/libx.a(z.o)
"""


@cache
def _bundle() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small").mkdir()
        (folder / "small" / "model.toml").write_text(DESCRIPTION)
        (folder / "small" / "model.tflite").write_bytes(_small())
        (folder / "small" / "vectors.npz").write_bytes(_vectors())
        target = load_target(ROOT / "targets" / "virtual-stm32.toml")
        return bundle_with(target, folder / "small", folder).read_bytes()


def _bundle_description() -> bytes:
    return json.dumps(files_of(_bundle())[0]).encode()


def _read_description(path: Path) -> None:
    made = path.parent / "made.bundle"
    made.write_bytes(pack(path.read_bytes(), files_of(_bundle())[1]))
    use_bundle(made)


def _file(path: Path) -> Callable[[], bytes]:
    return path.read_bytes


def _export(changed: str) -> Mapping[str, Callable[[], bytes]]:
    """Return the files of the export, without `changed`."""
    return {
        file.relative_to(_EXPORT).as_posix(): file.read_bytes
        for file in sorted(_EXPORT.rglob("*"))
        if file.is_file() and file.relative_to(_EXPORT).as_posix() != changed
    }


def _export_file(name: str) -> Parser:
    def read(path: Path) -> None:
        export = read_export(path.parents[name.count("/")])
        _ = export.digest, export.graph, export.facts()

    return Parser(name, _file(_EXPORT / name), read, _export(name))


_DIGITS = ROOT / "models" / "digits"
_BESIDE_MODEL = {"model.tflite": _small, "vectors.npz": _vectors}

PARSERS: Mapping[str, Parser] = {
    "network": Parser("model.tflite", _network, _generate),
    "vectors": Parser("vectors.npz", _vectors, load_vectors),
    "float.npz": Parser("float.npz", _float, load_float),
    "inputs": Parser("x.npy", _npy, _read_inputs, {"y.npy": _labels}),
    "labels": Parser(
        "y.npy",
        _labels,
        lambda path: _add(str(path.parent / "x.npy"), str(path)),
        {"x.npy": _npy},
    ),
    "table": Parser("x.csv", _table, lambda path: read_numbers(open_table(path))),
    "table of inputs": Parser("x.csv", _table, lambda path: _add(str(path), f"{path}:label")),
    "names": Parser("y.txt", lambda: b"up\ndown\nleft\nright\n" * 2, _read_names, {"x.npy": _npy}),
    "recording": Parser("x.wav", lambda: wav_bytes(bytes(range(64))), read_wav),
    "PNG": Parser("x.png", lambda: _picture("PNG"), read_picture),
    "JPEG": Parser("x.jpg", lambda: _picture("JPEG"), read_picture),
    "BMP": Parser("x.bmp", lambda: _picture("BMP"), read_picture),
    "model.toml": Parser(
        "model.toml",
        _file(_DIGITS / "model.toml"),
        lambda path: load_model(path.parent),
        _BESIDE_MODEL,
    ),
    "target": Parser("mine.toml", _file(ROOT / "targets" / "nucleo-f429zi.toml"), load_target),
    "harness.toml": Parser(
        "harness.toml",
        lambda: b'[engines.tflm]\ndir = "~/tflite-micro"\n',
        lambda path: read_settings(path.parent),
    ),
    "record": Parser("record.json", _record, lambda path: parse_record(path.read_bytes(), "x")),
    "baseline": Parser("baseline.json", _baseline, read_baseline),
    "budgets": Parser("budgets.toml", _budgets, _read_budgets),
    "mlperf labels": Parser(
        "y_labels.csv",
        lambda: b"a.bin,4,1\nb.bin,4,0\n",
        lambda path: read_folder(_added(), path.parent, None),
        {"a.bin": lambda: bytes(4), "b.bin": lambda: bytes(4)},
    ),
    "mlperf bytes": Parser(
        "a.bin",
        lambda: np.arange(4, dtype="<f4").tobytes(),
        lambda path: read_folder(_added(), path.parent, None),
        {"y_labels.csv": lambda: b"a.bin,4,1\n"},
    ),
    "export metadata": _export_file("model-parameters/model_metadata.h"),
    "export labels": _export_file("model-parameters/model_variables.h"),
    "export features": Parser(
        "on.1.txt",
        lambda: b"0.5, -1.25, 0xff00ff, 3e2\n",
        lambda path: load_features(path.parent, ("on", "off")),
    ),
    "bundle": Parser("made.bundle", _bundle, use_bundle),
    "bundle.json": Parser("bundle.json", _bundle_description, _read_description),
    "linker map": Parser("firmware.map", lambda: _MAP, read_map),
    "reference": Parser("cycles.csv", lambda: b"program,cycles\na,100\nb,2e6\n", read_reference),
}


def built(folder: Path) -> Mapping[str, Parser]:
    """Return the parsers of what a compiler writes; empty without the GNU Arm toolchain."""
    if shutil.which("arm-none-eabi-gcc") is None:
        return {}
    (folder / "program.c").write_text(_PROGRAM)
    (folder / "layout.ld").write_text(_LAYOUT)
    for command in (
        "gcc -mcpu=cortex-m4 -mthumb -g -O1 -c program.c -o program.o",
        "gcc -mcpu=cortex-m4 -mthumb -g -nostdlib -T layout.ld program.o -o program.elf",
        "ar rcs program.a program.o",
    ):
        subprocess.run(f"arm-none-eabi-{command}".split(), cwd=folder, check=True, timeout=60)

    return {
        "ELF": Parser("firmware.elf", (folder / "program.elf").read_bytes, _read_elf),
        "static library": Parser("lib.a", (folder / "program.a").read_bytes, read_archive),
    }
