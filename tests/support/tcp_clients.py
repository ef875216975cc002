"""Which process of this machine is at the other end of a TCP connection, as the kernel tells it."""

import os
from pathlib import Path

_LOCAL, _REMOTE, _INODE = 1, 2, 9  # columns of /proc/net/tcp (proc_net(5))


def process_of(port: int, to: int) -> int:
    """Return the process with a connection from `port` to the port `to`; 0 if there is none.

    Both ports are of this machine.
    """
    inode = _inode(f":{port:04X}", f":{to:04X}")
    if not inode:
        return 0
    link = f"socket:[{inode}]"
    # The newest are the likely ones: clients come and go.
    numbers = sorted((int(each.name) for each in Path("/proc").glob("[0-9]*")), reverse=True)
    return next((number for number in numbers if _has(number, link)), 0)


def _inode(local: str, remote: str) -> str:
    """Return the number of a socket; empty if there is none, or if nobody has it any more."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[_LOCAL].endswith(local) and fields[_REMOTE].endswith(remote):
            return "" if fields[_INODE] == "0" else fields[_INODE]
    return ""


def _has(number: int, link: str) -> bool:
    folder = f"/proc/{number}/fd"
    try:
        return any(os.readlink(f"{folder}/{each}") == link for each in os.listdir(folder))
    except OSError:
        return False  # it has ended, or closes descriptors
