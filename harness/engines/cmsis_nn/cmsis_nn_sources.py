"""The CMSIS-NN sources: their location, their release, and the files that a model needs."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path

from harness.errors import InputError

ENVIRONMENT = "CMSIS_NN_DIR"
_HEADER = Path("Include", "arm_nnfunctions.h")

# The sources contain no release number, only the revision of this header.
_RELEASES = {
    "V.11.2.0": "4.0.0",
    "V.11.3.0": "4.1.0",
    "V.12.4.0": "5.0.0",
    "V.16.0.0": "6.0.0",
    "V.18.0.0": "7.0.0",
}
# Kernels of other types, which the int8 kernels never call.
_FOREIGN = ("_f16", "_f32", "_flt", "_s4")


@dataclass(frozen=True)
class SourceTree:
    """A CMSIS-NN source tree; `core_include` is the folder of CMSIS-Core, if it needs that."""

    root: Path
    revision: str
    origin: str
    core_include: Path | None

    @property
    def version(self) -> str:
        """The release and its origin: "cmsis-nn 4.0.0 (bakenn 1.0.0)"."""
        return f"cmsis-nn {_RELEASES.get(self.revision, self.revision)} ({self.origin})"

    @cached_property
    def kernel_sums(self) -> int:
        """Number of parameters of `arm_vector_sum_s8`; 0 if the function does not exist."""
        header = _without_comments(_read(self.root / _HEADER))
        match = re.search(r"arm_vector_sum_s8\(([^)]*)\)", header)
        return len(match[1].split(",")) if match else 0

    def sources(self, functions: Iterable[str]) -> list[Path]:
        """Return the files that define `functions` and all functions that they call in turn.

        An exact list instead of whole folders: releases differ in their helper files, and newer
        ones have ten times as many files as a model needs. A missing function raises `InputError`
        here, before the linker reports it.
        """
        defined, used = _index(self.root)
        todo, files = list(functions), set[Path]()
        for name in todo:
            if name not in defined:
                raise InputError(
                    f"no file in Source defines {name}",
                    where=str(self.root),
                    remedy="use CMSIS-NN 4.0.0 to 7.0.0",
                )
        while todo:
            file = defined.get(todo.pop())
            if file is not None and file not in files:
                files.add(file)
                todo.extend(used[file])
        return sorted(files)


def find_tree(directory: Path | None = None) -> SourceTree:
    """Return the tree at `directory`; by default that at $CMSIS_NN_DIR or in the bakenn wheel.

    Raises `InputError` if there is none, or it is not a CMSIS-NN tree.
    """
    if directory is None and os.environ.get(ENVIRONMENT):
        directory = Path(os.environ[ENVIRONMENT])
    if directory is not None:
        return _tree(directory.absolute(), "CMSIS_NN_DIR")
    vendor = _vendored()
    if vendor is None:
        raise InputError(
            "there are no CMSIS-NN sources",
            remedy=f"install bakenn, or set {ENVIRONMENT} to a CMSIS-NN tree",
        )
    return _tree(vendor / "cmsis_nn", f"bakenn {package_version('bakenn')}")


def _vendored() -> Path | None:
    """Return the vendor folder in the bakenn wheel, without importing bakenn, a compiler."""
    spec = find_spec("bakenn")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "backend" / "cmsis_nn" / "vendor"


def _tree(root: Path, origin: str) -> SourceTree:
    header = root / _HEADER
    if not header.is_file() or not (root / "Source").is_dir():
        raise InputError(
            f"is not a CMSIS-NN tree: {_HEADER} or Source is missing",
            where=str(root),
            remedy=f"set {ENVIRONMENT} to the folder that contains Include and Source",
        )
    match = re.search(r"\$Revision:\s*(V\.\d+\.\d+\.\d+)", _read(header))
    if match is None or "arm_convolve_wrapper_s8" not in _read(header):
        raise InputError(
            "is not CMSIS-NN 4 or newer: no revision, or no arm_convolve_wrapper_s8",
            where=str(header),
            remedy="use CMSIS-NN 4.0.0 to 7.0.0",
        )
    return SourceTree(root, match[1], origin, _core_include(root))


def _core_include(root: Path) -> Path | None:
    """Return the folder of `cmsis_compiler.h`, which releases before 5 include."""
    if "cmsis_compiler.h" not in _read(root / "Include" / "arm_nn_math_types.h"):
        return None
    vendor = _vendored()
    folders = [
        root.parent / "cmsis_core" / "Include",
        root.parent / "Core" / "Include",
        *([vendor / "cmsis_core" / "Include"] if vendor else []),
    ]
    for folder in folders:
        if (folder / "cmsis_compiler.h").is_file():
            return folder
    raise InputError(
        "this release needs cmsis_compiler.h of CMSIS-Core, which was not found",
        where=str(root),
        remedy="install bakenn, which contains it, or put CMSIS-Core into ../Core",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


# A definition starts in the first column and has a body.
_DEFINITION = re.compile(r"^(?!static\b)[A-Za-z_][\w \t*]*?\b(arm_\w+)\s*\([^;{}]*\)\s*\{", re.M)
_NAME = re.compile(r"\barm_\w+")


@lru_cache(maxsize=8)
def _index(root: Path) -> tuple[dict[str, Path], dict[Path, frozenset[str]]]:
    """Return the file that defines each function, and the function names that each file uses."""
    defined: dict[str, Path] = {}
    used: dict[Path, frozenset[str]] = {}
    for file in sorted((root / "Source").rglob("*.c")):
        if file.stem.endswith(_FOREIGN):
            continue
        text = _without_comments(_read(file))
        used[file] = frozenset(_NAME.findall(text))
        for name in _DEFINITION.findall(text):
            defined.setdefault(name, file)
    return defined, used
