"""A user's TFLM: where its headers and its library are, what it is, and what it can do."""

import re
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.engines.tflm.static_library import Archive, read_archive
from harness.errors import InputError

LIBRARY = "libtensorflow-microlite.a"
HOW_TO_NAME = "name it with --tflm-dir=DIR, or in harness.toml: [engines.tflm] dir"

_INTERPRETER = Path("tensorflow/lite/micro/micro_interpreter.h")
_RESOLVER = Path("tensorflow/lite/micro/micro_mutable_op_resolver.h")
_SCHEMA = Path("tensorflow/lite/schema/schema_generated.h")
# Where TFLM's own tooling puts what it downloads, and create_tflm_tree.py a copy of it.
_THIRD_PARTY = (Path("tensorflow/lite/micro/tools/make/downloads"), Path("third_party"))
_FLATBUFFERS = Path("flatbuffers/include")
_OTHERS = (Path("gemmlowp"), Path("ruy"))
# `TfLiteStatus AddConv2D(... Register_CONV_2D()) { return AddBuiltin(BuiltinOperator_CONV_2D, ...`
_METHOD = re.compile(
    r"TfLiteStatus (?P<method>Add\w+)\((?P<parameters>[^{]*)\{\s*"
    r"return AddBuiltin\(\s*BuiltinOperator_(?P<kind>\w+),"
)
_REGISTRATION = re.compile(r"\b(?:\w+::)*(Register_\w+)\(")
_WANTED = re.compile(r"FLATBUFFERS_VERSION_(?:MAJOR|MINOR|REVISION) == (\d+)")
_HAVE = re.compile(r"#define FLATBUFFERS_VERSION_(?:MAJOR|MINOR|REVISION) (\d+)")
_CMSIS_NN = "arm_convolve_"  # how the kernels begin that take the reference kernels' place
_GIT_DEADLINE = 20.0  # seconds


@dataclass(frozen=True)
class Method:
    """How an operator is asked for: a method of the resolver, and the kernel it registers."""

    name: str
    registration: str


@dataclass(frozen=True)
class Tree:
    """A TFLM tree with a library that was built in it.

    `kernels` says whose the library has: "cmsis-nn" or "reference". `methods` are by the
    kind of operator, such as "CONV_2D".
    """

    root: Path
    archive: Archive
    includes: tuple[Path, ...]
    kernels: str
    revision: str
    methods: dict[str, Method]

    @property
    def version(self) -> str:
        """The tree's commit, or its library's digest, and the kernels."""
        return f"tflm {self.revision} ({self.kernels} kernels)"

    @property
    def headers(self) -> tuple[Path, ...]:
        """What the adapter includes directly."""
        return tuple(self.root / path for path in (_INTERPRETER, _RESOLVER, _SCHEMA))

    def check_kernel(self, kind: str) -> Method:
        """Return how operator `kind` is asked for; `InputError` if there is no kernel for it."""
        method = self.methods.get(kind)
        if method is None:
            raise InputError(f"this TFLM knows no operator {kind}", where=str(self.root))
        if not any(method.registration in name for name in self.archive.symbols):
            raise InputError(
                f"has no kernel for {kind}: tflite::{method.registration} is not in it",
                where=str(self.archive.path),
                remedy="build the library with the kernel's source, or all of them",
            )
        return method


def find_tree(directory: Path | None) -> Tree:
    """Return the tree in or around `directory`, with the library that is in `directory`.

    So one of several libraries of a tree is chosen by naming the folder it was built in.
    Raises `InputError` if there is no such tree or library, or its parts do not fit.
    """
    if directory is None:
        raise InputError("engine tflm needs a TFLM tree with its library built", remedy=HOW_TO_NAME)
    if not directory.is_dir():
        raise InputError("is no folder", where=str(directory), remedy=HOW_TO_NAME)
    directory = directory.resolve()
    root = next(
        (folder for folder in (directory, *directory.parents) if (folder / _INTERPRETER).is_file()),
        None,
    )
    if root is None:
        raise InputError(
            f"is in no TFLM tree: there is no {_INTERPRETER}",
            where=str(directory),
            remedy=HOW_TO_NAME,
        )
    third_party = _third_party(root)
    _check_flatbuffers(root, third_party)
    archive = read_archive(_library(directory))
    cmsis_nn = any(name.startswith(_CMSIS_NN) for name in archive.symbols)
    return Tree(
        root=root,
        archive=archive,
        includes=(root, third_party / _FLATBUFFERS, *(third_party / name for name in _OTHERS)),
        kernels="cmsis-nn" if cmsis_nn else "reference",
        revision=_revision(root, archive.path),
        methods=_methods(root / _RESOLVER),
    )


def _library(directory: Path) -> Path:
    found = sorted(directory.rglob(LIBRARY))
    if not found:
        raise InputError(
            f"has no {LIBRARY} below it",
            where=str(directory),
            remedy="build it: make -f tensorflow/lite/micro/tools/make/Makefile "
            "TARGET=cortex_m_generic TARGET_ARCH=cortex-m4+fp OPTIMIZED_KERNEL_DIR=cmsis_nn "
            "microlite",
        )
    if len(found) > 1:
        raise InputError(
            f"has {len(found)} libraries below it: "
            + ", ".join(str(path.relative_to(directory).parent) for path in found),
            where=str(directory),
            remedy="name the folder of one of them: --tflm-dir=" + str(found[0].parent),
        )
    return found[0]


def _third_party(root: Path) -> Path:
    for folder in _THIRD_PARTY:
        if (root / folder / _FLATBUFFERS / "flatbuffers/flatbuffers.h").is_file():
            return root / folder
    raise InputError(
        "there is no flatbuffers/include in "
        + " or ".join(folder.as_posix() for folder in _THIRD_PARTY),
        where=str(root),
        remedy="let TFLM's Makefile download it, or make the tree by create_tflm_tree.py",
    )


def _check_flatbuffers(root: Path, third_party: Path) -> None:
    """The schema's header asserts one version of flatbuffers; say so before a compiler does."""
    wanted = _WANTED.findall((root / _SCHEMA).read_text(errors="replace"))
    base = third_party / _FLATBUFFERS / "flatbuffers/base.h"
    have = _HAVE.findall(base.read_text(errors="replace")) if base.is_file() else []
    if wanted and have and wanted != have:
        raise InputError(
            f"is flatbuffers {'.'.join(have)}, but this TFLM's schema was made by "
            f"{'.'.join(wanted)}",
            where=str(base),
            remedy=f"put flatbuffers {'.'.join(wanted)} there, as TFLM's Makefile does",
        )


def _methods(header: Path) -> dict[str, Method]:
    methods: dict[str, Method] = {}
    for found in _METHOD.finditer(header.read_text(errors="replace")):
        registration = _REGISTRATION.search(found["parameters"])
        name = registration[1] if registration else f"Register_{found['kind']}"
        methods.setdefault(found["kind"], Method(found["method"], name))
    if not methods:
        raise InputError(
            "names no operators in a way that is known here",
            where=str(header),
            remedy="use a TFLM of 2023 or newer",
        )
    return methods


def _revision(root: Path, library: Path) -> str:
    """Return the tree's commit where it is a checkout, else the library's digest."""
    if (root / ".git").exists():
        said = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=10", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_GIT_DEADLINE,
            check=False,
        )
        if said.returncode == 0:
            return said.stdout.strip()
    return f"library {sha256(library.read_bytes()).hexdigest()[:10]}"
