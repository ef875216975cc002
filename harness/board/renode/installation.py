"""Where Renode is on this machine, and how to get it."""

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

OLDEST = (1, 14)
"""The first version that has all that is asked of it; what is measured is from 1.16.1."""

_VERSION = re.compile(r"Renode v(?P<version>(\d+)\.(\d+)[.\w+-]*)")
_VERSION_DEADLINE = 30.0  # seconds
_DOWNLOAD_DEADLINE = 1800.0
RENODE_RUN = "renode-run"
GET_RENODE_RUN = "pip install git+https://github.com/antmicro/renode-run"
GET_RENODE = (
    f"get Renode with renode-run ({GET_RENODE_RUN}, then: harness setup renode), or take a "
    "package or the portable archive from github.com/renode/renode/releases and say where it "
    "is: on PATH, in $RENODE, or with --renode"
)


@dataclass(frozen=True)
class Installation:
    """A Renode: its executable, the first line of its `--version`, and how it was found."""

    executable: Path
    version: str
    found: str


class _RenodeRun(msgspec.Struct):
    """What renode-run keeps of what it has installed.

    `default` is a path, or one for each kind of build; `installations` are by path.
    """

    default: str | dict[str, str] | None = None
    installations: dict[str, object] = {}


def find_renode(asked: str = "") -> Installation:
    """Return the Renode that `--renode` asked for, else $RENODE, PATH's, or renode-run's.

    Nothing is downloaded. Raises `InfrastructureError` that says how to get one if there
    is none, or what is wrong with the one that was asked for.
    """
    for named, found in ((asked, "--renode"), (os.environ.get("RENODE", ""), "$RENODE")):
        if named:
            return Installation(*_check(_executable(Path(named).expanduser(), found), found), found)
    on_path = shutil.which("renode")
    if on_path:
        return Installation(*_check(Path(on_path), "PATH"), "PATH")
    for folder in _renode_runs():
        if (folder / "renode").is_file():
            return Installation(*_check(folder / "renode", RENODE_RUN), RENODE_RUN)
    raise InfrastructureError(
        "there is no Renode: not in $RENODE, not on PATH, not from renode-run", remedy=GET_RENODE
    )


def environment(home: Path) -> dict[str, str]:
    """Return what to run Renode with, so that it keeps its files in `home` and not the user's.

    It writes a configuration and a history, and sweeps folders called "renode-*" out of the
    temporary directory.
    """
    return {
        # Where .NET unpacks a Renode that is a single file; once is enough.
        "DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(Path.home() / ".net"),
        **os.environ,
        **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "TMPDIR"), str(home)),
    }


def download() -> None:
    """Have renode-run download and install Renode; its progress goes to the terminal."""
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


def _executable(path: Path, found: str) -> Path:
    """Return the executable at `path`, which may be the folder of a portable Renode."""
    if path.is_dir():
        path = path / "renode"
    if not path.is_file():
        raise InfrastructureError(f"there is no Renode at {path}", where=found, remedy=GET_RENODE)
    return path.absolute()


def _check(executable: Path, found: str) -> tuple[Path, str]:
    """Return the executable and its version, once it is known to be a Renode of use."""
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
            f"{executable} does not run: {error}", where=found, remedy=GET_RENODE
        ) from error
    said = _VERSION.search(output)
    if said is None:
        raise InfrastructureError(
            f"{executable} is no Renode: to --version it answers {output[:80].strip()!r}",
            where=found,
            remedy=GET_RENODE,
        )
    if (int(said[2]), int(said[3])) < OLDEST:
        raise InfrastructureError(
            f"{executable} is Renode {said['version']}, older than {OLDEST[0]}.{OLDEST[1]}",
            where=found,
            remedy=GET_RENODE,
        )
    return executable, said[0]


def _renode_runs() -> Iterator[Path]:
    """Yield the folders that renode-run has installed Renode in, its default first."""
    file = Path.home() / ".config" / "renode" / "renode-run.json"
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=_RenodeRun)
    except FileNotFoundError:
        return
    except (OSError, msgspec.DecodeError) as error:
        raise InfrastructureError(
            f"cannot be read: {error}",
            where=str(file),
            remedy="repair it with `renode-run download`, or name Renode with --renode",
        ) from error
    if isinstance(kept.default, dict):
        # renode-run's own choice is "dotnet-portable", before "mono-portable".
        yield from (Path(path) for _, path in sorted(kept.default.items()))
    elif kept.default:
        yield Path(kept.default)
    yield from map(Path, kept.installations)
