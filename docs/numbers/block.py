"""A block of numbers: how it is made, and what it depends on.

A block is old if its digest is not today's. The digest covers what can change a number, and as
little else as possible:

- the firmware's sources for the target's port, the C that the engine generates for the model, and
  the target file. The generated C stands for the engine: a change of the engine ages only those
  blocks whose C it changes.
- the model's network, description and vectors.
- the harness's sources that count, estimate or print, as the block names them, and the function
  that makes the block.

Comments and docstrings are left out, so correcting one ages nothing. The simulator's sources are
left out, too: its counts are exact, and its own tests compare them with QEMU's. The compiler and
the engine's library are not part of the digest, because they belong to the machine and not to
the repository. The line below the block names them, and numbers are compared only where they are
the same.
"""

import hashlib
import inspect
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from docs.numbers.significant_text import (
    c_text,
    cmake_text,
    python_text,
    significant_text,
)
from docs.numbers.workbench import Workbench
from harness.engines.cmsis_nn import CmsisNN
from harness.image.firmware_sources import firmware_sources
from harness.image.toolchain import find_toolchain
from harness.model.folder import load_model
from harness.report.plain_text import shown_compiler
from harness.target.find_target import load_target

_DIGITS = 16
_LIBRARY = re.compile(r'^set\(CMSIS_\w+ .*$|"\$\{CMSIS_NN_DIR\}|\bREGEX .*$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """How a block is made, and what it depends on.

    `make` returns Markdown. `images` are the targets and models of the images that it measures,
    compiled with `toolchains`; `models` are those whose files it reads; `sources` are patterns of
    files that count, estimate or print. A `cheap` block is made again by the tests.
    """

    make: Callable[[Workbench], str]
    images: tuple[tuple[str, str], ...] = ()
    toolchains: tuple[str, ...] = ("gcc",)
    models: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    cheap: bool = True

    def digest(self, root: Path) -> str:
        """Return the digest of what the block depends on in the repository `root`."""
        return _hash("\n".join(self._dependencies(root)))[:_DIGITS]

    def tools(self) -> frozenset[str]:
        """Return the compilers and the engine on this machine that decide the numbers.

        Raises `InfrastructureError` if a compiler is missing.
        """
        if not self.images:
            return frozenset()
        compilers = (find_toolchain(name).version for name in self.toolchains)
        return frozenset({CmsisNN().version, *map(shown_compiler, compilers)})

    def _dependencies(self, root: Path) -> Iterator[str]:
        for target, model in self.images:
            yield _image(root, target, model)
        for model in sorted({*self.models, *(model for _, model in self.images)}):
            yield _model(root, model)
        make = self.make.func if isinstance(self.make, partial) else self.make
        yield _hash(python_text(inspect.getsource(make)))
        for pattern in self.sources:
            paths = sorted(root.glob(pattern))
            if not paths:
                raise LookupError(f"a block depends on {pattern}, which does not exist")
            for path in paths:
                if path.is_file():
                    yield f"{path.relative_to(root).as_posix()} {_hash(significant_text(path))}"


@cache
def _image(root: Path, target_name: str, model_name: str) -> str:
    path = root / "targets" / f"{target_name}.toml"
    target = load_target(path)
    with tempfile.TemporaryDirectory(prefix="docs-numbers-") as folder:
        model = load_model(root / "models" / model_name)
        generated = CmsisNN().generate(model.graph, Path(folder), core=target.mcu.core)
        code = c_text(generated.sources[0].read_text(encoding="utf-8"))
        build = _LIBRARY.sub("", cmake_text(generated.cmake.read_text(encoding="utf-8")))
    firmware = firmware_sources(target.port)
    files = "".join(name + _hash(significant_text(firmware[name])) for name in sorted(firmware))
    return _hash(_target(path) + files + code + build)


def _target(path: Path) -> str:
    """Return the text of a target file and of the file that it is based on."""
    text = significant_text(path)
    base = json.loads(text).get("base")
    return text + (_target(path.with_name(f"{base}.toml")) if base else "")


@cache
def _model(root: Path, name: str) -> str:
    folder = root / "models" / name
    files = ("model.toml", "model.tflite", "vectors.npz")
    return _hash("".join(significant_text(folder / file) for file in files))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
