"""What a process and its children do: their CPU time, and whether they want more of it."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

_SLEEPING = {"S", "I"}  # states of a thread that waits for something else than a CPU


class Activity(NamedTuple):
    """The CPU `seconds` of some processes; whether all their threads wait: they are `idle`.

    A stopped process is not idle, nor is one that gets no CPU on a busy machine.
    """

    seconds: float
    idle: bool


class ProcessTree:
    """The process `pid` and its children, which are known once it has any."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._processes: list[psutil.Process] = []

    def activity(self) -> Activity | None:
        """Return what the processes do; None if they have ended."""
        try:
            if len(self._processes) <= 1:  # it has not started its child yet
                root = psutil.Process(self._pid)
                self._processes = [root, *root.children(recursive=True)]
            times = [process.cpu_times() for process in self._processes]
            idle = all(_is_idle(process) for process in self._processes)
        except psutil.Error:
            self._processes = []
            return None
        return Activity(sum(time.user + time.system for time in times), idle)


def _is_idle(process: psutil.Process) -> bool:
    """Return whether every thread sleeps; macOS calls every process running that is not stopped."""
    states = set()
    for file in Path(f"/proc/{process.pid}/task").glob("*/stat"):
        with suppress(OSError):  # the thread has ended
            states.add(file.read_text().rpartition(")")[2].split()[0])
    if states:
        return states <= _SLEEPING
    return bool(process.status() == psutil.STATUS_SLEEPING)
