"""The Arduino library: firmware/arduino and the link, laid out as Arduino's tools want it.

Library specification 1.5, revision 2.2. It is put together from the one source of the link: tools
of Arduino follow no path out of a library, and refuse symbolic links.
"""

import shutil
import sys
from pathlib import Path

from harness.errors import InputError
from harness.support import bundled_files

NAME = "TinyMLHarness"


def assemble(libraries: Path) -> Path:
    """Put the library into the folder `libraries`, in the place of an older one; return its folder.

    Files keep their times of change, by which compilers see what is new. Raises `InputError` if
    there is something else by that name.
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
    """Return the folder that Arduino's tools call the user directory, where it is by default."""
    # arduino-cli's documentation, "Configuration", directories.user
    home = Path.home()
    return home / "Arduino" if sys.platform == "linux" else home / "Documents" / "Arduino"


def _check_ours(library: Path) -> None:
    try:
        lines = (library / "library.properties").read_text().splitlines()
    except OSError:
        lines = []
    if f"name={NAME}" not in lines:
        raise InputError(
            "is there already, and is not this library",
            where=str(library),
            remedy="move it away, or choose another folder with --sketchbook",
        )
