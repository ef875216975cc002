"""Where labgrid's programs are: in an environment of their own, since `pyserial-labgrid` replaces
files of `pyserial`.

`python -m tests.support.labgrid_programs` makes the environment and prints its folder of programs.
The environment variable `LABGRID_BIN` names another folder.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.support.user_folders import CACHES, own_folder

VERSION = "26.0.1"
_VARIABLE = "LABGRID_BIN"


_NAME = f"labgrid-{VERSION}-python{sys.version_info[0]}.{sys.version_info[1]}"
# Of the user, found at once: a test may choose other caches for what it runs.
_CACHES = own_folder(CACHES)


def folder() -> Path:
    """Return the folder with labgrid's programs; it may not exist."""
    if named := os.environ.get(_VARIABLE):
        return Path(named)
    return _CACHES / _NAME / "bin"


def why_not() -> str:
    """Return why labgrid's programs cannot be used; empty if they can."""
    if (folder() / "labgrid-coordinator").is_file():
        return ""
    return f"labgrid is not installed; run: {sys.executable} -m {__spec__.name}"


def make() -> Path:
    """Make the environment, if it does not exist, and return its folder of programs."""
    if why_not():
        environment = folder().parent
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        python = str(folder() / "python")
        uv = os.environ.get("UV") or shutil.which("uv")
        pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        subprocess.run([*pip, "--quiet", f"labgrid=={VERSION}"], check=True)
    return folder()


if __name__ == "__main__":
    print(make())
