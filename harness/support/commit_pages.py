"""Where the web pages of a repository's commits are."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from harness.support.ci_job import safe_url
from harness.support.git_commit import git

HASH = "{hash}"
"""Stands for a commit's full hash in the address of its page."""
_SCP = re.compile(r"(?:[^@/\s]+@)?([A-Za-z0-9.-]+):(?!//)(.+)")  # git@github.com:owner/name.git
_PATHS = {  # by a part of the host's name
    "github": "commit",
    "gitlab": "-/commit",
    "bitbucket.org": "commits",
    "codeberg": "commit",
    "gitea": "commit",
    "forgejo": "commit",
    "git.sr.ht": "commit",
}
_SERVERS = {"GITHUB_SERVER_URL": "commit", "CI_SERVER_URL": "-/commit"}  # what CI says of its own


def is_commit_page(address: str) -> bool:
    """Tell whether `address` is a safe web address with `HASH`."""
    return HASH in address and bool(safe_url(address.replace(HASH, "0")))


def page_of_repository(root: Path, environment: Mapping[str, str]) -> str:
    """Return the address of a commit's page, with `HASH`, from the remote of the repository.

    It is empty without a remote, or if the form of the server's addresses is not known. The
    environment of a CI job tells what its own server is.
    """
    return page_of_remote(remote_of(root), environment)


def remote_of(root: Path) -> str:
    """Return the remote of the repository, `origin` if it has it; empty without one."""
    try:
        remotes = git(root, "remote").split()
        name = "origin" if "origin" in remotes else remotes[0]
        return git(root, "remote", "get-url", name)
    except (OSError, IndexError, subprocess.SubprocessError):
        return ""


def page_of_remote(remote: str, environment: Mapping[str, str]) -> str:
    """Return the address of a commit's page, with `HASH`, on the server of `remote`."""
    base = web_address(remote)
    host = _host(base)
    own = (path for name, path in _SERVERS.items() if _host(environment.get(name, "")) == host)
    known = (path for part, path in _PATHS.items() if part in host)
    path = next(own, "") or next(known, "") if host else ""
    return f"{base}/{path}/{HASH}" if path else ""


def web_address(remote: str) -> str:
    """Return the address of the repository's page; empty if `remote` is a path or not safe."""
    if scp := _SCP.fullmatch(remote):
        host, path = scp.groups()
        return _safe_address("https", host, path)
    try:
        parts = urlsplit(remote)
    except ValueError:
        return ""
    if parts.scheme in {"http", "https"}:
        return _safe_address(parts.scheme, parts.netloc.rpartition("@")[2], parts.path)
    if parts.scheme in {"ssh", "git", "git+ssh"} and parts.hostname:
        return _safe_address("https", parts.hostname, parts.path)  # the port is that of SSH
    return ""


def _safe_address(scheme: str, host: str, path: str) -> str:
    path = path.strip("/").removesuffix(".git")
    return safe_url(f"{scheme}://{host}/{path}") if host and path else ""


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""
