"""Compiles what an image needs of an SDK into a static library; the firmware's CMake runs it.

An SDK has some 800 sources, and an impulse needs 10 to 100 of them. So this program does what a
linker does with a library, but before the compiler: a source is compiled if it defines a name
that the image needs.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
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


def needed_objects(
    first: Sequence[Path], sources: Sources, objects: Objects, objdump: str
) -> list[Path]:
    """Return the SDK's objects that the objects `first` need, in order.

    Raises `BuildError` if a source that is needed does not compile.
    """
    linked = [read_parts(objdump, path) for path in first]
    candidates: dict[str, list[Path]] = {}  # not yet tried
    made: dict[Path, Path | BuildError] = {}
    library: list[Path] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while True:
            missing = sorted(missing_names(linked))
            for symbol in missing:
                if symbol not in candidates:
                    candidates[symbol] = sources.defining(symbol)
            tries = {symbol: candidates[symbol].pop(0) for symbol in missing if candidates[symbol]}
            if not tries:
                return library
            fresh = [path for path in dict.fromkeys(tries.values()) if path not in made]
            made |= zip(fresh, pool.map(lambda path: _try(objects, path), fresh), strict=True)
            print(f"[{len(made)}/{len(made)}] of the SDK", flush=True)
            for symbol, path in tries.items():
                found = made[path]
                if any(symbol in parts.public for parts in linked):
                    continue
                if isinstance(found, BuildError):
                    if not candidates[symbol]:
                        raise found
                    continue
                parts = read_parts(objdump, found)
                if symbol in parts.public:
                    library.append(found)
                    linked.append(parts)


def _try(objects: Objects, source: Path) -> Path | BuildError:
    """Return the object of `source`, or why there is none: only some candidates are needed."""
    try:
        return objects.provide(source)
    except BuildError as error:
        return error


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the library; return 1 and print why if that fails."""
    parser = argparse.ArgumentParser(description="Compile what an image needs of an SDK.")
    for name in ("sdk", "cache", "out", "c", "cxx"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("digest", "objdump", "ar"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("objects", type=Path, nargs="+")
    given = parser.parse_args(arguments)
    compilers = {"C": Compiler.read(given.c, given.sdk), "CXX": Compiler.read(given.cxx, given.sdk)}
    folders = (given.sdk.parent, *(model.parent for model in given.model))
    keys = [compiler.key(*folders) for compiler in compilers.values()]
    key = hashlib.sha256("\n".join((given.digest, *keys)).encode()).hexdigest()
    try:
        objects = Objects(given.sdk, given.model, compilers, given.cache / key[:24])
        objects.mark_used()
        library = needed_objects(given.objects, Sources(given.sdk), objects, given.objdump)
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
