"""The objects of an SDK: compiled once, and kept in a cache for other images.

Each has the digest of its contents in its name. Those that only depend on the SDK are kept for all
exports with this SDK. Those that include headers of the model (its switches turn parts of the
kernels off) are kept for exports with the same headers.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.engines.edge_impulse_sdk.sdk_sources import LANGUAGES
from harness.support.checked_cache import UNUSED

_HEADERS = {".h", ".hpp"}
_DEADLINE = 600.0  # seconds for one file
_MAP = "-ffile-prefix-map="
_MISSING = re.compile(r"fatal error: (?P<header>[^\s:]+): No such file")


class BuildError(Exception):
    """A source does not compile; the message is for people."""


@dataclass(frozen=True)
class Compiler:
    """A compiler with its options: how each source of one language is compiled."""

    command: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, sdk: Path) -> "Compiler":
        """Read the command that CMake wrote, a word per line, without paths of one build."""
        words = [word for word in path.read_text().split("\n") if word]
        kept = [word for word in words if not word.startswith(_MAP)]
        return cls((*kept, f"{_MAP}{sdk}={sdk.name}"))

    def key(self, *folders: Path) -> str:
        """Return what decides about its objects; `folders` may lie elsewhere."""
        version = run([self.command[0], "--version"]).stdout
        text = "\n".join(self.command[1:])
        for folder in folders:
            text = text.replace(str(folder), "@")
        return version + text


class Objects:
    """The objects of an SDK in the cache, and those that are compiled now."""

    def __init__(
        self, sdk: Path, models: Sequence[Path], compilers: dict[str, Compiler], cache: Path
    ) -> None:
        """Use the folder `cache`, which only holds objects of this SDK and these compilers."""
        self._sdk = sdk
        self._models = models
        self._compilers = compilers
        self._own = cache / f"model-{_digest(_headers(models))[:16]}"
        self._shared = cache / "sdk"
        self._kept: dict[str, Path] = {}
        for folder in (self._own, self._shared):
            folder.mkdir(parents=True, exist_ok=True)
            self._kept |= {path.name.rpartition("+")[0]: path for path in folder.glob("*.o")}

    def mark_used(self) -> None:
        """Note the time, for `remove_unused`."""
        for folder in (self._own, self._shared, self._shared.parent):
            with suppress(PermissionError):  # another user's cache, which has all objects
                os.utime(folder)

    def provide(self, *sources: Path) -> Path:
        """Return the object of `sources`, compiled as one, from the cache if it is whole there.

        Raises `BuildError` if it does not compile.
        """
        name = self._name(sources)
        kept = self._kept.get(name)
        if kept is not None and kept.stem.rpartition("+")[2] == _digest([kept])[:32]:
            return kept
        with tempfile.TemporaryDirectory(dir=self._shared.parent) as folder:
            made, depends = Path(folder, "made.o"), Path(folder, "made.d")
            source = sources[0] if len(sources) == 1 else _unit(Path(folder, "unit.cpp"), sources)
            command = [
                *self._compilers[LANGUAGES[source.suffix]].command,
                *("-w", "-MMD", "-MF", str(depends), "-c", str(source), "-o", str(made)),
            ]
            process = run(command, cwd=self._sdk.parent)
            if process.returncode != 0:
                raise BuildError(self._explained(sources[0], process.stderr))
            home = self._own if self._is_the_models(depends.read_text()) else self._shared
            target = home / f"{name}+{_digest([made])[:32]}.o"
            made.replace(target)
        return target

    def _name(self, sources: Sequence[Path]) -> str:
        names = [source.relative_to(self._sdk).as_posix() for source in sources]
        if len(names) == 1:
            return names[0].replace("/", "+")
        return f"unit+{hashlib.sha256(chr(10).join(names).encode()).hexdigest()[:32]}"

    def _is_the_models(self, depends: str) -> bool:
        words = depends.replace("\\\n", " ").replace("\\ ", "\0").split()[1:]
        paths = (self._sdk.parent / word.replace("\0", " ") for word in words)
        resolved = {Path(os.path.normpath(path)) for path in paths}
        return any(path.is_relative_to(model) for path in resolved for model in self._models)

    def _explained(self, source: Path, log: str) -> str:
        missing = _MISSING.search(log)
        if missing is None:
            return log
        name = Path(missing["header"]).name
        where = source.relative_to(self._sdk.parent)
        others = [
            path.relative_to(self._sdk.parent)
            for path in sorted(self._sdk.rglob("*"))
            if path.name.lower() == name.lower()
        ]
        why = f"error: the export has no {missing['header']}, which {where} includes"
        if others:
            why += f"; it has {others[0]}: upper and lower case, or its folder, differ"
        return f"{why}\n{log}"


def _unit(path: Path, sources: Sequence[Path]) -> Path:
    """Write the source that includes all `sources` to `path`, and return that."""
    path.write_text("".join(f'#include "{source}"\n' for source in sources))
    return path


def remove_unused(cache: Path) -> None:
    """Remove what no image took an object from in the last 60 days.

    `cache` holds a folder for each SDK and its compilers; see `Objects.mark_used`.
    """
    oldest = time.time() - UNUSED
    with suppress(FileNotFoundError):  # another process removes the same
        for folder in (*cache.glob("*/"), *cache.glob("*/*/")):
            if folder.is_dir() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def _headers(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.suffix in _HEADERS)


def _digest(paths: Iterable[Path]) -> str:
    sha = hashlib.sha256()
    for path in paths:
        sha.update(path.read_bytes())
    return sha.hexdigest()


def run(command: Sequence[str], cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a tool in `cwd`, and return its exit code and what it printed."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_DEADLINE, check=False, cwd=cwd
    )
