"""`--sketch`: a sketch becomes an ELF, which then goes the way of `--elf`."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.image.arduino.arduino_cli import compile_sketch, find_arduino_cli
from harness.image.arduino.arduino_library import assemble
from harness.support.lease import Lease
from harness.target.target_file import Target

_WAIT = 1800.0  # seconds that another process may take to compile the same sketch


def add_options(add: Callable[..., Any]) -> None:
    """Declare the options through `add`, which is argparse's or pytest's."""
    add(
        "--sketch",
        default="",
        metavar="DIR",
        help="run the Arduino sketch in DIR, which answers by the library TinyMLHarness",
    )
    add(
        "--arduino-cli",
        default="",
        metavar="PATH",
        help="compile the sketch with this arduino-cli (default: the one on PATH)",
    )


def sketch_elf(options: Any, targets: Sequence[Target], builds: Path) -> Path | None:
    """Compile the sketch that `options`, parsed by argparse or pytest, name; return its ELF.

    None if they name none. It is compiled in a folder of `builds`, with the harness's own copy of
    the library, whatever the user has installed. Raises `InputError` if `targets` are not all one
    board of Arduino's, or the sketch does not compile for it.
    """
    given = getattr(options, "sketch", "")
    if not given:
        return None
    sketch = _folder(Path(given))
    fqbn = _board(targets)
    key = hashlib.sha256(f"{sketch}\n{fqbn}".encode()).hexdigest()[:12]
    build = builds / f"{sketch.name}-{key}"
    cli = find_arduino_cli(options.arduino_cli)
    with ExitStack() as alone:
        alone.callback(Lease(f"sketch {build.name}", wait=_WAIT).release)
        library = assemble(build / "libraries")
        return compile_sketch(cli, sketch, fqbn, library, build / "build")


def _folder(given: Path) -> Path:
    """Return the sketch's folder, which its main file is called after."""
    folder = (given.parent if given.suffix == ".ino" else given).resolve()
    if not (folder / f"{folder.name}.ino").is_file():
        raise InputError(
            f"has no {folder.name}.ino",
            where=f"--sketch={given}",
            remedy="a sketch is a folder with a .ino file that is called as the folder is",
        )
    return folder


def _board(targets: Sequence[Target]) -> str:
    boards = {target.arduino.fqbn: target for target in targets if target.arduino}
    for target in targets:
        if target.arduino is None:
            raise InputError(
                "the target does not say which board of Arduino's it is",
                where=str(target.path),
                remedy='add it, as [arduino] fqbn = "arduino:mbed_nano:nano33ble"; '
                "arduino-cli board listall names them",
            )
    if len(boards) > 1:
        raise InputError(
            f"the targets are several boards: {', '.join(sorted(boards))}",
            where="--sketch",
            remedy="run them one after the other: a sketch is compiled for one board",
        )
    return next(iter(boards))
