"""Assembles the Arduino library from firmware/arduino and the link.

Its layout follows the library specification 1.5, revision 2.2. The link's sources are copied:
Arduino's tools follow no path out of a library and reject symbolic links.
"""

import shutil
import sys
from pathlib import Path

from harness.errors import InputError
from harness.support import bundled_files
from harness.support.home_folder import home

NAME = "TinyMLHarness"


def assemble(libraries: Path) -> Path:
    """Write the library into the folder `libraries`, replacing an older copy; return its folder.

    Files keep their modification times, so that only changed ones are compiled again. Raises
    `InputError` if something else has the library's name.
    """
    library = libraries / NAME
    if library.exists():
        _check_ours(library)
        shutil.rmtree(library)
    firmware = bundled_files.bundled("firmware")
    shutil.copytree(firmware / "arduino", library)
    link = library / "src" / "link"
    link.mkdir()
    for source in sorted((firmware / "link").glob("*.[ch]")):
        shutil.copy2(source, link)
    shutil.copy2(bundled_files.bundled("LICENSE"), library)
    return library


def sketchbook() -> Path:
    """Return the default sketchbook, which Arduino's tools call the user directory."""
    # arduino-cli's documentation, "Configuration", directories.user
    folder = home() if sys.platform == "linux" else home() / "Documents"
    return folder / "Arduino"


def _check_ours(library: Path) -> None:
    try:
        lines = (library / "library.properties").read_text().splitlines()
    except OSError:
        lines = []
    if f"name={NAME}" not in lines:
        raise InputError(
            "exists and is not this library",
            where=str(library),
            remedy="move it, or choose another folder with --sketchbook",
        )
