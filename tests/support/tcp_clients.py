"""Which process of this machine is at the other end of a TCP connection, as the kernel tells it."""

import os
from pathlib import Path

_LOCAL, _INODE = 1, 9  # columns of /proc/net/tcp (proc_net(5))


def process_of(port: int) -> int:
    """Return the process that has a connection from `port` of this machine; 0 if none has."""
    inode = _inode(port)
    if not inode:
        return 0
    link = f"socket:[{inode}]"
    # The newest are the likely ones: clients come and go.
    numbers = sorted((int(each.name) for each in Path("/proc").glob("[0-9]*")), reverse=True)
    return next((number for number in numbers if _has(number, link)), 0)


def _inode(port: int) -> str:
    wanted = f":{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[_LOCAL].endswith(wanted):
            return fields[_INODE] if fields[_INODE] != "0" else ""
    return ""


def _has(number: int, link: str) -> bool:
    folder = f"/proc/{number}/fd"
    try:
        return any(os.readlink(f"{folder}/{each}") == link for each in os.listdir(folder))
    except OSError:
        return False  # it has ended, or closes descriptors
