"""Debian for arm64 in a folder, whose programs QEMU's user emulation runs.

Each command runs in namespaces of its own: its mounts and its processes end with it, however it
ends. Only the kernel's entry for arm64 programs is shared; it is removed if it was not there.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SUITE = "bookworm"  # its Python is 3.11, the oldest that the harness runs on
PACKAGES = ("python3-venv", "ca-certificates", "gcc-arm-none-eabi", "libnewlib-arm-none-eabi")
NEEDED = {
    "debootstrap": "debootstrap",
    "qemu-aarch64-static": "qemu-user-static",
    "unshare": "util-linux",
    "chroot": "coreutils",
}
"""Programs, and the packages of Debian and Ubuntu that have them."""

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_ENTRY = "qemu-aarch64"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_FROM_THE_HOST = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What an ELF file of 64 bits for arm64 begins with; F: the interpreter is opened now, outside.
_REGISTER = (
    rf":{_ENTRY}:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:%s:F"
)
_MOUNTS = (
    'mount --rbind /dev "$0/dev"; mount -t proc proc "$0/proc"; mount -t tmpfs tmpfs "$0/tmp"; '
    'exec chroot "$0" "$@"'
)
_BOOTSTRAP_DEADLINE = 3600  # seconds


def what_is_missing() -> str:
    """Return what this machine lacks, and how to install it; empty if nothing."""
    if sys.platform != "linux":
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root, to make and enter a folder of Debian"
    packages = [package for name, package in NEEDED.items() if shutil.which(name) is None]
    if not _KEYRING.exists():
        packages.append("debian-archive-keyring")
    return f"needs packages: apt-get install {' '.join(packages)}" if packages else ""


class DebianFolder:
    """The folder at `root`; it is made if it is not there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not root.exists():
            self._make()
        for name in _FROM_THE_HOST:  # how this machine reaches its package registry
            if Path(name).exists():
                shutil.copyfile(name, self.inside(name))

    def inside(self, path: str) -> Path:
        """Return where a path inside the folder lies outside."""
        return self.root / path.lstrip("/")

    def run(self, command: Sequence[str], deadline: float, folder: str = "/") -> int:
        """Run a command inside, in `folder`; return its exit code, 124 after `deadline` seconds."""
        change = ["env", "-C", folder, "HOME=/root", f"PATH={_PATH}", "LC_ALL=C.UTF-8"]
        return _run(["sh", "-ec", _MOUNTS, str(self.root), *change, *command], deadline)

    def _make(self) -> None:
        print(f"Making Debian for arm64 in {self.root}: about 10 minutes ...", flush=True)
        unfinished = self.root.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        command = ["debootstrap", "--arch=arm64", "--variant=minbase"]
        command += [f"--keyring={_KEYRING}", f"--include={','.join(PACKAGES)}", SUITE]
        if code := _run([*command, str(unfinished)], _BOOTSTRAP_DEADLINE):
            log = unfinished / "debootstrap" / "debootstrap.log"
            sys.exit(f"debootstrap ended with exit code {code}: see {log}")
        unfinished.rename(self.root)


def _run(command: Sequence[str], deadline: float) -> int:
    """Run a command in namespaces of its own; the kernel ends all its processes with the first."""
    isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *command]
    with subprocess.Popen(isolated, stdin=subprocess.DEVNULL) as process:
        try:
            return process.wait(deadline)
        except subprocess.TimeoutExpired:
            print(f"after {deadline:,} seconds this still runs: {command}", file=sys.stderr)
            return 124
        finally:
            process.kill()


@contextmanager
def arm64_programs() -> Iterator[None]:
    """Let the kernel run arm64 programs, by QEMU."""
    mounted = (_BINFMT / "register").exists()
    if not mounted:
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT], check=True)
    registered = (_BINFMT / _ENTRY).exists()
    try:
        if not registered:
            entry = _REGISTER % shutil.which("qemu-aarch64-static")
            (_BINFMT / "register").write_text(entry, encoding="ascii")
        yield
    finally:
        if not registered and (_BINFMT / _ENTRY).exists():
            (_BINFMT / _ENTRY).write_text("-1", encoding="ascii")
        if not mounted:
            subprocess.run(["umount", _BINFMT], check=False)
