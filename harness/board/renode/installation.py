"""Finds Renode on this machine, and installs it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.errors import InfrastructureError
from harness.support.home_folder import home as user_home

OLDEST = (1, 14)
"""The first version with all the features that the harness uses; tested with 1.16.1."""

_VERSION = re.compile(r"Renode v(?P<version>(\d+)\.(\d+)[.\w+-]*)")
_VERSION_DEADLINE = 30.0  # seconds
_DOWNLOAD_DEADLINE = 1800.0
RENODE_RUN = "renode-run"
GET_RENODE_RUN = "pip install git+https://github.com/antmicro/renode-run"
GET_RENODE = (
    f"get Renode with renode-run ({GET_RENODE_RUN}, then: harness setup renode), or install a "
    "package or the portable archive from github.com/renode/renode/releases and give its "
    "location: on PATH, in $RENODE, or with --renode"
)


@dataclass(frozen=True)
class Installation:
    """A Renode: its executable, its name and version, and where it was found (`source`)."""

    executable: Path
    version: str
    source: str


class _RenodeRun(msgspec.Struct):
    """The list of installations that renode-run keeps.

    `default` is a path, or one path for each kind of build; the keys of `installations` are paths.
    """

    default: str | dict[str, str] | None = None
    installations: dict[str, object] = {}


def find_renode(option: str = "") -> Installation:
    """Return the first Renode of `option` (--renode), $RENODE, PATH, and renode-run.

    Nothing is downloaded. Raises `InfrastructureError` with instructions if there is no Renode,
    or with the reason if the selected one does not work.
    """
    for path, source in ((option, "--renode"), (os.environ.get("RENODE", ""), "$RENODE")):
        if path:
            executable = _executable(Path(os.path.expanduser(path)), source)
            return Installation(*_check(executable, source), source)
    on_path = shutil.which("renode")
    if on_path:
        return Installation(*_check(Path(on_path), "PATH"), "PATH")
    for folder in _renode_run_folders():
        if (folder / "renode").is_file():
            return Installation(*_check(folder / "renode", RENODE_RUN), RENODE_RUN)
    raise InfrastructureError(
        "Renode was not found in $RENODE, on PATH, or among renode-run's installations",
        remedy=GET_RENODE,
    )


def environment(home: Path) -> dict[str, str]:
    """Return environment variables that make Renode keep its files in `home`.

    Renode writes a configuration and a history, and deletes folders named "renode-*" in the
    temporary directory; none of that may touch the user's files.
    """
    return {
        # .NET unpacks a single-file Renode here; shared, so that it is unpacked only once.
        "DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(user_home() / ".net"),
        **os.environ,
        **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "TMPDIR"), str(home)),
    }


def download() -> None:
    """Download and install Renode with renode-run, which shows its progress in the terminal."""
    beside_python = str(Path(sys.executable).parent)
    tool = shutil.which(RENODE_RUN) or shutil.which(RENODE_RUN, path=beside_python)
    if tool is None:
        raise InfrastructureError(
            f"{RENODE_RUN}, which downloads Renode, is not on PATH", remedy=GET_RENODE_RUN
        )
    try:
        code = subprocess.run([tool, "download"], timeout=_DOWNLOAD_DEADLINE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfrastructureError(f"did not download Renode: {error}", where=tool) from error
    if code.returncode != 0:
        raise InfrastructureError(
            f"`{RENODE_RUN} download` ended with exit code {code.returncode}",
            where=tool,
            remedy="it needs builds.renode.io; without that, " + GET_RENODE.split(", or ")[1],
        )


def _executable(path: Path, source: str) -> Path:
    """Return the executable at `path`, which may be the folder of a portable Renode."""
    if path.is_dir():
        path = path / "renode"
    if not path.is_file():
        raise InfrastructureError(f"there is no Renode at {path}", where=source, remedy=GET_RENODE)
    return path.absolute()


def _check(executable: Path, source: str) -> tuple[Path, str]:
    """Return the executable and its version; raise if it is not a Renode or is too old."""
    try:
        with tempfile.TemporaryDirectory(prefix="harness-") as home:
            output = subprocess.run(
                [str(executable), "--version"],
                capture_output=True,
                text=True,
                errors="replace",
                env=environment(Path(home)),
                timeout=_VERSION_DEADLINE,
                check=False,
            ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfrastructureError(
            f"{executable} does not run: {error}", where=source, remedy=GET_RENODE
        ) from error
    version = _VERSION.search(output)
    if version is None:
        raise InfrastructureError(
            f"{executable} is not Renode: --version prints {output[:80].strip()!r}",
            where=source,
            remedy=GET_RENODE,
        )
    if (int(version[2]), int(version[3])) < OLDEST:
        raise InfrastructureError(
            f"{executable} is Renode {version['version']}, older than {OLDEST[0]}.{OLDEST[1]}",
            where=source,
            remedy=GET_RENODE,
        )
    return executable, version[0]


def _renode_run_folders() -> Iterator[Path]:
    """Yield the folders into which renode-run has installed Renode, its default first."""
    file = user_home() / ".config" / "renode" / "renode-run.json"
    try:
        installed = msgspec.json.decode(file.read_bytes(), type=_RenodeRun)
    except FileNotFoundError:
        return
    except (OSError, msgspec.DecodeError) as error:
        raise InfrastructureError(
            f"cannot be read: {error}",
            where=str(file),
            remedy="repair it with `renode-run download`, or name Renode with --renode",
        ) from error
    if isinstance(installed.default, dict):
        # renode-run itself prefers "dotnet-portable" to "mono-portable".
        yield from (Path(path) for _, path in sorted(installed.default.items()))
    elif installed.default:
        yield Path(installed.default)
    yield from map(Path, installed.installations)
