"""`--sketch`: compiles a sketch to an ELF, which then runs like one given with `--elf`."""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.image.arduino.arduino_cli import compile_sketch, find_arduino_cli
from harness.image.arduino.arduino_library import assemble
from harness.support import checked_cache
from harness.support.lease import Lease
from harness.support.whole_files import explained_errors
from harness.target.target_file import Target

_WAIT = 1800.0  # seconds to wait for another process that compiles the same sketch


def add_options(add: Callable[..., Any]) -> None:
    """Declare the options through `add`, which is argparse's or pytest's."""
    add(
        "--sketch",
        default="",
        metavar="DIR",
        help="run the Arduino sketch in DIR, which uses the library TinyMLHarness",
    )
    add(
        "--arduino-cli",
        default="",
        metavar="PATH",
        help="compile the sketch with this arduino-cli (default: the one on PATH)",
    )


def sketch_elf(options: Any, targets: Sequence[Target], builds: Path) -> Path | None:
    """Compile the sketch in `options`, parsed by argparse or pytest; return its ELF.

    Return None if they name no sketch. It is compiled in a folder of `builds`, with the harness's
    own copy of the library, whatever the user has installed. Raises `InputError` unless all
    `targets` are the same Arduino board, and if the sketch does not compile for it.
    """
    argument = getattr(options, "sketch", "")
    if not argument:
        return None
    sketch = _folder(Path(argument))
    fqbn = _board(targets)
    key = hashlib.sha256(f"{sketch}\n{fqbn}".encode()).hexdigest()[:12]
    build = builds / f"{sketch.name}-{key}"
    cli = find_arduino_cli(options.arduino_cli)
    with ExitStack() as stack:
        stack.callback(Lease(f"sketch {build.name}", wait=_WAIT).release)
        library = assemble(build / "libraries")
        objects = build / "build"  # arduino-cli links the objects that it finds there
        with explained_errors("the sketch cannot be compiled", objects):
            if os.path.lexists(objects) and not checked_cache.is_valid(objects, key):
                checked_cache.discard(objects)
            objects.mkdir(parents=True, exist_ok=True)
            elf = compile_sketch(cli, sketch, fqbn, library, objects)
            checked_cache.seal(objects, key)
        return elf


def _folder(path: Path) -> Path:
    """Return the folder of the sketch at `path`, its folder or its main file."""
    folder = (path.parent if path.suffix == ".ino" else path).resolve()
    if not (folder / f"{folder.name}.ino").is_file():
        raise InputError(
            f"has no {folder.name}.ino",
            where=f"--sketch={path}",
            remedy="give a folder with a .ino file of the same name",
        )
    return folder


def _board(targets: Sequence[Target]) -> str:
    boards = {target.arduino.fqbn: target for target in targets if target.arduino}
    for target in targets:
        if target.arduino is None:
            raise InputError(
                "the target does not name its Arduino board",
                where=str(target.path),
                remedy='add it, for example [arduino] fqbn = "arduino:mbed_nano:nano33ble"; '
                "arduino-cli board listall lists the boards",
            )
    if len(boards) > 1:
        raise InputError(
            f"the targets are different boards: {', '.join(sorted(boards))}",
            where="--sketch",
            remedy="run them one at a time: a sketch is compiled for one board",
        )
    return next(iter(boards))
