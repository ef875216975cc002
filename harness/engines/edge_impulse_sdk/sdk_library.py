"""Compiles what an image needs of an SDK into a static library; the firmware's CMake runs it.

An SDK has some 800 sources, and an impulse needs 10 to 100 of them. So this program does what a
linker does with a library, but before the compiler: a source is compiled if it defines a name
that the image needs.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.engines.edge_impulse_sdk.sdk_objects import (
    BuildError,
    Compiler,
    Objects,
    remove_unused,
    run,
)
from harness.engines.edge_impulse_sdk.sdk_parts import missing_names, read_parts
from harness.engines.edge_impulse_sdk.sdk_sources import Sources


class Compilation:
    """The objects of the sources that were tried.

    With `together`, some sources are compiled as one, which takes much less time. The compiler
    then inlines functions of one into another, so this is not for images.
    """

    def __init__(self, sources: Sources, objects: Objects, objdump: str, *, together: bool) -> None:
        self.sources = sources
        self.objdump = objdump
        self._objects = objects
        self._together = together
        self._made: dict[Path, Path | BuildError] = {}
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def compile(self, tries: Mapping[str, Path]) -> Mapping[Path, Path | BuildError]:
        """Return the object of each source, or why there is none; `tries` has a source per name."""
        fresh = [path for path in dict.fromkeys(tries.values()) if path not in self._made]
        unit = [path for path in fresh if self._together and self.sources.may_join(path)]
        if len(unit) > 1:
            self._made |= self._try_unit(unit, {name for name in tries if tries[name] in unit})
            fresh = [path for path in fresh if path not in self._made]
        self._made |= zip(fresh, self._pool.map(self._try, fresh), strict=True)
        print(f"[{len(self._made)}/{len(self._made)}] of the SDK", flush=True)
        return self._made

    def _try_unit(self, unit: Sequence[Path], names: set[str]) -> dict[Path, Path]:
        """Return the one object of the sources `unit`, for each of them; none if it lacks `names`.

        A name that is lacking means that a source is not needed, and may define what another does.
        """
        try:
            found = self._objects.provide(*unit)
        except BuildError:  # their private names may be the same
            return {}
        return dict.fromkeys(unit, found) if names <= read_parts(self.objdump, found).public else {}

    def _try(self, source: Path) -> Path | BuildError:
        try:
            return self._objects.provide(source)
        except BuildError as error:  # only some of the sources are needed
            return error


def needed_objects(first: Sequence[Path], compilation: Compilation) -> list[Path]:
    """Return the SDK's objects that the objects `first` need, in order.

    Raises `BuildError` if a source that is needed does not compile.
    """
    linked = [read_parts(compilation.objdump, path) for path in first]
    candidates: dict[str, list[Path]] = {}  # not yet tried
    library: list[Path] = []
    while True:
        missing = sorted(missing_names(linked))
        for symbol in missing:
            if symbol not in candidates:
                candidates[symbol] = compilation.sources.defining(symbol)
        tries = {symbol: candidates[symbol].pop(0) for symbol in missing if candidates[symbol]}
        if not tries:
            return library
        made = compilation.compile(tries)
        for symbol, path in tries.items():
            found = made[path]
            if any(symbol in parts.public for parts in linked):
                continue
            if isinstance(found, BuildError):
                if not candidates[symbol]:
                    raise found
                continue
            parts = read_parts(compilation.objdump, found)
            if symbol in parts.public:
                library.append(found)
                linked.append(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the library; return 1 and print why if that fails."""
    parser = argparse.ArgumentParser(description="Compile what an image needs of an SDK.")
    for name in ("sdk", "cache", "out", "c", "cxx"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("digest", "objdump", "ar"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("objects", type=Path, nargs="+")
    given = parser.parse_args(arguments)
    compilers = {"C": Compiler.read(given.c, given.sdk), "CXX": Compiler.read(given.cxx, given.sdk)}
    folders = (given.sdk.parent, *(model.parent for model in given.model))
    keys = [compiler.key(*folders) for compiler in compilers.values()]
    key = hashlib.sha256("\n".join((given.digest, *keys)).encode()).hexdigest()
    try:
        objects = Objects(given.sdk, given.model, compilers, given.cache / key[:24])
        objects.mark_used()
        compilation = Compilation(
            Sources(given.sdk), objects, given.objdump, together=given.together
        )
        library = needed_objects(given.objects, compilation)
    except BuildError as error:
        print(error)
        return 1
    remove_unused(given.cache)
    given.out.unlink(missing_ok=True)
    archive = run([given.ar, "rcsD", str(given.out), *map(str, library)])
    print(archive.stderr, end="")
    return archive.returncode


if __name__ == "__main__":
    sys.exit(main())
