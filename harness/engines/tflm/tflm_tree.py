"""The user's TFLM tree: its headers, its library, its version and its operators."""

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
# Downloads of TFLM's own Makefile, and the copy of them that create_tflm_tree.py makes.
_THIRD_PARTY = (Path("tensorflow/lite/micro/tools/make/downloads"), Path("third_party"))
_FLATBUFFERS = Path("flatbuffers/include")
_OTHERS = (Path("gemmlowp"), Path("ruy"))
# `TfLiteStatus AddConv2D(... Register_CONV_2D()) { return AddBuiltin(BuiltinOperator_CONV_2D, ...`
_METHOD = re.compile(
    r"TfLiteStatus (?P<method>Add\w+)\((?P<parameters>[^{]*)\{\s*"
    r"return AddBuiltin\(\s*BuiltinOperator_(?P<kind>\w+),"
)
_REGISTRATION = re.compile(r"\b(?:\w+::)*(Register_\w+)\(")
_REQUIRED_VERSION = re.compile(r"FLATBUFFERS_VERSION_(?:MAJOR|MINOR|REVISION) == (\d+)")
_ACTUAL_VERSION = re.compile(r"#define FLATBUFFERS_VERSION_(?:MAJOR|MINOR|REVISION) (\d+)")
_CMSIS_NN = "arm_convolve_"  # prefix of functions that only optimized kernels have
_GIT_DEADLINE = 20.0  # seconds


@dataclass(frozen=True)
class Method:
    """The resolver's method that adds an operator, and the function that registers its kernel."""

    name: str
    registration: str


@dataclass(frozen=True)
class TflmTree:
    """A TFLM tree with a library that was built in it.

    `kernels` is "cmsis-nn" or "reference", according to the library. `methods` maps the kind of
    an operator, such as "CONV_2D", to its method.
    """

    root: Path
    archive: Archive
    includes: tuple[Path, ...]
    kernels: str
    revision: str
    methods: dict[str, Method]

    @property
    def version(self) -> str:
        """The tree's commit, or the library's digest, and the kernels."""
        return f"tflm {self.revision} ({self.kernels} kernels)"

    @property
    def headers(self) -> tuple[Path, ...]:
        """The headers that the adapter includes directly."""
        return tuple(self.root / path for path in (_INTERPRETER, _RESOLVER, _SCHEMA))

    def check_kernel(self, kind: str) -> Method:
        """Return the method that adds operator `kind`; `InputError` if there is no kernel."""
        method = self.methods.get(kind)
        if method is None:
            raise InputError(
                f"this TFLM has no operator {kind}",
                where=str(self.root),
                remedy="replace it in the model by operators that TFLM has",
            )
        if not any(method.registration in name for name in self.archive.symbols):
            raise InputError(
                f"has no kernel for {kind}: tflite::{method.registration} is missing",
                where=str(self.archive.path),
                remedy="build the library with this kernel's source, or with all kernels",
            )
        return method


def find_tree(directory: Path | None) -> TflmTree:
    """Return the tree at `directory` or above it, with the library below `directory`.

    If a tree has several libraries, `directory` selects one: the folder that it was built in.
    Raises `InputError` if there is no tree or library, or if its parts do not match.
    """
    if directory is None:
        raise InputError("engine tflm needs a TFLM tree with a built library", remedy=HOW_TO_NAME)
    if not directory.is_dir():
        raise InputError("is not a folder", where=str(directory), remedy=HOW_TO_NAME)
    directory = directory.resolve()
    root = next(
        (folder for folder in (directory, *directory.parents) if (folder / _INTERPRETER).is_file()),
        None,
    )
    if root is None:
        raise InputError(
            f"is not in a TFLM tree: there is no {_INTERPRETER}",
            where=str(directory),
            remedy=HOW_TO_NAME,
        )
    third_party = _third_party(root)
    _check_flatbuffers(root, third_party)
    archive = read_archive(_library(directory))
    cmsis_nn = any(name.startswith(_CMSIS_NN) for name in archive.symbols)
    return TflmTree(
        root=root,
        archive=archive,
        includes=(root, third_party / _FLATBUFFERS, *(third_party / name for name in _OTHERS)),
        kernels="cmsis-nn" if cmsis_nn else "reference",
        revision=_revision(root, archive.path),
        methods=_methods(root / _RESOLVER),
    )


def _library(directory: Path) -> Path:
    libraries = sorted(directory.rglob(LIBRARY))
    if not libraries:
        raise InputError(
            f"has no {LIBRARY} below it",
            where=str(directory),
            remedy="build it: make -f tensorflow/lite/micro/tools/make/Makefile "
            "TARGET=cortex_m_generic TARGET_ARCH=cortex-m4+fp OPTIMIZED_KERNEL_DIR=cmsis_nn "
            "microlite",
        )
    if len(libraries) > 1:
        raise InputError(
            f"has {len(libraries)} libraries below it: "
            + ", ".join(str(path.relative_to(directory).parent) for path in libraries),
            where=str(directory),
            remedy="give the folder of one of them: --tflm-dir=" + str(libraries[0].parent),
        )
    return libraries[0]


def _third_party(root: Path) -> Path:
    for folder in _THIRD_PARTY:
        if (root / folder / _FLATBUFFERS / "flatbuffers/flatbuffers.h").is_file():
            return root / folder
    raise InputError(
        "there is no flatbuffers/include in "
        + " or ".join(folder.as_posix() for folder in _THIRD_PARTY),
        where=str(root),
        remedy="let TFLM's Makefile download it, or create the tree with create_tflm_tree.py",
    )


def _check_flatbuffers(root: Path, third_party: Path) -> None:
    """Check the version of flatbuffers, which the schema's header asserts at compile time."""
    required = _REQUIRED_VERSION.findall((root / _SCHEMA).read_text(errors="replace"))
    base = third_party / _FLATBUFFERS / "flatbuffers/base.h"
    actual = _ACTUAL_VERSION.findall(base.read_text(errors="replace")) if base.is_file() else []
    if required and actual and required != actual:
        raise InputError(
            f"is flatbuffers {'.'.join(actual)}, but this TFLM's schema needs {'.'.join(required)}",
            where=str(base),
            remedy=f"put flatbuffers {'.'.join(required)} there, as TFLM's Makefile does",
        )


def _methods(header: Path) -> dict[str, Method]:
    methods: dict[str, Method] = {}
    for match in _METHOD.finditer(header.read_text(errors="replace")):
        registration = _REGISTRATION.search(match["parameters"])
        name = registration[1] if registration else f"Register_{match['kind']}"
        methods.setdefault(match["kind"], Method(match["method"], name))
    if not methods:
        raise InputError(
            "declares its operators in an unknown format",
            where=str(header),
            remedy="use a TFLM of 2023 or newer",
        )
    return methods


def _revision(root: Path, library: Path) -> str:
    """Return the tree's commit if it is a checkout, otherwise the library's digest."""
    if (root / ".git").exists():
        git = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=10", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_GIT_DEADLINE,
            check=False,
        )
        if git.returncode == 0:
            return git.stdout.strip()
    return f"library {sha256(library.read_bytes()).hexdigest()[:10]}"
