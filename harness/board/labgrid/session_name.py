"""The name under which a session holds a place: host, user and process.

A coordinator does not notice that a session was killed: the place stays acquired. The name lets
later sessions prove that nobody has it any more. It is `HOST/USER:PID-START-BOOT-NAMESPACE`; a host
that runs in another PID namespace or was booted again can prove nothing, and leaves the place.
labgrid's own client calls itself `HOST/USER`.
"""

import getpass
import os
import re
import socket
from functools import cache
from pathlib import Path
from typing import NamedTuple

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT_LENGTH = 12  # characters of it
_STATE, _START = 0, 19  # of /proc/PID/stat, behind the name of the program (proc_pid_stat(5))
_DEAD = ("Z", "X")
_NAME = re.compile(
    r"(?P<host>[^/]*)/(?P<user>.*?)(:(?P<pid>\d+)-(?P<start>\d+)-(?P<kernel>[0-9a-f]+-\d+))?"
)


class _Process(NamedTuple):
    pid: int
    start: str
    """When it started, in the kernel's ticks: another process may get the number later."""
    kernel: str
    """The running kernel and the PID namespace, in which the number means something."""


@cache
def _user() -> str:
    host = os.environ.get("LG_HOSTNAME") or socket.gethostname()  # as labgrid's client does it
    return f"{host}/{os.environ.get('LG_USERNAME') or getpass.getuser()}"


def own_name() -> str:
    """Return the name of this process's session; without Linux's /proc, it is only host/user."""
    kernel, start = _kernel(), _start(os.getpid())
    if not kernel or start is None:
        return _user()
    return f"{_user()}:{os.getpid()}-{start}-{kernel}"


def shown_name(name: str) -> str:
    """Return who `name` is, for a person."""
    found = _NAME.fullmatch(name)
    if found is None:
        return name
    process = f" (process {found['pid']})" if found["pid"] else ""
    return f"{found['user']}@{found['host']}{process}"


def is_own_user(name: str) -> bool:
    """Return whether `name` is one of this user's sessions on this host."""
    return name == _user() or name.startswith(f"{_user()}:")


def has_ended(name: str) -> bool:
    """Return whether the session `name` is this user's on this host, and its process has ended.

    Without a proof, the result is False.
    """
    found = _NAME.fullmatch(name)
    if found is None or found["pid"] is None or not is_own_user(name):
        return False
    if found["kernel"] != _kernel():
        return False
    return _start(int(found["pid"])) != found["start"]


@cache
def _kernel() -> str:
    try:
        boot = _BOOT_ID.read_text().replace("-", "")[:_BOOT_LENGTH]
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _start(pid: int) -> str | None:
    """Return when a living process started; None if there is none of this number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(") ")[2].split()
    return None if fields[_STATE] in _DEAD else fields[_START]
