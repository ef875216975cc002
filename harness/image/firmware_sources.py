"""The sources that an image is built from: the firmware, and the port in it or of the user."""

from pathlib import Path

from harness.support import bundled_files
from harness.target.target_file import Port

_SOURCES = {".c", ".h", ".S", ".s", ".cmake", ".ld", ".txt"}


def firmware_sources(port: Port) -> dict[str, Path]:
    """Return the sources of an image for `port` by name, which is the same on every machine."""
    firmware = bundled_files.bundled("firmware")
    files = (path.relative_to(firmware) for path in firmware.rglob("*") if path.is_file())
    ours = (file for file in files if file.suffix in _SOURCES and _is_for_port(file, port))
    sources = {file.as_posix(): firmware / file for file in ours}
    return sources | {f"port/{name}": path for name, path in own_port(port).items()}


def own_port(port: Port) -> dict[str, Path]:
    """Return the files of the user's own port by their paths in its folder; {} for ours.

    Every file counts, since nobody knows what port.cmake reads; hidden ones do not.
    """
    if not port.dir:
        return {}
    paths = {path.relative_to(port.dir): path for path in Path(port.dir).rglob("*")}
    return {
        name.as_posix(): path
        for name, path in paths.items()
        if path.is_file() and not any(part.startswith(".") for part in name.parts)
    }


def _is_for_port(file: Path, port: Port) -> bool:
    """Return whether images for `port` are made from `file`; files of other ports are not.

    Ports of one vendor share a folder, whose name is the start of theirs: stm32 for stm32f4. A
    user's own port may use files of all our ports.
    """
    top, *below = file.parts
    if top != "ports" or len(below) == 1 or below[0] == "cortexm":
        return True
    return bool(port.dir) or port.name.startswith(below[0])
