"""Assembles the Arduino library from firmware/arduino and the link.

Its layout follows the library specification 1.5, revision 2.2. The link's sources are copied:
Arduino's tools follow no path out of a library and reject symbolic links.
"""

import shutil
import sys
from pathlib import Path

from harness.errors import InputError
from harness.support import bundled_files, checked_cache
from harness.support.home_folder import home
from harness.support.owned_temporary import temporary_folder
from harness.support.whole_files import explained_errors

NAME = "TinyMLHarness"


def assemble(libraries: Path) -> Path:
    """Write the library into the folder `libraries`, replacing an older copy; return its folder.

    Files keep their modification times, so that only changed ones are compiled again. Raises
    `InputError` if something else has the library's name, `InfrastructureError` if the folder
    cannot be written.
    """
    library = libraries / NAME
    if library.exists():
        _check_ours(library)
    firmware = bundled_files.bundled("firmware")
    with explained_errors("the library cannot be written", libraries):
        libraries.mkdir(parents=True, exist_ok=True)
        with temporary_folder(libraries) as folder:
            new = folder / NAME
            shutil.copytree(firmware / "arduino", new)
            (new / "src" / "link").mkdir()
            for source in sorted((firmware / "link").glob("*.[ch]")):
                shutil.copy2(source, new / "src" / "link")
            shutil.copy2(bundled_files.bundled("LICENSE"), new)
            if library.exists():
                checked_cache.discard(library)
            new.rename(library)
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
