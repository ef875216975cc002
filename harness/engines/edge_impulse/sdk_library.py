"""Compiles what an image needs of an SDK into a static library; the firmware's CMake runs it.

An SDK has some 800 sources, and an impulse needs 20 to 150 of them. So this program does what a
linker does with a library, but before the compiler: a source is compiled if it defines a name
that an object needs. Objects are kept for other images in `--cache`, each with the digest of its
contents in its name: those that only depend on the SDK for all exports with this SDK, those that
include headers of the model (its switches turn parts of the kernels off) for exports with the
same headers.

It imports nothing of the harness, because Ninja starts it.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

_LANGUAGES = {".c": "C", ".cc": "CXX", ".cpp": "CXX"}
_HEADERS = {".h", ".hpp"}
_PORTING = "porting"  # of platforms; the harness has its own
_DEADLINE = 600.0  # seconds for one file
_MAP = "-ffile-prefix-map="
_MISSING = re.compile(r"fatal error: (?P<header>[^\s:]+): No such file")
_SPECIAL = re.compile(r"_Z(?:T[VIST])?N?[KVr]*")  # vtables, types, nested names
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_LENGTH = re.compile(r"\d+")
_STRUCTORS = {f"{kind}{number}" for kind in "CD" for number in "123"}


class BuildError(Exception):
    """A source does not compile; the message is for people."""


@dataclass
class Names:
    """The names that an object defines, and those that it leaves to others."""

    defined: set[str] = field(default_factory=set)
    undefined: set[str] = field(default_factory=set)


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
        version = _run([self.command[0], "--version"]).stdout
        text = "\n".join(self.command[1:])
        for folder in folders:
            text = text.replace(str(folder), "@")
        return version + text


class Objects:
    """The objects of an SDK in the cache, and those that are compiled now."""

    def __init__(
        self, sdk: Path, models: Sequence[Path], compilers: dict[str, Compiler], cache: Path
    ) -> None:
        self._sdk = sdk
        self._models = models
        self._compilers = compilers
        self._own = cache / f"model-{_digest(_headers(models))[:16]}"
        self._shared = cache / "sdk"
        self._kept: dict[str, Path] = {}
        for folder in (self._own, self._shared):
            folder.mkdir(parents=True, exist_ok=True)
            self._kept |= {path.name.rpartition("+")[0]: path for path in folder.glob("*.o")}

    def provide(self, source: Path) -> Path:
        """Return the object of `source`, from the cache if it is whole there.

        Raises `BuildError` if it does not compile.
        """
        name = source.relative_to(self._sdk).as_posix().replace("/", "+")
        kept = self._kept.get(name)
        if kept is not None and kept.stem.rpartition("+")[2] == _digest([kept])[:32]:
            return kept
        with tempfile.TemporaryDirectory(dir=self._shared.parent) as folder:
            made, depends = Path(folder, "made.o"), Path(folder, "made.d")
            command = [
                *self._compilers[_LANGUAGES[source.suffix]].command,
                *("-w", "-MMD", "-MF", str(depends), "-c", str(source), "-o", str(made)),
            ]
            process = _run(command, cwd=self._sdk.parent)
            if process.returncode != 0:
                raise BuildError(self._explained(source, process.stderr))
            home = self._own if self._is_the_models(depends.read_text()) else self._shared
            target = home / f"{name}+{_digest([made])[:32]}.o"
            made.replace(target)
        return target

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


class Sources:
    """The sources of an SDK by the names that they define, as far as their text tells."""

    def __init__(self, sdk: Path) -> None:
        found = (path for path in sorted(sdk.rglob("*")) if path.suffix in _LANGUAGES)
        self._texts = {
            path: path.read_text(encoding="utf-8", errors="replace")
            for path in found
            if _PORTING not in path.relative_to(sdk).parts and path.is_file()
        }
        self._codes: dict[Path, str] = {}

    def defining(self, symbol: str) -> list[Path]:
        """Return the sources that may define `symbol`, the name in an object: likely ones first."""
        names = identifiers(symbol)
        mangled = symbol.startswith("_Z")
        mentions = [
            path
            for path, text in self._texts.items()
            if names[-1] in text and (not mangled or path.suffix != ".c")
        ]
        patterns = [_definition("::".join(names[-2:])), _definition(names[-1])]
        if symbol.startswith("_ZT"):  # a class: its vtable is with its methods
            patterns = [rf"\b{re.escape(names[-1])}\s*::"]
        ranks: dict[Path, tuple[bool, int]] = {}
        for index, pattern in enumerate(patterns):
            for path in mentions:
                if match := re.search(pattern, self._code(path), re.MULTILINE):
                    rank = (match[0][:1].isspace(), index)  # calls are indented
                    ranks[path] = min(rank, ranks.get(path, rank))
        if not mangled:  # the C library's names are called in C++, and defined in none
            ranks = {
                path: rank for path, rank in ranks.items() if path.suffix == ".c" or not rank[0]
            }
        if ranks:
            return sorted(ranks, key=lambda path: (ranks[path], path))
        return mentions if symbol.startswith("_ZN") else []  # a macro may define it

    def _code(self, path: Path) -> str:
        """Return the text of a source without comments."""
        if path not in self._codes:
            self._codes[path] = _COMMENT.sub("", self._texts[path])
        return self._codes[path]


def _definition(name: str) -> str:
    """Return the pattern of a line that defines the function or variable `name`."""
    word = rf"^[^\n;{{}}()=#,]*(?<![\w:]){re.escape(name)}"
    plain = rf"^[^\n;{{}}()=#,]*\b{re.escape(name)}"
    function = rf"{plain}\s*\([^;{{}}]*\)[^;{{}}]*\{{"
    return rf"{function}|{word}\s*(?:\[[^\]]*\]\s*)*=[^=]"


def identifiers(symbol: str) -> list[str]:
    """Return the identifiers of a symbol: "tflite", "Register_ADD" of `_ZN6tflite12Register_ADDEv`.

    A constructor's last two are the same.
    """
    special = _SPECIAL.match(symbol)
    if special is None:
        return [symbol]
    names, at = [], special.end()
    while length := _LENGTH.match(symbol, at):
        at = length.end() + int(length[0])
        names.append(symbol[length.end() : at])
    if symbol[at : at + 2] in _STRUCTORS:
        names.append(names[-1])
    return names or [symbol]


def needed_objects(
    names: dict[Path, Names], sources: Sources, objects: Objects, read_names: "ReadNames"
) -> list[Path]:
    """Return the SDK's objects that the objects with `names` need, in order.

    Raises `BuildError` if a source that is needed does not compile.
    """
    defined = set().union(*(each.defined for each in names.values()))
    wanted = set().union(*(each.undefined for each in names.values()))
    candidates: dict[str, list[Path]] = {}  # not yet tried
    made: dict[Path, Path | BuildError] = {}
    library: list[Path] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while True:
            for symbol in sorted(wanted - defined - candidates.keys()):
                candidates[symbol] = sources.defining(symbol)
            tries = {
                symbol: candidates[symbol].pop(0)
                for symbol in sorted(wanted - defined)
                if candidates[symbol]
            }
            if not tries:
                return library
            fresh = [path for path in dict.fromkeys(tries.values()) if path not in made]
            made |= zip(fresh, pool.map(lambda path: _try(objects, path), fresh), strict=True)
            print(f"[{len(made)}/{len(made)}] of the SDK", flush=True)
            for symbol, path in tries.items():
                found = made[path]
                if symbol in defined:
                    continue
                if isinstance(found, BuildError):
                    if not candidates[symbol]:
                        raise found
                    continue
                known = read_names([found])[found]
                if symbol in known.defined:
                    library.append(found)
                    defined |= known.defined
                    wanted |= known.undefined


def _try(objects: Objects, source: Path) -> Path | BuildError:
    """Return the object of `source`, or why there is none: only some candidates are needed."""
    try:
        return objects.provide(source)
    except BuildError as error:
        return error


class ReadNames:
    """Reads the names in objects with `nm`, each object once."""

    def __init__(self, nm: str) -> None:
        self._nm = nm
        self._known: dict[Path, Names] = {}

    def __call__(self, objects: Sequence[Path]) -> dict[Path, Names]:
        """Return the names of all objects that were read, after reading `objects`, too."""
        for path in objects:
            if path in self._known:
                continue
            names = self._known.setdefault(path, Names())
            for line in _run([self._nm, "-P", "-g", str(path)]).stdout.splitlines():
                name, kind = line.split()[:2]
                if kind == "U":
                    names.undefined.add(name)
                elif kind not in "wv":
                    names.defined.add(name)
        return self._known


def _headers(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.suffix in _HEADERS)


def _digest(paths: Iterable[Path]) -> str:
    sha = hashlib.sha256()
    for path in paths:
        sha.update(path.read_bytes())
    return sha.hexdigest()


def _run(command: Sequence[str], cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_DEADLINE, check=False, cwd=cwd
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the library; return 1 and print why if that fails."""
    parser = argparse.ArgumentParser(description="Compile what an image needs of an SDK.")
    for name in ("sdk", "cache", "out", "c", "cxx"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("digest", "nm", "ar"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("objects", type=Path, nargs="+")
    given = parser.parse_args(arguments)
    compilers = {"C": Compiler.read(given.c, given.sdk), "CXX": Compiler.read(given.cxx, given.sdk)}
    folders = (given.sdk.parent, *(model.parent for model in given.model))
    keys = [compiler.key(*folders) for compiler in compilers.values()]
    key = hashlib.sha256("\n".join((given.digest, *keys)).encode()).hexdigest()
    read_names = ReadNames(given.nm)
    try:
        objects = Objects(given.sdk, given.model, compilers, given.cache / key[:24])
        first = dict(read_names(given.objects))
        library = needed_objects(first, Sources(given.sdk), objects, read_names)
    except BuildError as error:
        print(error)
        return 1
    given.out.unlink(missing_ok=True)
    archive = _run([given.ar, "rcsD", str(given.out), *map(str, library)])
    print(archive.stderr, end="")
    return archive.returncode


if __name__ == "__main__":
    sys.exit(main())
