"""Bundles for tests: made without a compiler, damaged as told, and run without one."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from harness.elf import Elf
from harness.errors import InputError
from harness.image.build import Image
from harness.image.toolchain import Toolchain
from harness.model.folder import Model, load_model
from harness.runs.bundle.bundle_file import pack, read_manifest
from harness.runs.bundle.manifest import MANIFEST, FileEntry, Manifest
from harness.runs.bundle.opened_bundle import Bundle, open_bundle
from harness.runs.bundle.write_bundle import BuiltImage, write_bundle
from harness.target.target_file import Target
from harness.workspace import Workspace

ELF = b"\x7fELF that nobody runs"

# What no test of a run from a bundle may need: the packages that build, and those of golden.
_ABSENT = {"cmake", "ninja", "ziglang", "bakenn", "tflite_micro", "ai_edge_litert", "tensorflow"}
_SITE = f"""
import sys
import zipfile

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(_ABSENT)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


def built_image(target: Target, model: Model, folder: Path) -> BuiltImage:
    """Return an image for a bundle, whose ELF is none."""
    elf = folder / "image" / "firmware.elf"
    elf.parent.mkdir(parents=True, exist_ok=True)
    elf.write_bytes(ELF)
    gcc = Toolchain("gcc", Path("gcc"), "gcc 1")
    image = Image(Elf(elf), "0" * 32, "cmsis-nn", "1", gcc, 0, 0, True, 4, 4)
    return BuiltImage(target, model, image)


def bundle_with(target: Target, model: Path, folder: Path) -> Path:
    """Write a bundle with one image into `folder`, and return its path."""
    path = folder / "made.bundle"
    built = built_image(target, load_model(model), folder)
    write_bundle(path, [built], Workspace(folder), print, print)
    return path


def reopened(path: Path) -> Bundle:
    """Open a bundle in the folder that it lies in."""
    return open_bundle(path, Workspace(path.parent))


def use_bundle(path: Path) -> None:
    """Open a bundle, and read all that a run reads before it starts the board."""
    bundle = reopened(path)
    for name in bundle.names("model"):
        model = bundle.model(name)
        model.check(model.graph)
        for entry in bundle.manifest.images:
            toolchain = bundle.toolchain(entry.toolchain.name, entry.toolchain.opt)
            with suppress(InputError):  # the ELF is none
                bundle.image(
                    bundle.target(entry.target), model, entry.engine, toolchain, entry.variant
                )


def files_of(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the description in a bundle as plain values, and its other files by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(files.pop(MANIFEST)), files


def changed(data: bytes, change: Callable[[dict[str, Any], dict[str, bytes]], object]) -> bytes:
    """Return a bundle whose description and files `change` has edited; the digests fit."""
    described, files = files_of(data)
    change(described, files)
    described["files"] = {
        name: msgspec.to_builtins(FileEntry(len(each), hashlib.sha256(each).hexdigest()))
        for name, each in files.items()
    } | {name: entry for name, entry in described["files"].items() if name not in files}
    return pack(json.dumps(described).encode(), files)


def manifest_of(path: Path) -> Manifest:
    return read_manifest(path.read_bytes(), path)


def run_without_compiler(
    folder: Path, *arguments: str, programs: tuple[Path, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run the module and arguments in `folder`, on a machine that has only `programs`.

    There is no compiler, no CMake, no interpreter for golden, and no cache of another run.
    """
    site, path = folder / "site", folder / "bin"
    site.mkdir(exist_ok=True)
    path.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(_SITE)
    for program in programs:
        if not (path / program.name).exists():
            (path / program.name).symlink_to(program)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={
            "HOME": str(folder),
            "PATH": str(path),
            "PYTHONPATH": os.pathsep.join((str(site), str(root))),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
